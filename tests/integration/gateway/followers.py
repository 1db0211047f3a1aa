"""Clients that know what they must get: they refuse what comes twice, out of turn, or of streams they left."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from claw.codec import decode_frame
from claw.events import INBOX, UnknownEvent, stream_of
from tests.support.gateways import Caller, Gateway

_WITHIN_S = 5.0


@dataclass
class _Asked:
    """A subscription that was asked for and not answered yet, with the events that came meanwhile."""

    after: int | None
    seqs: list[int] = field(default_factory=list)


class Follower:
    """One agent on one connection at a time. A stream goes by its wire id, the inbox by `inbox`.

    `positions` are how far each stream was received, `since` where that began, `seen` what came: frames by seq.
    """

    def __init__(self, gateways: list[Gateway], agent: UUID) -> None:
        self.gateways = gateways
        self.agent = agent
        self.home = 0
        self.positions: dict[str, int] = {}
        self.since: dict[str, int] = {}
        self.seen: dict[str, dict[int, bytes]] = {}
        self.faults: list[str] = []
        self._epoch = ""
        self._live: dict[str, int] = {}
        self._asked: dict[str, _Asked] = {}
        self._arrived = asyncio.Event()
        self._ready = False
        self._caller: Caller | None = None

    # What a test has it do.

    async def connect(self) -> None:
        gateway = self.gateways[self.home]
        self._ready = False
        self._caller = Caller(gateway.node, gateway.token(self.agent), self._on_frame)
        await self.until(lambda: self._ready, "hello")

    async def cut(self, *, move: bool = False) -> None:
        """Lose the connection, and come back, maybe on the other gateway."""
        assert self._caller is not None
        self._caller.cut()
        self._live.clear()
        self._asked.clear()
        if move:
            self.home = (self.home + 1) % len(self.gateways)
        await self.connect()

    def hang_up(self) -> None:
        assert self._caller is not None
        self._caller.cut()

    def stall(self) -> None:
        """Read nothing until something is waited for."""
        assert self._caller is not None
        self._caller.pipe.stuck = True

    async def follow(self, stream: str, after: int | None) -> None:
        """Subscribe from a position or from the head, and wait for the answer."""
        fields: dict[str, Any] = {}
        if stream == INBOX:
            fields["inbox"] = {} if after is None else {"after": after, "epoch": self._epoch}
        else:
            if INBOX not in self._live:
                self._asked[INBOX] = _Asked(None)  # It flows from the first subscribe.
            fields["channels"] = [stream if after is None else {"id": stream, "after": after, "epoch": self._epoch}]
        self._asked[stream] = _Asked(after)
        self.send(op="subscribe", **fields)
        await self.until(lambda: not self._asked, f"subscribed {stream}")

    async def resume(self, stream: str, *, rewind: int = 0) -> None:
        """Go on from where the stream was received up to, or from further back."""
        position = self.positions.get(stream)
        if position is not None:
            position = max(self.since[stream], position - rewind)
        await self.follow(stream, position)

    async def leave(self, stream: str) -> None:
        if stream in self._live and stream != INBOX:
            self.send(op="unsubscribe", channels=[stream])
            await self.until(lambda: stream not in self._live, f"unsubscribed {stream}")

    async def move(self, act: str, stream: str, number: int) -> None:
        """Do an act by its name; `number` says how."""
        match act:
            case "live":
                await self.follow(stream, None)
            case "resume":
                await self.resume(stream)
            case "rewind":
                await self.resume(stream, rewind=number)
            case "leave":
                await self.leave(stream)
            case "stall":
                self.stall()
            case "cut":
                await self.cut(move=number % 2 == 1)
            case _:
                raise AssertionError(f"no act of a follower: {act}")

    def send(self, **command: Any) -> None:
        assert self._caller is not None
        self._caller.send(**command)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        assert self._caller is not None
        self._caller.pipe.unstick()
        try:
            async with asyncio.timeout(_WITHIN_S):
                while not holds():
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} within {_WITHIN_S} s; at {self.positions}, {self.faults}") from None

    def is_at(self, heads: dict[str, int]) -> bool:
        """Whether all that is followed was received up to these heads."""
        return all(self._live[stream] >= heads[stream] for stream in self._live)

    # What arrives.

    def _on_frame(self, frame: dict[str, Any], payload: bytes) -> None:
        self._arrived.set()
        event = decode_frame(payload)
        place = None if isinstance(event, UnknownEvent) else stream_of(event)
        if place is not None:
            self._on_event(*place, payload)
            return
        match frame:
            case {"op": "hello", "epoch": epoch}:
                self._epoch = epoch
                self._ready = True
            case {"op": "subscribed"}:
                self._on_subscribed(frame)
            case {"op": "unsubscribed", "channel": stream}:
                self._live.pop(stream, None)
            case {"op": "context"} | {"op": "message_ack"} | {"op": "presence"}:
                pass
            case _:
                self.faults.append(f"unexpected: {frame}")

    def _on_event(self, stream: str, seq: int, payload: bytes) -> None:
        before = self.seen.setdefault(stream, {}).setdefault(seq, payload)
        if before != payload:
            self.faults.append(f"{stream} {seq} came with other bytes than before")
        if stream in self._asked:
            self._asked[stream].seqs.append(seq)
        elif stream not in self._live:
            self.faults.append(f"{stream} {seq} is of a stream that is not followed")
        else:
            self._step(stream, seq)

    def _step(self, stream: str, seq: int) -> None:
        if seq != self._live[stream] + 1:
            self.faults.append(f"{stream} {seq} came after {self._live[stream]}")
        self._live[stream] = seq
        self.positions[stream] = max(seq, self.positions.get(stream, 0))

    def _on_subscribed(self, frame: dict[str, Any]) -> None:
        stream = frame.get("channel") or frame.get("server") or INBOX
        asked = self._asked.pop(stream, None)
        if asked is None or frame["recovered"] == "reset":
            self.faults.append(f"unexpected: {frame}")
            return
        count = frame["replayed"]
        late, replayed = asked.seqs[: len(asked.seqs) - count], asked.seqs[len(asked.seqs) - count :]
        for seq in late:  # of the subscription that this one takes the place of
            if stream in self._live:
                self._step(stream, seq)
            else:
                self.faults.append(f"{stream} {seq} came before the stream was followed")
        first = frame["seq"] if asked.after is None else asked.after
        if replayed != list(range(first + 1, frame["seq"] + 1)):
            self.faults.append(f"{stream} after {asked.after}: replayed {replayed}, {frame}")
        if asked.after is None and frame["seq"] > self.positions.get(stream, -1):
            self.since[stream] = frame["seq"]  # What lies between was not asked for.
        self._live[stream] = frame["seq"]
        self.positions[stream] = max(frame["seq"], self.positions.get(stream, 0))
