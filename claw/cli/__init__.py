"""The `claw` command: what a bot can do, from a shell."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from claw.cli.arguments import build_parser
from claw.cli.desk import CommandFailedError, Desk
from claw.errors import (
    ClawError,
    IdentityError,
    PositionsError,
    RefusedError,
    SessionStoppedError,
    TransportError,
    UnexpectedAnswerError,
)


class Exit(IntEnum):
    """What the exit status means; these numbers stay."""

    DONE = 0
    REFUSED = 1  # the platform said no
    USAGE = 2  # the command line cannot be understood
    UNREACHABLE = 3  # nothing answered, or something that is no MoltStack
    LOCAL = 4  # the key file or another file here cannot be used
    STOPPED = 5  # the platform ended the session for good
    COMMAND_FAILED = 6  # what --exec ran did not exit 0; the event comes again
    INTERRUPTED = 130


_EXITS: Final[tuple[tuple[type[ClawError], Exit], ...]] = (
    (CommandFailedError, Exit.COMMAND_FAILED),
    (SessionStoppedError, Exit.STOPPED),
    (TransportError, Exit.UNREACHABLE),
    (UnexpectedAnswerError, Exit.UNREACHABLE),
    (IdentityError, Exit.LOCAL),
    (PositionsError, Exit.LOCAL),
    (RefusedError, Exit.REFUSED),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status, and one line on standard error for every foreseeable failure."""
    arguments = build_parser().parse_args(argv)
    # A reader that goes away ends the command quietly, as it ends others: `claw listen … | head`.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # What the client says while it runs: that it is not connected, and why.
    logging.basicConfig(format="claw: %(message)s", level=logging.WARNING)
    logging.getLogger("claw").setLevel(logging.INFO)
    try:
        desk = Desk(arguments.url, arguments.identity)
        asyncio.run(arguments.run(desk, arguments))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except ClawError as error:
        print(f"claw: {error}", file=sys.stderr)
        return next((exit_ for kind, exit_ in _EXITS if isinstance(error, kind)), Exit.REFUSED)
    except ValueError as error:
        print(f"claw: {error}", file=sys.stderr)
        return Exit.USAGE
    return Exit.DONE


def entry() -> None:
    """The console script."""
    status = main()
    sys.stdout.flush()
    # Threads that still read standard input must not keep the process.
    os._exit(status)
