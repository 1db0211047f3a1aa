"""Sending the sockets of a stopping node away, so that the others can take them in one after the other.

They are told to come back a few at a time, evenly over the drain, and each after a wait of its own; the wait is short,
below the grace that presence gives, so that nobody is seen to leave. What was accepted from a client is finished before
its socket is closed. Whoever does not read, or waits for a store that does not answer, is cut off in the end.
"""

import asyncio
import math
import random
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from msgspec import Struct

# A few sockets need no ceremony: not more slowly than this.
_LEAST_PER_S: Final = 200.0
_LONGEST_WAIT_S: Final = 2.5
_STEP_S: Final = 0.1
_FINISHING_S: Final = 5.0
# A little more than a peer is given to answer a closing frame.
_CLOSING_S: Final = 3.5


class Guest(Protocol):
    """What is sent away."""

    def leave(self, after_ms: int) -> None:
        """Be told to come back after so long, and go once all that was accepted is done."""

    def finish(self) -> None:
        """Go now."""

    def cut(self) -> None:
        """Be gone."""


class Plan(Struct, frozen=True):
    """Who is told within `telling_s` comes back within `waiting_s` of it; together they are the drain."""

    telling_s: float
    waiting_s: float

    @classmethod
    def of(cls, count: int, seconds: float) -> "Plan":
        """For so many sockets and at most so long a drain."""
        whole = min(seconds, count / _LEAST_PER_S)
        waiting = min(whole / 2, _LONGEST_WAIT_S)
        return cls(whole - waiting, waiting)

    def told_by(self, elapsed: float, count: int) -> int:
        """How many of `count` are to be told by now."""
        return count if elapsed >= self.telling_s else math.ceil(count * elapsed / self.telling_s)

    def after_ms(self) -> int:
        """A client's own wait."""
        return int(random.uniform(0, self.waiting_s) * 1000)  # noqa: S311 - jitter, not a secret


async def send_away(guests: AbstractSet[Guest], gone: asyncio.Event, seconds: float) -> None:
    """Send all of `guests` away within `seconds` and return when they are gone; nobody joins them meanwhile.

    They leave the set as they go, and `gone` is set with the last one. Returns at the latest nine
    seconds after the last one was told.
    """
    loop = asyncio.get_running_loop()
    crowd = list(guests)
    plan = Plan.of(len(crowd), seconds)
    begun, told = loop.time(), 0
    while told < len(crowd):
        due = plan.told_by(loop.time() - begun, len(crowd))
        for guest in crowd[told:due]:
            guest.leave(plan.after_ms())
        told = due
        if told < len(crowd):
            await asyncio.sleep(min(_STEP_S, plan.telling_s))
    if not await _is_set(gone, _FINISHING_S):
        for guest in list(guests):
            guest.finish()
        if not await _is_set(gone, _CLOSING_S):
            for guest in list(guests):
                guest.cut()


async def _is_set(event: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
