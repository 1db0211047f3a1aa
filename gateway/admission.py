"""Who may come in just now: the one place that refuses before the upgrade, with 503 and Retry-After.

A crowd that comes back at once is served a part at a time. So many handshakes may be under way, from the upgrade to the
answer of the first command; who comes beyond that is told at once when to try again, rather than left to wait until its
own patience is over. The waits are drawn from as long as this process will need, by its own measure, for all whom it
sent away.

A handshake that waits for the client (its token, its first command) counts for a few seconds only. Where it is us who
are late with one, nobody is let in until we have caught up, however few there are: the machine is slower than thought.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Final

from msgspec import Struct

from core.address import forwarded_address, subject_of
from core.settings import Settings

_CLIENTS_TURN_S: Final = 3.0
_LATE_S: Final = 1.5
_LONGEST_WAIT_S: Final = 30
_WHILE_DRAINING_S: Final = 2
_PER_ADDRESS_WAIT_S: Final = 10
# How fast sessions begin is measured while they do; before that, this many a second are taken for granted. Too many
# come back too early then, which costs a refusal each; too few would leave the machine idle.
_LEAST_RATE: Final = 300.0
_REMEMBERED_S: Final = 3.0


class Refusal(Struct, frozen=True):
    """Why somebody may not come in, and after how many seconds to try again."""

    text: str
    wait_s: int


class Admission:
    """The door of one process. `guest` is anything that is the same in all calls for one socket."""

    def __init__(self, settings: Settings, *, most_sockets: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most_sockets` is what the process has descriptors for."""
        self.is_closed = False
        self.refused = 0
        self._at_once = settings.most_handshakes
        self._most_sockets = most_sockets
        self._per_address = settings.most_sockets_per_address if settings.limits else 0
        self._strangers_per_address = settings.most_strangers_per_address
        self._trusted = settings.trusted_proxies
        self._clock = clock
        # The oldest first, with since when.
        self._ours: dict[Hashable, float] = {}  # We owe them a greeting.
        self._theirs: dict[Hashable, float] = {}  # They owe us a frame.
        self._arrivals = _Recent(clock)
        self._sent_away = _Recent(clock)
        self._address_of: dict[Hashable, str] = {}
        self._strangers: set[Hashable] = set()
        self._sockets: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    def address(self, peer: str, forwarded: str) -> str | None:
        """What is counted for a client's address; None where addresses are not counted."""
        return subject_of(forwarded_address(peer, forwarded, self._trusted)) if self._per_address else None

    def enter(self, guest: Hashable, address: str | None, sockets: int) -> Refusal | None:
        """Let a socket in, or say why not. `sockets` are all that are open, this one among them."""
        refusal = self._refusal(address, sockets)
        if refusal is not None:
            self.refused += 1
            return refusal
        self._theirs[guest] = self._clock()
        if address is not None:
            self._address_of[guest] = address
            self._strangers.add(guest)
            self._sockets[address] += 1
            self._unknown[address] += 1
        return None

    def token_shown(self, guest: Hashable) -> None:
        """It is on us now to greet it."""
        if self._theirs.pop(guest, None) is not None:
            self._ours[guest] = self._clock()

    def greeted(self, guest: Hashable) -> None:
        """Its session is open: it is known who it is, and its first command is awaited."""
        if self._ours.pop(guest, None) is not None:
            self._theirs[guest] = self._clock()
        self._become_known(guest)

    def arrived(self, guest: Hashable) -> None:
        """A command of it was answered."""
        if self._theirs.pop(guest, None) is not None:
            self._arrivals.add()

    def left(self, guest: Hashable) -> None:
        """The socket is gone."""
        self._ours.pop(guest, None)
        self._theirs.pop(guest, None)
        self._become_known(guest)
        address = self._address_of.pop(guest, None)
        if address is not None:
            _take_one(self._sockets, address)

    def under_way(self) -> int:
        """How many handshakes there are just now."""
        return len(self._ours) + len(self._theirs)

    def _become_known(self, guest: Hashable) -> None:
        if guest in self._strangers:
            self._strangers.discard(guest)
            _take_one(self._unknown, self._address_of[guest])

    def _refusal(self, address: str | None, sockets: int) -> Refusal | None:
        if self.is_closed:
            return Refusal("This node is stopping. Come back, and you will meet another.", _drawn(_WHILE_DRAINING_S))
        self._forget_the_slow()
        if self.under_way() >= self._at_once or self._is_late() or sockets > self._most_sockets:
            self._sent_away.add()
            rate = max(_LEAST_RATE, self._arrivals.rate())
            needed = math.ceil(self._sent_away.count() / rate)
            return Refusal("Too many are connecting just now. Come back later.", _drawn(min(needed, _LONGEST_WAIT_S)))
        if address is not None and self._sockets[address] >= self._per_address:
            text = f"{self._per_address} sockets from your address are open here. Close some first."
            return Refusal(text, _drawn(_PER_ADDRESS_WAIT_S))
        if address is not None and self._unknown[address] >= self._strangers_per_address:
            text = f"{self._strangers_per_address} sockets from your address have shown no token yet. Come back later."
            return Refusal(text, _drawn(_PER_ADDRESS_WAIT_S))
        return None

    def _is_late(self) -> bool:
        return bool(self._ours) and self._clock() - next(iter(self._ours.values())) > _LATE_S

    def _forget_the_slow(self) -> None:
        now = self._clock()
        while self._theirs:
            guest, since = next(iter(self._theirs.items()))
            if now - since < _CLIENTS_TURN_S:
                return
            del self._theirs[guest]


class _Recent:
    """Counts what happened in the last seconds: each counts less the longer it is ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0.0
        self._at = clock()

    def add(self) -> None:
        """It happened."""
        self._count = self.count() + 1

    def count(self) -> float:
        """How often it happened lately."""
        now = self._clock()
        self._count *= math.exp((self._at - now) / _REMEMBERED_S)
        self._at = now
        return self._count

    def rate(self) -> float:
        """How often a second."""
        return self.count() / _REMEMBERED_S


def _drawn(most: int) -> int:
    return random.randint(1, max(1, most))  # noqa: S311 - jitter, not a secret


def _take_one(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if not counts[address]:
        del counts[address]
