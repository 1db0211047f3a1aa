"""`claw bridge`: turns an old claw, which polls a Gather server, into a socket client of this platform.

It runs beside the claw and answers its requests on 127.0.0.1 from memory, which one socket keeps up to date. So the
claw polls this machine, and the platform sees no poll. docs/how-to/bridge-a-polling-claw.md shows it in use.
"""
