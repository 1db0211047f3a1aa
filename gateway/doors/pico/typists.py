"""Who writes in which channel, as start and stop: the platform only knows that somebody is writing just now."""

import asyncio
from collections.abc import Callable
from typing import Final

_TYPING_S: Final = 10.0


class Typists:
    """The channels of one connection in which somebody is writing."""

    def __init__(self, on_end: Callable[[str], None]) -> None:
        """`on_end` is told of a channel in which nobody was heard to write for ten seconds."""
        self._on_end = on_end
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def began(self, channel: str) -> bool:
        """Somebody is writing; whether nobody was before."""
        is_new = not self.ended(channel)
        self._timers[channel] = asyncio.get_running_loop().call_later(_TYPING_S, self._over, channel)
        return is_new

    def ended(self, channel: str) -> bool:
        """Somebody has written; whether one was known to be writing."""
        timer = self._timers.pop(channel, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def stop(self) -> None:
        """Forget all."""
        for channel in list(self._timers):
            self.ended(channel)

    def _over(self, channel: str) -> None:
        if self.ended(channel):
            self._on_end(channel)
