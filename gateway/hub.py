"""This process's subscriptions: which sockets follow which stream, and the writing to all of them.

A stream here has a `head`: every event up to it has been handed to every listener. Announcements may come twice, late
or never; `offer` passes on the next one, keeps what is ahead of its turn, drops what was seen, and says when the store
must be asked.

Everything that a stream is due in one pass of the event loop goes to each of its sockets as one write of the same
bytes. A fan-out to very many sockets is cut into slices, so that nobody else waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

import structlog

from db.repositories.streams import StoredEvent
from gateway.wire import text_frame

_SLICE: Final = 500
_MAX_HELD: Final = 1_000

_log = structlog.get_logger(__name__)


class Listener(Protocol):
    """What the hub writes to."""

    @property
    def lagging(self) -> bool:
        """Whether it reads more slowly than it is written to; what may be lost is then not sent."""

    def deliver(self, data: bytes) -> None:
        """Send finished frames."""

    def miss(self, live: "LiveStream") -> None:
        """Something of this stream that may be lost was not sent."""

    def cut(self) -> None:
        """End it: something could not be sent to it, and whoever resumes from its last seq misses nothing."""


class LiveStream:
    """One followed stream in this process."""

    __slots__ = ("batches", "due", "head", "held", "id", "is_inbox", "joining", "listeners", "passing", "recovering")

    def __init__(self, stream_id: UUID, *, is_inbox: bool) -> None:
        self.id = stream_id
        self.is_inbox = is_inbox
        self.head: int | None = None  # None until the store was asked for the first time.
        self.held: dict[int, bytes] = {}
        self.listeners: dict[Listener, None] = {}
        self.joining = 0
        self.due: list[bytes] = []
        self.passing: list[bytes] = []
        self.batches: deque[_Batch] = deque()
        self.recovering = False

    @property
    def has_unwritten(self) -> bool:
        """Whether something is still to be written to listeners."""
        return bool(self.due or self.passing or self.batches)


class Hub:
    """All streams that this process follows."""

    def __init__(self, *, on_gap: Callable[[LiveStream], None], on_idle: Callable[[LiveStream], None]) -> None:
        """`on_gap` is told of a stream whose next event is missing, `on_idle` of one that nobody follows any more."""
        self._streams: dict[UUID, LiveStream] = {}
        self._on_gap = on_gap
        self._on_idle = on_idle
        self._dirty: list[LiveStream] = []
        self._flush_planned = False
        self.deliveries = 0
        self.writes = 0
        self.bytes = 0
        self.passing_dropped = 0

    def open(self, stream_id: UUID, *, is_inbox: bool = False) -> LiveStream:
        """The stream, kept until `close` was called as often as this."""
        live = self._streams.get(stream_id)
        if live is None:
            live = self._streams[stream_id] = LiveStream(stream_id, is_inbox=is_inbox)
        live.joining += 1
        return live

    def close(self, live: LiveStream) -> None:
        """The counterpart of `open`: let go of a stream that one was joining."""
        live.joining -= 1
        self._drop_if_idle(live)

    def get(self, stream_id: UUID) -> LiveStream | None:
        """The stream, if it is followed here."""
        return self._streams.get(stream_id)

    def subscriptions(self) -> int:
        """How many follow, summed over all streams."""
        return sum(len(live.listeners) for live in self._streams.values())

    def followed(self) -> list[LiveStream]:
        """All streams that have a head to compare with the store's."""
        return [live for live in self._streams.values() if live.head is not None]

    def attach(self, live: LiveStream, listener: Listener) -> None:
        """From now on `listener` gets every event after `live.head`."""
        # What is due so far belongs to those who listen already.
        self._seal(live)
        live.listeners[listener] = None

    def detach(self, live: LiveStream, listener: Listener) -> None:
        """From now on `listener` gets nothing of this stream."""
        if live.listeners.pop(listener, _ABSENT) is _ABSENT:
            return
        for number, (data, passing, listeners) in enumerate(live.batches):
            live.batches[number] = (data, passing, [each for each in listeners if each is not listener])
        self._drop_if_idle(live)

    def offer(self, event: StoredEvent) -> None:
        """Take an announcement, or an event read from the store. One of seq 0 is no event: it is passed on at once."""
        live = self._streams.get(event.stream_id)
        if live is None:
            return
        if event.seq == 0:
            self._push(live, live.passing, event.frame)
            return
        head = live.head
        if head is None or event.seq > head + 1:
            if len(live.held) < _MAX_HELD:
                live.held[event.seq] = event.frame
            if head is not None:
                self._on_gap(live)
            return
        if event.seq == head + 1:
            live.head = event.seq
            self._push(live, live.due, event.frame)
            if live.held:
                self._release_held(live)

    def set_head(self, live: LiveStream, head: int) -> None:
        """Begin, or go on, after `head`: whoever listens has what came before, or nobody does."""
        live.head = head
        self._release_held(live)

    def _release_held(self, live: LiveStream) -> None:
        assert live.head is not None  # noqa: S101 - both callers set it
        while (frame := live.held.pop(live.head + 1, None)) is not None:
            live.head += 1
            self._push(live, live.due, frame)
        if live.held:
            live.held = {seq: frame for seq, frame in live.held.items() if seq > live.head}
        if live.held:
            self._on_gap(live)

    def _push(self, live: LiveStream, due: list[bytes], payload: bytes) -> None:
        if not live.listeners:
            return
        if not live.due and not live.passing and not live.batches:
            self._dirty.append(live)
        due.append(text_frame(payload))
        self._plan_flush()

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _seal(self, live: LiveStream) -> None:
        """What is due so far is for those who listen now, whoever comes or goes before it is written."""
        if live.due or live.passing:
            listeners = [*live.listeners]
            self.deliveries += len(live.due) * len(listeners)
            live.batches.append((_joined(live.due), _joined(live.passing), listeners))
            live.due.clear()
            live.passing.clear()

    def _flush(self) -> None:
        self._flush_planned = False
        dirty, self._dirty = self._dirty, []
        budget = _SLICE
        for live in dirty:
            budget = self._write_batches(live, budget)
            if live.batches or live.due or live.passing:
                self._dirty.append(live)
        if self._dirty:
            self._plan_flush()

    def _write_batches(self, live: LiveStream, budget: int) -> int:
        """Write to so many listeners at most; what is left of the budget.

        While a fan-out is under way, what comes meanwhile is gathered: it becomes one batch when its turn comes.
        """
        while budget > 0:
            if not live.batches:
                self._seal(live)
            if not live.batches:
                break
            data, passing, listeners = live.batches[0]
            now, rest = listeners[:budget], listeners[budget:]
            budget -= len(now)
            if rest:
                live.batches[0] = (data, passing, rest)
            else:
                live.batches.popleft()
            self._write(live, now, data, passing)
        return budget

    def _write(self, live: LiveStream, listeners: list[Listener], data: bytes, passing: bytes) -> None:
        self.writes += len(listeners)
        self.bytes += (len(data) + len(passing)) * len(listeners)
        whole = data + passing if passing else data
        for listener in listeners:
            try:
                if passing and listener.lagging:
                    self.passing_dropped += 1
                    listener.miss(live)
                    if data:
                        listener.deliver(data)
                else:
                    listener.deliver(whole)
            except Exception:  # noqa: BLE001 - one bad connection must not cost the others
                _log.exception("delivery_failed")
                listener.cut()

    def _drop_if_idle(self, live: LiveStream) -> None:
        if not live.listeners and live.joining == 0 and self._streams.get(live.id) is live:
            del self._streams[live.id]
            self._on_idle(live)


_ABSENT: Final = object()
_Batch = tuple[bytes, bytes, list[Listener]]


def _joined(frames: list[bytes]) -> bytes:
    return frames[0] if len(frames) == 1 else b"".join(frames)
