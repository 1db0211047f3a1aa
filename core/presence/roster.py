"""Who is in one channel, put together from what each gateway says of its own sessions. No I/O.

What clients are told are differences. Each names who was touched since the last one, with how it stands now: so a
snapshot taken at any moment in between, and the next difference, give what a fresh snapshot would give.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

State = Literal["online", "idle", "dnd", "offline"]
# An agent's state, and since when by the clock of Redis (milliseconds): of several the latest holds.
Standing = tuple[State, int]

_NOTHING: Final[Mapping[str, Standing]] = {}


class Snapshot(Struct, frozen=True):
    """`names` are all or the first of those present, `changed` those of them that are not just online."""

    names: list[str]
    changed: dict[str, str]
    count: int


class Difference(Struct, frozen=True):
    """To be applied in this order: who left, who joined (online then), whose state is another."""

    left: list[str]
    joined: list[str]
    changed: dict[str, str]
    count: int


class Roster:
    """One channel."""

    __slots__ = ("_members", "_numbers", "_present", "_touched")

    def __init__(self) -> None:
        self._members: dict[UUID, dict[str, Standing]] = {}
        self._numbers: dict[UUID, int] = {}
        self._present: dict[str, State] = {}
        # Whether the name was absent at any time since the last difference.
        self._touched: dict[str, bool] = {}

    @property
    def is_touched(self) -> bool:
        """Whether there is a difference to tell."""
        return bool(self._touched)

    def of(self, gateway: UUID) -> Mapping[str, Standing]:
        """What a gateway has registered."""
        return self._members.get(gateway, _NOTHING)

    def numbers(self) -> dict[UUID, int]:
        """How far the changes of each gateway are known."""
        return dict(self._numbers)

    def set(self, gateway: UUID, name: str, standing: Standing | None) -> None:
        """Register one name for a gateway, with None take it away."""
        members = self._members.setdefault(gateway, {})
        if standing is None:
            members.pop(name, None)
            if not members:
                del self._members[gateway]
        else:
            members[name] = standing
        self._merge(name)

    def apply(self, gateway: UUID, number: int, changes: Mapping[str, Standing | None]) -> bool:
        """Take the changes that a gateway has numbered; False where some before them are missing."""
        known = self._numbers.get(gateway)
        if known is None or number > known + 1:
            return False
        if number == known + 1:
            self._numbers[gateway] = number
            for name, standing in changes.items():
                self.set(gateway, name, standing)
        return True

    def replace(self, gateway: UUID, number: int, members: Mapping[str, Standing]) -> None:
        """Take all that a gateway has registered, unless later changes of it are known already."""
        if number < self._numbers.get(gateway, number):
            return
        self._numbers[gateway] = number
        for name in [*self.of(gateway)]:
            if name not in members:
                self.set(gateway, name, None)
        for name, standing in members.items():
            self.set(gateway, name, standing)

    def drop(self, gateway: UUID) -> list[str]:
        """Forget a gateway; the names that it had."""
        self._numbers.pop(gateway, None)
        names = [*self._members.pop(gateway, _NOTHING)]
        for name in names:
            self._merge(name)
        return names

    def snapshot(self, most: int) -> Snapshot:
        """Who is present, at most so many names."""
        some = [*islice(self._present.items(), most)]
        changed: dict[str, str] = {name: state for name, state in some if state != "online"}
        return Snapshot([name for name, _ in some], changed, len(self._present))

    def difference(self) -> Difference | None:
        """What is to be told since the last call; None where that is nothing."""
        if not self._touched:
            return None
        left: list[str] = []
        joined: list[str] = []
        changed: dict[str, str] = {}
        for name, was_absent in self._touched.items():
            state = self._present.get(name)
            if state is None:
                left.append(name)
                continue
            if was_absent:
                joined.append(name)
            if not was_absent or state != "online":
                changed[name] = state
        self._touched = {}
        return Difference(left, joined, changed, len(self._present))

    def _merge(self, name: str) -> None:
        before = self._present.get(name)
        standings = [members[name] for members in self._members.values() if name in members]
        now = max(standings, key=_by_time)[0] if standings else None
        if now == before:
            return
        self._touched[name] = self._touched.get(name, False) or before is None
        if now is None:
            del self._present[name]
        else:
            self._present[name] = now


def _by_time(standing: Standing) -> tuple[int, str]:
    # The word decides between equal times: any rule does that is the same everywhere.
    return standing[1], standing[0]
