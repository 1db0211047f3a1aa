"""One channel as this gateway sees it: which of its own agents are registered there, and the frames for clients."""

import asyncio
import time
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from core.presence.registry import Change, Entry
from core.presence.roster import Roster, Standing
from gateway.wire import text_frame

SNAPSHOT_NAMES: Final = 1_000

_encode: Final = msgspec.json.Encoder().encode


class Writing(Struct, frozen=True):
    """One attempt to write what is due of a channel: what Redis gets, what the other gateways are told."""

    entry: Entry
    change: Change
    taken: dict[str, Standing | None]


class Room:
    """One channel."""

    __slots__ = (
        "_held",
        "_is_whole_due",
        "_number",
        "_snapshot",
        "_unwritten",
        "id",
        "is_followed",
        "is_stale",
        "key",
        "next_frame_at",
        "reading",
        "roster",
        "timer",
        "written",
    )

    def __init__(self, channel: UUID, key: str) -> None:
        """`key` is the channel's wire id."""
        self.id = channel
        self.key = key
        self.roster = Roster()
        self.is_followed = False  # Whether there are clients here who see it.
        self.is_stale = False
        self.reading: asyncio.Task[None] | None = None
        self.next_frame_at = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.written: int | None = None  # The number that should stand in Redis.
        # By name the number of sessions here; where the last one has gone, minus the number of that leaving.
        self._held: dict[str, int] = {}
        self._unwritten: dict[str, Standing | None] = {}
        self._is_whole_due = True
        # Begun by the time, and growing more slowly: of two rooms for one channel the later has the higher numbers.
        self._number = int(time.monotonic() * 10)
        self._snapshot: bytes | None = None

    @property
    def is_held(self) -> bool:
        """Whether agents of this gateway are registered, those in their grace too."""
        return bool(self._held)

    @property
    def is_due(self) -> bool:
        """Whether there is something to write."""
        return bool(self._unwritten) or (self._is_whole_due and self.is_held)

    def hold(self, name: str) -> None:
        """One more session of this agent."""
        self._held[name] = max(0, self._held.get(name, 0)) + 1

    def let_go(self, name: str, number: int) -> bool:
        """One session less; whether it was the last one, which makes this leaving `number`."""
        count = self._held.get(name, 0)
        if count > 0:
            self._held[name] = count - 1 if count > 1 else -number
        return count == 1

    def end_leaving(self, name: str, number: int) -> bool:
        """The grace of a leaving is over; whether the agent is really gone."""
        if self._held.get(name) != -number:
            return False
        del self._held[name]
        return True

    def register(self, gateway: UUID, name: str, standing: Standing | None) -> None:
        """Change what this gateway has registered; it is due to be written then."""
        self.roster.set(gateway, name, standing)
        self._unwritten[name] = standing

    def write_anew(self) -> None:
        """Next time write everything."""
        self._is_whole_due = True

    def take_due(self, gateway: UUID) -> Writing:
        """What is to be written now."""
        taken, self._unwritten = self._unwritten, {}
        whole, self._is_whole_due = self._is_whole_due, False
        # Each attempt has a number of its own: what became of one that failed is not known.
        self._number += 1
        mine = dict(self.roster.of(gateway))
        present = mine if whole else {name: each for name, each in taken.items() if each is not None}
        gone = [name for name, each in taken.items() if each is None]
        return Writing(
            Entry(self.id, self._number, present, gone, is_empty=not mine),
            Change(gateway.bytes, self._number, whole, {**dict.fromkeys(gone), **present}),
            taken,
        )

    def put_back(self, writing: Writing) -> None:
        """It could not be written."""
        self._unwritten = writing.taken | self._unwritten
        self._is_whole_due |= writing.change.whole

    def forget_others(self) -> None:
        """What other gateways do is not heard of any more."""
        for gateway in self.roster.numbers():
            self.roster.drop(gateway)
        self.roster.difference()
        self._snapshot = None

    def outdate_snapshot(self) -> None:
        """Something has changed."""
        self._snapshot = None

    def snapshot_frame(self) -> bytes:
        """Who is here, ready for a socket."""
        if self._snapshot is None:
            found = self.roster.snapshot(SNAPSHOT_NAMES)
            frame: dict[str, Any] = {"op": "presence", "channel": self.key, "online": found.names}
            if found.changed:
                frame["changed"] = found.changed
            self._snapshot = text_frame(_encode({**frame, "count": found.count}))
        return self._snapshot

    def difference_payload(self) -> bytes | None:
        """What has changed since the last call, as JSON."""
        found = self.roster.difference()
        if found is None:
            return None
        return _encode(
            {
                "op": "presence",
                "channel": self.key,
                "joined": found.joined,
                "left": found.left,
                "changed": found.changed,
                "count": found.count,
            }
        )
