"""`moltstack gateway`: several processes on one port, and what one does from SIGTERM to its end."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import WebSocketException

from claw.wire.ids import Prefix, encode_id, uuid7
from core.keys import ensure_keys, load_signing_key
from core.tokens import TokenIssuer
from tests.conftest import Store, Stores
from tests.support.bots import Socket
from tests.support.command import Command
from tests.support.platform import child_of
from tests.support.readers import Reader
from tests.support.town import Town

_ORIGIN = "http://molt.example"
_PATIENCE_S = 60


@pytest_asyncio.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    admin = await store.admin()
    yield Town(admin, store.gateway)
    await admin.close()


@pytest.fixture
def env(store: Store, stores: Stores) -> dict[str, str]:
    return {
        "MOLTSTACK_DATABASE_URL": store.admin_url,
        "MOLTSTACK_REDIS_URL": stores.redis_url,
        "MOLTSTACK_KEYS_DIR": str(stores.keys_dir),
        "MOLTSTACK_PUBLIC_URL": _ORIGIN,
        "MOLTSTACK_LIMITS": "off",
        "MOLTSTACK_NODE": "edge",
    }


class Gateways:
    """A running `moltstack gateway`."""

    def __init__(self, command: Command, url: str, keys_dir: Path) -> None:
        self.command = command
        self.url = url
        self._keys_dir = keys_dir

    def token(self, agent: UUID) -> str:
        issuer = TokenIssuer(load_signing_key(self._keys_dir), issuer=_ORIGIN, lifetime_seconds=900)
        return issuer.issue("agent", agent, uuid7(), scope="*").token

    async def until_ready(self) -> None:
        async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient(trust_env=False) as client:
            while True:
                assert self.command.running, await self.command.ended()
                try:
                    if (await client.get(f"{self.url}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def socket_on(self, node: str, token: str) -> Socket:
        """A session on that one of those that share the port; dialled until it answers."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                try:
                    found = await Socket.open(self.url, token)
                except (OSError, AssertionError, WebSocketException):
                    await asyncio.sleep(0.05)  # It has just died, or is not there yet.
                    continue
                if found.hello["node"] == node:
                    return found
                await found.close()

    def pid_of(self, node: str) -> int | None:
        return child_of(self.command.pid, node)


@asynccontextmanager
async def gateways(env: dict[str, str], stores: Stores, *arguments: str) -> AsyncIterator[Gateways]:
    """Run it until the end of the block; it must end with 0."""
    ensure_keys(stores.keys_dir)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = await Command.start("gateway", "--port", str(port), *arguments, env=env)
    running = Gateways(command, f"http://127.0.0.1:{port}", stores.keys_dir)
    try:
        await running.until_ready()
        yield running
    finally:
        if command.running:
            command.send(signal.SIGTERM)
        status, said = await command.ended()
        assert status == 0, said


async def test_workers_share_a_port_have_names_of_their_own_and_are_started_again(
    env: dict[str, str], stores: Stores, town: Town
) -> None:
    poster, reader = await town.agents(2)
    channel = encode_id(Prefix.CHANNEL, await town.room(poster, reader))
    async with gateways(env, stores, "--workers", "2") as running:
        speaking = await running.socket_on("edge-1", running.token(poster))
        hearing = await running.socket_on("edge-2", running.token(reader))
        await hearing.subscribe(channel)
        await speaking.send(op="message", channel=channel, content="across")
        assert (await hearing.expect("message", timeout=20))["content"] == "across"

        old = running.pid_of("edge-1")
        assert old is not None
        os.kill(old, signal.SIGKILL)
        again = await running.socket_on("edge-1", running.token(poster))
        assert running.pid_of("edge-1") not in (None, old)
        await again.send(op="message", channel=channel, content="again")
        assert (await hearing.expect("message", timeout=20, content="again"))["seq"] == 2
        running.command.send(signal.SIGTERM)
        assert await hearing.closed(timeout=30) == 4100
        assert await again.closed(timeout=30) == 4100


async def test_a_node_that_drains_takes_nobody_in_says_so_and_ends_whatever_its_peers_do(
    env: dict[str, str], stores: Stores, town: Town
) -> None:
    poster, reader = await town.agents(2)
    room = await town.room(poster, reader)
    channel = encode_id(Prefix.CHANNEL, room)
    elsewhere = await town.room(poster)
    env["MOLTSTACK_SEND_BUFFER_BYTES"] = str(1 << 27)
    async with gateways(env, stores) as running:
        stalled = await Reader.open(running.url, running.token(reader), small=True)
        stalled.send(op="subscribe", channels=[channel])
        await stalled.expect("subscribed", inbox=True)
        stalled.stall()
        speaking, waiting = [await Socket.open(running.url, running.token(poster)) for _ in range(2)]
        # More than the kernel takes for somebody who does not read: the last words wait behind it.
        for number in range(900):
            await speaking.send(op="message", channel=channel, content="x" * 8_000, ref=number)
        await speaking.expect("message_ack", timeout=_PATIENCE_S, ref=899)

        async with httpx.AsyncClient(trust_env=False, timeout=_PATIENCE_S) as kept:
            assert (await kept.get(f"{running.url}/readyz")).is_success
            async with town.holding(elsewhere):
                await waiting.send(op="message", channel=encode_id(Prefix.CHANNEL, elsewhere), content="stuck")
                await town.until_waiting(1)
                begun = asyncio.get_running_loop().time()
                running.command.send(signal.SIGTERM)
                assert await speaking.closed(timeout=_PATIENCE_S) == 4100
                answer = await kept.get(f"{running.url}/readyz")
                assert (answer.status_code, answer.json()["missing"]) == (503, ["draining"])
                assert answer.headers["connection"] == "close"
                with pytest.raises(httpx.ConnectError):
                    await kept.get(f"{running.url}/readyz")
        status, said = await running.command.ended()
        assert status == 0, said
        assert asyncio.get_running_loop().time() - begun < 30
        stalled.close()
        await waiting.close()


async def test_a_port_that_is_taken_and_a_name_that_is_too_long_are_told_in_one_line(
    env: dict[str, str], stores: Stores
) -> None:
    ensure_keys(stores.keys_dir)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = await Command.start("gateway", "--port", port, "--workers", "2", env=env)
        status, said = await command.ended()
        assert (status, said.count("\n")) == (1, 1), said
        assert "cannot serve on 127.0.0.1" in said
    command = await Command.start("gateway", "--port", "0", "--workers", "2", env={**env, "MOLTSTACK_NODE": "n" * 63})
    status, said = await command.ended()
    assert (status, said.count("\n")) == (1, 1), said
    assert "MOLTSTACK_NODE" in said
