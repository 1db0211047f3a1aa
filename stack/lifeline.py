"""How a child learns that its supervisor is gone: its standard input ends.

The supervisor holds the only writing end of a pipe whose reading end is every child's standard input. Whatever
ends the supervisor, `kill -9` included, closes that end, and the kernel tells each child at once. No child polls
for its parent, and none is left behind to hold the port.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable

from core.settings import Settings

_STDIN = 0

# Nobody is left to send SIGKILL to a child that hangs while it drains, so it sets itself a limit: below the time that
# the next `moltstack up` waits for the children of a killed one, above MOLTSTACK_DRAIN_SECONDS (at most 15).
LAST_MOMENT_SECONDS = 20.0


def stop_like_sigterm() -> None:
    """Send this process SIGTERM, so that there is one way of stopping and not two."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_within(seconds: float) -> None:
    """End the process with status 1 in so many seconds, whatever hangs."""
    # A thread, because the loop may be what hangs. os._exit, because nothing else ends a process from a thread.
    limit = threading.Timer(seconds, os._exit, args=(1,))
    limit.daemon = True
    limit.start()


def watch_lifeline(settings: Settings, on_lost: Callable[[], None] = stop_like_sigterm) -> None:
    """Call `on_lost` once when standard input ends; do nothing unless `MOLTSTACK_LIFELINE` is on.

    To be called inside the running event loop, after the handlers for SIGTERM stand. Twenty seconds after the
    loss the process ends in any case, with status 1.
    """
    if not settings.lifeline:
        return
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if os.read(_STDIN, 4096):
            return  # Nobody writes into this pipe; if somebody does, it is not the end.
        loop.remove_reader(_STDIN)
        print(f"{settings.node}: the supervisor is gone, stopping", file=sys.stderr, flush=True)
        end_within(LAST_MOMENT_SECONDS)
        on_lost()

    loop.add_reader(_STDIN, readable)
