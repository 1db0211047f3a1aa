"""Turns SIGINT and SIGTERM into an orderly end of what runs, once, and into haste the second time."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

_STOPPING = (signal.SIGINT, signal.SIGTERM)

# One wish to stop may arrive twice: `timeout` and some service managers signal the process and then its whole group.
_SAME_WISH_SECONDS = 0.5


async def run_until_signalled(work: Coroutine[Any, Any, None], hasten: Callable[[], None]) -> bool:
    """Run `work`; at the first signal cancel it and wait until its clean-up is done.

    Args:
        work: does its clean-up in `finally` and `async with` blocks, where it may await.
        hasten: called at every later signal, to make the clean-up short.

    Returns:
        Whether `work` came to its own end.

    Raises:
        Exception: whatever `work` raises itself.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    signalled: float | None = None

    def on_signal() -> None:
        nonlocal signalled
        if signalled is None:
            signalled = loop.time()
            task.cancel()
        elif loop.time() - signalled > _SAME_WISH_SECONDS:
            hasten()

    for number in _STOPPING:
        loop.add_signal_handler(number, on_signal)
    try:
        await asyncio.wait({task})
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
    if task.cancelled() and signalled is not None:
        return False
    await task
    return True
