"""`python -m claw` is the `claw` command."""

from claw.cli import entry

entry()
