"""Clients that come back: a process with thousands of sockets that follow one channel and resume it when they are lost.

    python -m harness.crowd SOCKETS CHANNEL TOKENS

Orders come as lines of JSON on standard input, and each is answered by one:

    {"open": PORT}   open all sockets there
    {"home": PORT}   from now on lost sockets go there
    {"storm": HEAD}  wait until all were lost, are live again and have every event up to HEAD
    {"reach": HEAD}  wait until all have HEAD

A lost socket waits as the Python client does: up to a second at first, drawn anew, longer with each failure; after a
503 as long as it was told.
"""

import asyncio
import itertools
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import uvloop
from harness.orders import obey

_OPENING_AT_ONCE: Final = 64
_FIRST_BOUND_S: Final = 1.0
_LONGEST_BOUND_S: Final = 60.0
_PATIENCE_S: Final = 300.0
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_MASK: Final = bytes(4)
_TEXT, _PING, _PONG = 1, 9, 10


class Crowd:
    """All sockets, and what became of them since the last order."""

    def __init__(self, size: int, channel: str, tokens: list[str]) -> None:
        self.channel = channel
        self.home = 0
        self.members = [Member(self, token) for token in itertools.islice(itertools.cycle(tokens), size)]
        self.faults: list[str] = []
        self.lost_at: float | None = None
        self.refused = 0
        self._pending: set[Member] = set()
        self._is_done: Callable[[Member], bool] = lambda _: True
        self._all_done = asyncio.Event()
        self._opening = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def open(self, port: int) -> dict[str, Any]:
        """Open every socket, so many at a time; how fast they became live."""
        self.home = port
        begun = time.monotonic()
        self._wait_for(lambda member: member.back_at is not None)
        for member in self.members:
            await self._opening.acquire()
            await member.connect()
        await self._end()
        seconds = time.monotonic() - begun
        return {"seconds": seconds, "per_s": len(self.members) / seconds, "faults": self.faults[:5]}

    def expect_storm(self, port: int) -> None:
        """From now on losses count."""
        self.home, self.lost_at, self.refused = port, None, 0
        for member in self.members:
            member.back_at = None

    async def storm(self, head: int) -> dict[str, Any]:
        """Wait until all are back with everything up to `head`; how long each took since the first loss."""
        self._wait_for(lambda member: member.back_at is not None and member.seq >= head)
        await self._end()
        if self.faults or self.lost_at is None:
            return {"faults": self.faults[:5] or ["no socket was lost"]}
        took = sorted(cast("float", member.back_at) - self.lost_at for member in self.members)
        times = {"seconds": took[-1], "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}
        return {**times, "refused": self.refused}

    async def reach(self, head: int) -> dict[str, Any]:
        """Wait until all have `head`."""
        self._wait_for(lambda member: member.seq >= head)
        await self._end()
        return {"faults": self.faults[:5]}

    def fault(self, text: str) -> None:
        """Something came that must not come: the order ends with it."""
        self.faults.append(text)
        self._all_done.set()

    def lost(self) -> None:
        """A socket was lost."""
        if self.lost_at is None:
            self.lost_at = time.monotonic()

    def is_live(self, *, first_time: bool) -> None:
        """A socket follows the channel."""
        if first_time:
            self._opening.release()

    def look_at(self, member: "Member") -> None:
        """Something came to a socket."""
        if member in self._pending and self._is_done(member):
            self._pending.discard(member)
            if not self._pending:
                self._all_done.set()

    def _wait_for(self, is_done: "Callable[[Member], bool]") -> None:
        self._is_done = is_done
        self._pending = {member for member in self.members if not is_done(member)}
        self._all_done.clear()

    async def _end(self) -> None:
        if self._pending:
            async with asyncio.timeout(_PATIENCE_S):
                await self._all_done.wait()


class Member(asyncio.Protocol):
    """One socket after the other of one session."""

    __slots__ = ("_buffer", "_crowd", "_failures", "_shaken", "_token", "_transport", "back_at", "seq")

    def __init__(self, crowd: Crowd, token: str) -> None:
        self._crowd = crowd
        self._token = token
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._shaken = False
        self._failures = 0
        self.back_at: float | None = None
        self.seq = -1  # The last event that came; -1 before the first subscription.

    async def connect(self) -> None:
        """Dial, once."""
        self._buffer, self._shaken = b"", False
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._crowd.home)
        except OSError:
            self._come_back(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server took the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""
        data = self._buffer + data
        if not self._shaken:
            head, mark, rest = data.partition(b"\r\n\r\n")
            if not mark:
                self._buffer = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self._refused(head)
                return
            self._shaken, data = True, rest
        at = 0
        while (found := _frame(data, at)) is not None:
            opcode, start, at = found
            if opcode == _TEXT:
                self._take(data[start:at])
            elif opcode == _PING and self._transport is not None:
                self._transport.write(bytes([0x80 | _PONG, 0x80]) + _MASK)
        self._buffer = data[at:]
        self._crowd.look_at(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The connection is gone."""
        if self._transport is not None:  # Else it was us who let go.
            self._transport = None
            self._crowd.lost()
            self._come_back(None)

    def _take(self, payload: bytes) -> None:
        if payload.startswith(b'{"op":"message"'):
            seq = _seq(payload)
            if seq != self.seq + 1:
                self._crowd.fault(f"{seq} came after {self.seq}")
            self.seq = seq
        elif payload.startswith(b'{"op":"hello"'):
            self._subscribe()
        elif payload.startswith(b'{"op":"subscribed"') and self._crowd.channel.encode() in payload:
            self._subscribed(_seq(payload))
        elif payload.startswith(b'{"op":"error"'):
            self._crowd.fault(payload.decode())

    def _subscribe(self) -> None:
        position = self._crowd.channel if self.seq < 0 else {"id": self._crowd.channel, "after": self.seq}
        command = json.dumps({"op": "subscribe", "channels": [position]}).encode()
        assert self._transport is not None
        size = bytes([0x80 | len(command)]) if len(command) < 126 else b"\xfe" + len(command).to_bytes(2)
        self._transport.write(b"\x81" + size + _MASK + command)

    def _subscribed(self, seq: int) -> None:
        if self.seq >= 0 and seq != self.seq:
            self._crowd.fault(f"subscribed at {seq} after {self.seq}")
        self._crowd.is_live(first_time=self.seq < 0)
        self.seq = seq
        self._failures = 0
        self.back_at = time.monotonic()

    def _refused(self, head: bytes) -> None:
        self._crowd.refused += 1
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        transport, self._transport = self._transport, None
        assert transport is not None
        transport.abort()
        self._come_back(float(fields[b"retry-after"]))

    def _come_back(self, told: float | None) -> None:
        failures, self._failures = self._failures, self._failures + 1
        bound = min(_LONGEST_BOUND_S, _FIRST_BOUND_S * 2.0**failures)
        wait = told if told is not None and failures <= 1 else max(told or 0.0, random.uniform(0, bound))
        loop = asyncio.get_running_loop()
        loop.call_later(wait, lambda: _keep(loop.create_task(self.connect())))


_tasks: set["asyncio.Task[None]"] = set()


def _keep(task: "asyncio.Task[None]") -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The frame at `at`: opcode, where its payload begins, where it ends. None where it is not whole yet."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length > 125:
        start += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : start])
    return None if len(data) < start + length else (data[at] & 0x0F, start, start + length)


def _seq(payload: bytes) -> int:
    begin = payload.index(b'"seq":') + 6
    end = begin
    while payload[end : end + 1].isdigit():
        end += 1
    return int(payload[begin:end])


async def _main(size: int, channel: str, tokens: list[str]) -> None:
    crowd = Crowd(size, channel, tokens)

    async def carry_out(order: dict[str, Any]) -> dict[str, Any]:
        match order:
            case {"open": port}:
                return await crowd.open(port)
            case {"home": port}:
                crowd.expect_storm(port)
                return {}
            case {"storm": head}:
                return await crowd.storm(head)
            case {"reach": head}:
                return await crowd.reach(head)
            case _:
                raise ValueError(order)

    await obey(carry_out)


if __name__ == "__main__":
    _soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text().split()))
