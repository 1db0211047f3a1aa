"""Which gateways live, as far as one process can tell from the stamps that they leave in Redis. No I/O, no clock.

A stamp is the time of Redis. That it changes is what counts, so no two clocks are compared, except for a gateway that
is met for the first time: whether its stamp is old can only be told by the clock that made it.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from msgspec import Struct

LOST_AFTER_S: Final = 5.0


class News(Struct, frozen=True):
    """Gateways that were not known to live, and those that are lost."""

    arrived: set[UUID]
    lost: set[UUID]


class Peers:
    """The gateways. Times are in seconds of any clock that does not go back; stamps in milliseconds."""

    def __init__(self) -> None:
        self.alive: set[UUID] = set()
        self._stamps: dict[UUID, int] = {}
        self._seen: dict[UUID, float] = {}

    def observe(self, stamps: Mapping[UUID, int], redis_now: int, now: float) -> News:
        """Look at all stamps."""
        arrived: set[UUID] = set()
        for gateway, stamp in stamps.items():
            known = self._stamps.get(gateway)
            self._stamps[gateway] = stamp
            is_old = known is None and redis_now - stamp > LOST_AFTER_S * 1000
            if stamp != known and not is_old:
                self._seen[gateway] = now
                if gateway not in self.alive:
                    arrived.add(gateway)
        self.alive |= arrived
        lost = {gateway for gateway in self.alive if now - self._seen[gateway] > LOST_AFTER_S}
        self.alive -= lost
        for gateway in [*self._stamps]:
            if gateway not in stamps and gateway not in self.alive:
                del self._stamps[gateway]
        return News(arrived, lost)

    def meet(self, gateway: UUID, now: float) -> None:
        """A gateway was heard from otherwise."""
        if gateway not in self.alive:
            self.alive.add(gateway)
            self._seen[gateway] = now

    @property
    def lost(self) -> set[UUID]:
        """Those that are known, and do not live any more."""
        return self._stamps.keys() - self.alive

    def rearm(self, now: float) -> None:
        """Stamps could not be read for a while: nobody is blamed for that."""
        self._seen = dict.fromkeys(self.alive, now)
