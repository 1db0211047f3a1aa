"""One PicoClaw's socket: a connection like any other, whose words are translated on the way in and out.

A client is known by its agent and by what its address tells it to listen to; the channels that it follows and how far
it has read are kept for it. It follows what its address names, and from its first message on each channel that it
writes to.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from claw.wire import frames
from claw.wire.close import CloseCode
from claw.wire.commands import InboxPosition, StreamPosition, Subscribe
from claw.wire.ids import Prefix, decode_id, encode_id
from claw.wire.problems import ErrorCode
from core.errors import MoltError, store_errors
from db.repositories.door_positions import DoorMove
from gateway.doors.pico.entrance import Entrance
from gateway.doors.pico.inbound import Mistake, commands_in
from gateway.doors.pico.outbound import (
    INBOX,
    Told,
    Typist,
    error_frame,
    events_in,
    mistake_frame,
    pong_frame,
    read_events,
    typing_frame,
)
from gateway.doors.pico.positions import Change, Forgotten, Positions
from gateway.doors.pico.progress import Progress
from gateway.doors.pico.typists import Typists
from gateway.effects import Authenticate, Effect, Run
from gateway.node import Node
from gateway.session import State

# Marks what we ask for on the client's behalf; its own commands bear texts.
_OURS: Final = -1
_STRETCH: Final = 64
_STORE_PATIENCE_S: Final = 1.0
_PASSING: Final = (ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL)
_AGENTS_ONLY: Final = "Only agents can connect here. Make a token for one."
_RESET: Final = "More was missed than can be sent again. It is in the history: GET /api/v1/channels/:id/messages."


class PicoConnection(Entrance):
    """A `pico_client`, from the handshake to the last byte."""

    __slots__ = ("_acked", "_has_parted", "_me", "_positions", "_progress", "_typists")

    def __init__(self, node: Node, positions: Positions) -> None:
        super().__init__(node)
        self._positions = positions
        self._progress = Progress(lambda: positions.changed(self))
        self._typists = Typists(self._typing_ended)
        self._me = ""
        self._acked = 0
        self._has_parted = False

    @property
    def wants_inbox(self) -> bool:
        """Only a client that was told to listen to it."""
        return self.home == INBOX

    @property
    def sleeps_when_idle(self) -> bool:
        """It would be back at once."""
        return False

    # What the event loop and the hub call.

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        # A transport that failed does not say what it still held.
        if exc is not None or self._has_unsent:
            self._progress.take_back()
        self._positions.ended(self)
        self._typists.stop()
        super().connection_lost(exc)

    def deliver(self, data: bytes) -> None:
        """Send what these finished frames become."""
        if self.is_closed:
            return
        events = events_in(data)
        translated = self._translated(events)
        if translated:
            super().deliver(translated)
        self._told(events)

    async def replay(self, frames: Iterable[bytes]) -> None:
        """Send what was missed, as fast as the client reads."""
        self.let_in()
        missed = list(frames)
        for start in range(0, len(missed), _STRETCH):
            events = read_events(b"".join(missed[start : start + _STRETCH]))
            translated = self._translated(events)
            if translated:
                await super().replay([translated])
            if self.is_closed:
                return
            self._told(events)

    def cut(self) -> None:
        """End it without another word."""
        self._progress.take_back()
        super().cut()

    def take_changes(self) -> list[Change]:
        """What the client follows and was told since this was asked last, once that was written."""
        changes = self._progress.take_changes(is_written=not self._has_unsent)
        return [self._change(stream, seq) for stream, seq in changes.items()]

    @property
    def _has_unsent(self) -> bool:
        return bool(self._due) or self.unsent() > 0

    # What the client says.

    def _hear(self, text: str, now: float) -> None:
        for command in commands_in(text, self.home):
            if not isinstance(command, Mistake):
                self.apply(self.session.receive(command, now))
            elif self.session.state is State.OPEN:
                self._queue(mistake_frame(command.code, command.text, request_id=command.request_id, now_ms=_now_ms()))

    async def _carry_out(self, effect: Effect) -> None:
        if not isinstance(effect, Authenticate):
            await super()._carry_out(effect)
            return
        # It may have been another connection here that it has just come from.
        await self._positions.flush()
        await super()._carry_out(effect)
        if self.session.state is State.OPEN:
            await self._begin()

    async def _begin(self) -> None:
        try:
            with store_errors():
                self._progress.restore(await self._positions.read(self._agent_id, self._door))
        except MoltError as error:
            self.apply(self.session.end(CloseCode.RESTART, error.detail, error=error.code))
            return
        if self.home == INBOX:
            self._enqueue(Run(Subscribe(inbox=InboxPosition(self._acked), ref=_OURS)))
        else:
            self._follow([self.home])

    def _follow(self, channels: list[str]) -> None:
        wanted: list[str | StreamPosition] = [StreamPosition(each, self._progress.resume(each)) for each in channels]
        self._enqueue(Run(Subscribe(channels=wanted, ref=_OURS)))

    # What the client is told.

    def _tell(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Hello(kind="observer"):
                self.turn_away(frames.ErrorFrame(code=ErrorCode.FORBIDDEN, message=_AGENTS_ONLY))
            case frames.Hello(inbox=frames.InboxState(acked=acked)):
                self._me = encode_id(Prefix.AGENT, self._agent_id)
                self._acked = acked
            case frames.ErrorFrame() if self.is_held:
                self.turn_away(frame)
            case frames.ErrorFrame():
                self._queue(error_frame(frame, _now_ms()))
                if frame.ref == _OURS:
                    self._not_followed(frame)
            case frames.Pong():
                self._queue(pong_frame(frame, _now_ms()))
            case frames.Subscribed():
                self._followed(frame)
            case frames.Unsubscribed(channel=channel, reason=reason):
                self._lost(channel, reason)
            case frames.MessageAck(channel=channel, seq=seq):
                self._written(channel, seq)

    def _translated(self, events: Iterable[Told | Typist]) -> bytes:
        due: list[bytes] = []
        for event in events:
            if isinstance(event, Typist):
                if event.username != self.username and self._typists.began(event.channel):
                    due.append(typing_frame(event.channel, _now_ms()))
            elif event.frame and event.author != self._me and self._progress.wants(event):
                if self._typists.ended(event.channel):
                    due.append(typing_frame(event.channel, _now_ms(), ended=True))
                due.append(event.frame)
        return b"".join(due)

    def _told(self, events: Iterable[Told | Typist]) -> None:
        for event in events:
            if isinstance(event, Told):
                self._progress.move(event.stream, event.seq)

    def _typing_ended(self, channel: str) -> None:
        if not self.is_closed:
            self._queue(typing_frame(channel, _now_ms(), ended=True))

    # What becomes of what it follows.

    def _followed(self, frame: frames.Subscribed) -> None:
        self.let_in()
        if isinstance(frame.channel, str):
            self._progress.begin(frame.channel, frame.seq)
        if frame.recovered == "reset":
            self._queue(mistake_frame("reset", _RESET, now_ms=_now_ms()))
        left_off = self._progress.left_off()
        if left_off:
            self._follow(left_off)

    def _not_followed(self, error: frames.ErrorFrame) -> None:
        if error.code in _PASSING:
            # It knows no way to ask again but to come back.
            self.apply(self.session.end(CloseCode.RESTART, "a channel could not be followed; connect anew"))
        elif isinstance(error.channel, str):
            self._progress.forget(error.channel)

    def _lost(self, channel: str, reason: str) -> None:
        self._progress.forget(channel)
        text = f"You may not read {channel} any more ({reason})."
        if channel == self.home:
            self.apply(self.session.end(CloseCode.UNAUTHORIZED, text, error=ErrorCode.FORBIDDEN))
        else:
            self._queue(mistake_frame(ErrorCode.FORBIDDEN, text, now_ms=_now_ms()))

    def _written(self, channel: str, seq: int) -> None:
        if not self._progress.follows(channel) and self.session.state is State.OPEN:
            self._progress.begin(channel, seq)
            self._enqueue(Run(Subscribe(channels=[StreamPosition(channel, seq)], ref=_OURS)))

    # Positions.

    @property
    def _agent_id(self) -> UUID:
        assert self.actor.id is not None  # noqa: S101 - observers are turned away
        return self.actor.id

    @property
    def _door(self) -> str:
        return f"pico:{self.home}"

    def _change(self, stream: str, seq: int | None) -> Change:
        stream_id = self._agent_id if stream == INBOX else decode_id(Prefix.CHANNEL, stream)
        if seq is None:
            return Forgotten(self._agent_id, self._door, stream_id)
        return DoorMove(self._agent_id, self._door, stream_id, self._progress.since(stream, seq), seq, self.epoch)

    def _write_protocol(self) -> None:
        if not self._socket.is_finished or self._has_parted or not self._me:
            super()._write_protocol()
            return
        self._has_parted = True
        self.session.state = State.CLOSED
        # At the end of this pass the transport writes what it was given in it.
        asyncio.get_running_loop().call_soon(self._part)

    def _part(self) -> None:
        """Whoever says goodbye and dials anew, at whichever gateway, finds its position stored."""
        say_goodbye = super()._write_protocol
        self._positions.ended(self).add_done_callback(lambda _: say_goodbye())
        asyncio.get_running_loop().call_later(_STORE_PATIENCE_S, say_goodbye)


def _now_ms() -> int:
    return int(time.time() * 1000)
