"""Announcements between processes over Redis Pub/Sub, which may lose them: the store is the truth.

Each stream has a Redis channel of its own, so that a process is told only of streams that it serves. An announcement
is eight bytes of `seq`, eight of the time in microseconds (both big endian) and the finished frame. One more channel
carries what all processes must hear: log-ins that ended, memberships that were lost.

The channels are sharded ones: in a cluster each lies with one master alone, and so costs the others nothing. Both
directions use one raw connection to each master, without a task or future per message: a group commit's announcements
leave in one write per master, and what arrives is handed on in the loop pass in which it came.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import hiredis

from core.redis_link import RedisLink, pack
from core.redis_masters import RedisMasters
from core.wakes.signal import wake_signal
from db.repositories.streams import StoredEvent

_STREAM_PREFIX: Final = b"molt:stream:"
CONTROL_CHANNEL: Final = b"molt:control"
_SEQ_BYTES: Final = 8
_HEAD_BYTES: Final = 16

OnEvent = Callable[[StoredEvent], None]
OnControl = Callable[[bytes], None]


def stream_channel(stream_id: UUID) -> bytes:
    """The Redis channel on which a stream's events are announced."""
    return _STREAM_PREFIX + stream_id.bytes


class Publisher:
    """Announces. What cannot be sent is dropped: gateways notice the gap."""

    def __init__(self, url: str) -> None:
        """`url` is the setting's: of the one server, or of any node of a cluster."""
        self._masters = RedisMasters(url, on_reply=self._on_reply)

    async def start(self) -> None:
        """Connect, and from then on reconnect for ever. Raises OSError where Redis cannot be reached now."""
        await self._masters.start()

    async def close(self) -> None:
        """Disconnect for good."""
        await self._masters.close()

    def announce(self, events: Sequence[StoredEvent]) -> None:
        """Announce stored events, and to the workers whom they address; all that one master is to hear in one write."""
        now = (time.time_ns() // 1000).to_bytes(8)
        due: dict[RedisLink, list[bytes]] = {}
        for each in (*events, *wake_signal(events)):
            channel = stream_channel(each.stream_id)
            link = self._masters.of(channel)
            if link is not None:
                due.setdefault(link, []).append(pack(b"SPUBLISH", channel, each.seq.to_bytes(8) + now + each.frame))
        for link, commands in due.items():
            link.send(b"".join(commands))

    def tell_all(self, control: bytes) -> None:
        """Send a control message to every process."""
        link = self._masters.of(CONTROL_CHANNEL)
        if link is not None:
            link.send(pack(b"SPUBLISH", CONTROL_CHANNEL, control))

    def _on_reply(self, _link: RedisLink, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self._masters.refused(reply)


class Subscriber:
    """Hears of the streams that it was told to follow, and of control messages."""

    def __init__(
        self,
        url: str,
        *,
        on_event: OnEvent,
        on_control: OnControl,
        on_restored: Callable[[], None],
        on_lag: Callable[[float], object] = lambda _: None,
    ) -> None:
        """`on_restored` is called after a lost connection came back: announcements were missed meanwhile.

        `on_lag` is told how long each announcement took, in seconds.
        """
        self._masters = RedisMasters(
            url, on_reply=self._on_reply, on_open=self._on_open, on_lost=self._on_lost, on_moved=self._on_moved
        )
        self._on_event = on_event
        self._on_control = on_control
        self._on_restored = on_restored
        self._on_lag = on_lag
        # What is to be heard, and of whom it was asked; None where there is nobody to ask just now.
        self._asked: dict[bytes, RedisLink | None] = {CONTROL_CHANNEL: None}
        self._unconfirmed: dict[bytes, asyncio.Future[None]] = {}
        self._started = False

    async def start(self) -> None:
        """Connect, and from then on reconnect for ever. Raises OSError where Redis cannot be reached now."""
        await self._masters.start()
        self._started = True

    async def close(self) -> None:
        """Disconnect for good."""
        await self._masters.close()

    async def follow(self, stream_id: UUID) -> None:
        """From now on be told of this stream. Returns once Redis has confirmed it.

        While Redis is away it returns at once: the stream is followed when the connection is back.
        """
        channel = stream_channel(stream_id)
        if channel not in self._asked:
            self._asked[channel] = None
            self._ask([channel])
        confirmed = self._unconfirmed.get(channel)
        if confirmed is not None:
            # Shielded: one who gives up waiting must not cancel it for the others.
            await asyncio.shield(confirmed)

    def unfollow(self, stream_id: UUID) -> None:
        """Be told of this stream no more."""
        channel = stream_channel(stream_id)
        link = self._asked.pop(channel, None)
        self._confirm(channel)
        if link is not None:
            link.send(pack(b"SUNSUBSCRIBE", channel))

    def _ask(self, channels: Iterable[bytes]) -> bool:
        """Subscribe, each with the master that has it now; whether there was one for any."""
        due: dict[RedisLink, list[bytes]] = {}
        for channel in channels:
            link = self._masters.of(channel)
            if link is not None and link.connected:
                self._asked[channel] = link
                if channel not in self._unconfirmed:
                    self._unconfirmed[channel] = asyncio.get_running_loop().create_future()
                # One command for each: in a cluster those of one command must share a slot.
                due.setdefault(link, []).append(pack(b"SSUBSCRIBE", channel))
        for link, commands in due.items():
            link.send(b"".join(commands))
        return bool(due)

    def _confirm(self, channel: bytes) -> None:
        """Whoever waits for the channel waits no longer."""
        confirmed = self._unconfirmed.pop(channel, None)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(None)

    def _on_open(self, link: RedisLink) -> None:
        self._ask([channel for channel in self._asked if self._masters.of(channel) is link])
        if self._started:
            self._on_restored()

    def _on_lost(self, link: RedisLink) -> None:
        for channel, asked in self._asked.items():
            if asked is link:
                self._asked[channel] = None
                self._confirm(channel)

    def _on_moved(self) -> None:
        moved = [channel for channel, link in self._asked.items() if link is not self._masters.of(channel)]
        for channel in moved:
            self._asked[channel] = None
            self._confirm(channel)
        if self._ask(moved) and self._started:
            self._on_restored()

    def _on_reply(self, link: RedisLink, reply: Any) -> None:
        if not isinstance(reply, list):
            if isinstance(reply, hiredis.ReplyError):
                self._on_refused(link, reply)
            return
        kind, channel = reply[0], reply[1]
        if kind == b"smessage":
            self._on_message(channel, reply[2])
        elif kind == b"ssubscribe" and channel in self._asked:
            self._asked[channel] = link
            self._confirm(channel)
        elif kind == b"sunsubscribe" and self._asked.get(channel) is link and channel not in self._unconfirmed:
            # We asked for no such thing: the slot goes to another master.
            self._asked[channel] = None
            self._masters.look_anew()

    def _on_message(self, channel: bytes, payload: bytes) -> None:
        if channel == CONTROL_CHANNEL:
            self._on_control(payload)
            return
        seq = int.from_bytes(payload[:_SEQ_BYTES])
        self._on_lag(time.time() - int.from_bytes(payload[_SEQ_BYTES:_HEAD_BYTES]) / 1e6)
        self._on_event(StoredEvent(UUID(bytes=channel[len(_STREAM_PREFIX) :]), seq, payload[_HEAD_BYTES:]))

    def _on_refused(self, link: RedisLink, error: hiredis.ReplyError) -> None:
        # Which channel it was about is not said: all unconfirmed ones are asked for again, when the map has been read.
        self._masters.refused(error)
        for channel in [each for each in self._unconfirmed if self._asked.get(each) is link]:
            self._asked[channel] = None
            self._confirm(channel)
