"""Who is in the channels that this gateway serves: its own agents registered, those of others heard of.

A change of our own is shown to our clients at once, written to Redis and announced to the other gateways with the next
step. Clients of a channel get at most one frame of differences a second, the first one without delay.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

import structlog

from core.ending import end_tasks
from core.presence.batch import OutOfContactError
from core.presence.peers import Peers
from core.presence.registry import PRESENCE_SEQ, Members, Registry, decode_change, encode_change
from core.presence.roster import Standing
from db.repositories.streams import StoredEvent
from gateway.presence_room import Room

GRACE_S: Final = 3.0
_FRAME_EVERY_S: Final = 1.0
_READ_AGAIN_S: Final = 0.25
_BATCH: Final = 200
# About so often each channel is compared with what lies in Redis.
_VERIFY_EVERY_S: Final = 30

_log = structlog.get_logger(__name__)


class Rooms:
    """All channels of this gateway. What needs Redis raises OutOfContactError, and goes on the next time."""

    def __init__(
        self,
        gateway: UUID,
        registry: Registry,
        peers: Peers,
        *,
        show: Callable[[UUID, bytes], bool],
        announce: Callable[[list[StoredEvent]], None],
    ) -> None:
        """`show` passes a frame to who follows a channel here and says whether anybody does.

        `announce` tells the other gateways.
        """
        self._gateway = gateway
        self._registry = registry
        self._peers = peers
        self._show = show
        self._announce = announce
        self._rooms: dict[UUID, Room] = {}
        self._due: dict[Room, None] = {}
        self._unverified: dict[Room, None] = {}
        self._garbage: list[tuple[UUID, UUID, list[str]]] = []
        self._leavings: deque[tuple[float, Room, str, int]] = deque()
        self._leaving_numbers = itertools.count(1)
        self._readings: set[asyncio.Task[None]] = set()
        self.changes = 0

    # What sessions do.

    async def open(self, channel: UUID, key: str, *, patience_s: float) -> None:
        """Begin to serve a channel whose announcements are followed already.

        Returns when it is known who is there, or after so long; those here are known in any case.
        """
        room = self._rooms.get(channel)
        if room is None:
            room = self._rooms[channel] = Room(channel, key)
        if not room.is_followed:
            room.is_followed = True
            self._read_soon(room)
        if room.reading is not None and patience_s > 0:
            await asyncio.wait({room.reading}, timeout=patience_s)

    def close(self, channel: UUID) -> None:
        """Nobody follows the channel here any more. Who has just left it is still registered for the grace."""
        room = self._rooms.get(channel)
        if room is None:
            return
        room.is_followed = False
        if room.timer is not None:
            room.timer.cancel()
            room.timer = None
        room.forget_others()
        self._drop_if_done(room)

    def enter(self, channel: UUID, name: str, standing: Standing) -> None:
        """A session of an agent here follows the channel from now on."""
        self._rooms[channel].hold(name)
        self.tell(channel, name, standing)

    def leave(self, channel: UUID, name: str) -> None:
        """A session of an agent here follows the channel no more."""
        room = self._rooms.get(channel)
        number = next(self._leaving_numbers)
        if room is not None and room.let_go(name, number):
            self._leavings.append((time.monotonic() + GRACE_S, room, name, number))

    def tell(self, channel: UUID, name: str, standing: Standing) -> None:
        """The agent, which is in the channel, has this state now."""
        room = self._rooms.get(channel)
        if room is not None and room.roster.of(self._gateway).get(name) != standing:
            self._register(room, name, standing)

    def end_leavings(self, now: float) -> None:
        """Take away those whose grace is over; `now` is monotonic."""
        while self._leavings and self._leavings[0][0] <= now:
            _, room, name, number = self._leavings.popleft()
            if room.end_leaving(name, number):
                self._register(room, name, None)

    def snapshot(self, channel: UUID) -> bytes | None:
        """The frame that says who is in the channel; None for a stream that is no channel served here."""
        room = self._rooms.get(channel)
        return None if room is None else room.snapshot_frame()

    # What other gateways do.

    def hear(self, channel: UUID, data: bytes) -> None:
        """Another gateway's change (or our own, come back)."""
        room = self._rooms.get(channel)
        change = decode_change(data)
        if room is None or not room.is_followed or change is None or change.gateway == self._gateway.bytes:
            return
        gateway = UUID(bytes=change.gateway)
        self._peers.meet(gateway, time.monotonic())
        if change.whole:
            members = {name: standing for name, standing in change.changes.items() if standing is not None}
            room.roster.replace(gateway, change.number, members)
        elif not room.roster.apply(gateway, change.number, change.changes):
            self._read_soon(room)
        self._touched(room)

    def drop(self, gateways: Iterable[UUID]) -> None:
        """Other gateways are lost, and all whom they had."""
        for gateway in gateways:
            for room in self._rooms.values():
                names = room.roster.drop(gateway)
                if names:
                    self._garbage.append((room.id, gateway, names))
                    self._touched(room)

    # What is done in steps.

    def write_all_anew(self) -> None:
        """What lies in Redis of ours may be gone, or may have been taken for that of a lost gateway."""
        for room in self._rooms.values():
            if room.is_held:
                room.write_anew()
                self._due[room] = None

    def verify_all(self) -> None:
        """Announcements may have been missed."""
        self._unverified |= dict.fromkeys(self._rooms.values())

    def verify_some(self) -> None:
        """Called once a second: each channel has its turn now and then, in case an announcement was lost unseen."""
        turn = int(time.monotonic()) % _VERIFY_EVERY_S
        self._unverified |= {room: None for room in self._rooms.values() if room.id.int % _VERIFY_EVERY_S == turn}

    async def write(self) -> None:
        """Write what is due and announce it."""
        if self._garbage:
            garbage, self._garbage = self._garbage, []
            await self._registry.clean(garbage)
        while self._due:
            await self._write(list(itertools.islice(self._due, _BATCH)))

    async def verify(self) -> None:
        """Compare channels' numbers with those in Redis, and mend what differs."""
        while self._unverified:
            rooms = list(itertools.islice(self._unverified, _BATCH))
            others = list(self._peers.alive - {self._gateway})
            rows = await self._registry.numbers([room.id for room in rooms], [self._gateway, *others])
            for room, (mine, *theirs) in zip(rooms, rows, strict=True):
                self._unverified.pop(room, None)
                if self._rooms.get(room.id) is not room:
                    continue
                if mine != room.written:
                    room.write_anew()
                    self._due[room] = None
                known = room.roster.numbers()
                if room.is_followed and any(
                    number != known.get(each) for each, number in zip(others, theirs, strict=True)
                ):
                    self._read_soon(room)

    async def stop(self) -> None:
        """Read and show nothing any more."""
        for room in self._rooms.values():
            if room.timer is not None:
                room.timer.cancel()
        await end_tasks(self._readings)

    # Inside.

    def _register(self, room: Room, name: str, standing: Standing | None) -> None:
        self.changes += 1
        room.register(self._gateway, name, standing)
        self._due[room] = None
        self._touched(room)

    def _touched(self, room: Room) -> None:
        if not room.roster.is_touched:
            return
        room.outdate_snapshot()
        if room.timer is None and room.is_followed:
            loop = asyncio.get_running_loop()
            if loop.time() >= room.next_frame_at:
                self._show_difference(room)
            else:
                room.timer = loop.call_at(room.next_frame_at, self._show_difference, room)

    def _show_difference(self, room: Room) -> None:
        room.timer = None
        payload = room.difference_payload()
        if payload is not None and self._show(room.id, payload):
            room.next_frame_at = asyncio.get_running_loop().time() + _FRAME_EVERY_S

    async def _write(self, rooms: list[Room]) -> None:
        writings = [room.take_due(self._gateway) for room in rooms]
        try:
            await self._registry.write(self._gateway, [writing.entry for writing in writings])
        except BaseException:
            for room, writing in zip(rooms, writings, strict=True):
                room.put_back(writing)
            raise
        self._announce([StoredEvent(each.entry.channel, PRESENCE_SEQ, encode_change(each.change)) for each in writings])
        for room, writing in zip(rooms, writings, strict=True):
            room.written = None if writing.entry.is_empty else writing.entry.number
            if not room.is_due:
                del self._due[room]
            self._drop_if_done(room)

    def _drop_if_done(self, room: Room) -> None:
        if not (room.is_followed or room.is_held or room in self._due) and self._rooms.get(room.id) is room:
            del self._rooms[room.id]
            self._unverified.pop(room, None)

    def _read_soon(self, room: Room) -> None:
        room.is_stale = True
        if room.reading is None:
            room.reading = asyncio.create_task(self._read(room))
            self._readings.add(room.reading)
            room.reading.add_done_callback(self._readings.discard)

    async def _read(self, room: Room) -> None:
        try:
            while room.is_stale and room.is_followed:
                room.is_stale = False
                known = room.roster.numbers()
                self._take(room, await self._registry.read(room.id), known)
                if room.is_stale:
                    # Something was announced meanwhile of which this reading may not know.
                    await asyncio.sleep(_READ_AGAIN_S)
        except OutOfContactError:
            self._unverified[room] = None
        except Exception:  # noqa: BLE001 - a fault in one channel must not cost the others
            _log.exception("presence_not_read")
        finally:
            room.reading = None

    def _take(self, room: Room, found: Members, known: dict[UUID, int]) -> None:
        if not room.is_followed:
            return
        for gateway, (number, members) in found.items():
            if gateway == self._gateway:
                continue
            if gateway in self._peers.alive:
                room.roster.replace(gateway, number, members)
            elif gateway in self._peers.lost:
                self._garbage.append((room.id, gateway, list(members)))
        for gateway, number in room.roster.numbers().items():
            if gateway not in found and known.get(gateway) == number:
                room.roster.drop(gateway)
        self._touched(room)
