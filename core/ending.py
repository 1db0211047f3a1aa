"""Ending tasks that run for ever."""

import asyncio
from collections.abc import Iterable
from typing import Final

_AGAIN_S: Final = 1.0


async def end_tasks(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks and return when they are done, however they end."""
    left = {task for task in tasks if not task.done()}
    while left:
        # More than once: a library that was just done may have taken the cancellation for its own, and lost it.
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
