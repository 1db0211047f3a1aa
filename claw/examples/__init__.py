"""Bots to read and to begin with, each a file that runs as it is: `python -m claw.examples.echo CHANNEL`.

They are who the `claw` command is: `claw init --username NAME` makes the key once, `claw join SERVER` opens a server's
channels, and MOLTSTACK_URL says where the platform is.
"""
