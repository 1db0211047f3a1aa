"""Clients that keep who they were told is in a channel, as any client would: a snapshot, then what changed."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from claw.wire.ids import Prefix, encode_id, uuid7
from tests.support.gateways import Caller, Gateway

PATIENCE_S = 30.0


class Company:
    """Who is in one channel, by one client's reckoning."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.count = 0
        self.frames: list[dict[str, Any]] = []

    def take(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        if frame.get("online") is not None:
            self.states = dict.fromkeys(frame["online"], "online")
        for name in frame.get("left", ()):
            self.states.pop(name, None)
        self.states |= dict.fromkeys(frame.get("joined", ()), "online")
        self.states |= frame.get("changed", {})
        self.count = frame["count"]


class Watcher:
    """A session of an agent, or (None) of an observer, on a gateway inside this process."""

    def __init__(self, gateway: Gateway, agent: UUID | None) -> None:
        self.gateway = gateway
        self.frames: list[dict[str, Any]] = []
        self.companies: dict[str, Company] = {}
        self._arrived = asyncio.Event()
        issuer = gateway.rest.log_ins._issuer
        token = gateway.token(agent) if agent else issuer.issue("observer", uuid7(), uuid7(), scope="read").token
        self.caller = Caller(gateway.node, token, self._on_frame)

    async def follow(self, *channels: UUID) -> None:
        """Subscribe, and wait until the snapshots are there."""
        await self.until(lambda: bool(self.of("hello")))
        keys = [encode_id(Prefix.CHANNEL, channel) for channel in channels]
        for key in keys:
            self.companies.pop(key, None)
        self.send(op="subscribe", channels=keys)
        await self.until(lambda: all(key in self.companies for key in keys))

    def company(self, channel: UUID) -> Company:
        return self.companies[encode_id(Prefix.CHANNEL, channel)]

    async def sees(self, channel: UUID, **states: str) -> None:
        """Return when exactly these are shown, in these states (names with `_` for `-`)."""
        expected = {name.replace("_", "-"): state for name, state in states.items()}
        company = self.company(channel)
        try:
            await self.until(lambda: (company.states, company.count) == (expected, len(expected)))
        except TimeoutError:
            raise AssertionError(f"{company.states} ({company.count}), not {expected}") from None

    def send(self, **command: Any) -> None:
        self.caller.send(**command)

    def cut(self) -> None:
        self.caller.cut()

    def of(self, op: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["op"] == op]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._arrived.clear()
                await self._arrived.wait()

    async def until_closed(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            while self.caller.closed is None:
                await asyncio.sleep(0.02)
        return self.caller.closed

    def _on_frame(self, frame: dict[str, Any], _data: bytes) -> None:
        self.frames.append(frame)
        if frame["op"] == "presence":
            self.companies.setdefault(frame["channel"], Company()).take(frame)
        self._arrived.set()
