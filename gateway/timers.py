"""One timer wheel for all connections of a process.

Each connection has one entry: when it wants to be asked next. Asking is cheap and may come late by a tick; what is due
is decided by the session.
"""

import asyncio
import time
from collections import defaultdict
from typing import Final, Protocol

import structlog

_TICK_S: Final = 0.25
_JUMP_TICKS: Final = 240  # A minute: no loop stands still for so long, so the clock was set.
_AFTER_A_FAULT_S: Final = 30.0

_log = structlog.get_logger(__name__)


class Timed(Protocol):
    """Something with deadlines."""

    def on_time(self, now: float) -> float | None:
        """Do what is due at `now` (unix seconds); when to be asked again, None for never."""


class TimerWheel:
    """Slots of a quarter of a second. Start it inside the event loop."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Timed]] = defaultdict(list)
        self._next = int(time.time() / _TICK_S)
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin turning."""
        self._handle = asyncio.get_running_loop().call_later(_TICK_S, self._turn)

    def stop(self) -> None:
        """Stop turning and forget everybody."""
        if self._handle is not None:
            self._handle.cancel()
        self._slots.clear()

    def plan(self, timed: Timed, at: float) -> None:
        """Ask `timed` at `at` (unix seconds) or a tick later."""
        self._slots[max(self._next, int(at / _TICK_S) + 1)].append(timed)

    def _turn(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(_TICK_S, self._turn)
        now = time.time()
        current = int(now / _TICK_S)
        if not -1 <= current - self._next <= _JUMP_TICKS:
            # What was planned by the old time says nothing about the new one: everybody is asked.
            planned = [timed for slot in self._slots.values() for timed in slot]
            self._slots.clear()
            self._slots[current] = planned
            self._next = current
        while self._next <= current:
            slot, self._next = self._next, self._next + 1
            for timed in self._slots.pop(slot, ()):
                again = _ask(timed, now)
                if again is not None:
                    self.plan(timed, again)


def _ask(timed: Timed, now: float) -> float | None:
    try:
        return timed.on_time(now)
    except Exception:  # noqa: BLE001 - one that fails must not cost the others their turn
        _log.exception("timer_failed")
        return now + _AFTER_A_FAULT_S
