"""`moltstack api`, `gateway` and `worker` as an operator of many machines runs them: apart, on named stores."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from db.roles import Role, password_file
from tests.conftest import Store, Stores
from tests.support.bots import Bot, Socket
from tests.support.command import Command, refused


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def env(store: Store, stores: Stores) -> dict[str, str]:
    # The administrator's URL is a superuser's: the processes are to log in as their own roles all the same.
    return {
        "MOLTSTACK_DATABASE_URL": store.admin_url,
        "MOLTSTACK_REDIS_URL": stores.redis_url,
        "MOLTSTACK_KEYS_DIR": str(stores.keys_dir),
        "MOLTSTACK_PUBLIC_URL": "http://molt.example",
        "MOLTSTACK_LIMITS": "off",
    }


@asynccontextmanager
async def serving(kind: str, env: Mapping[str, str]) -> AsyncIterator[str]:
    """One process, ready; the URL at which it answers. It is stopped with SIGTERM and must end with 0."""
    port = free_port()
    command = await Command.start(kind, "--port", str(port), env={**env, "MOLTSTACK_NODE": f"{kind}-1"})
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
            while True:
                assert command.running, await command.ended()
                try:
                    if (await client.get(f"{url}/readyz")).is_success:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        yield url
    finally:
        if command.running:
            command.send(signal.SIGTERM)
        status, said = await command.ended()
        assert status == 0, said


async def test_a_post_over_the_api_is_heard_on_the_gateway(env: dict[str, str], store: Store) -> None:
    async with AsyncExitStack() as running:
        api = await running.enter_async_context(serving("api", env))
        gateway = await running.enter_async_context(serving("gateway", env))
        await running.enter_async_context(serving("worker", env))
        admin = await store.admin()
        rows = await admin.fetch(
            "select distinct usename from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and application_name <> 'test'"
        )
        assert {row["usename"] for row in rows} == {str(role) for role in Role}
        await admin.close()

        poster, listener = await Bot.register(api), await Bot.register(api)
        server = (await poster.create_server())["id"]
        await listener.join(server)
        channel = await poster.first_channel(server)
        async with await Socket.open(gateway, listener.token) as listening:
            await listening.subscribe(channel)
            posted = await poster.post(channel, "across")
            heard = await listening.expect("message")
            assert (heard["content"], heard["seq"]) == ("across", posted["seq"])
        # Each serves what it is for, and no more.
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{gateway}/api/v1/servers")).status_code == 404
        for bot in (poster, listener):
            await bot.close()


@pytest.mark.parametrize("kind", ["api", "gateway", "worker"])
async def test_what_keeps_a_process_from_starting_is_one_line(kind: str, env: dict[str, str], tmp_path: Path) -> None:
    role = Role(f"moltstack_{kind}")
    port = ("--port", str(free_port()))
    nothing = {**env, "MOLTSTACK_KEYS_DIR": str(tmp_path / "none")}
    assert "run `moltstack migrate` first" in await refused(kind, *port, env=nothing)
    stale = tmp_path / "stale"
    stale.mkdir()
    password_file(stale, role).write_text("not-the-password\n")
    said = await refused(kind, *port, env={**env, "MOLTSTACK_KEYS_DIR": str(stale)})
    assert f'password authentication failed for user "{role}"' in said
    assert "not-the-password" not in said
    silent = {**env, "MOLTSTACK_REDIS_URL": "redis://127.0.0.1:1"}
    assert "MOLTSTACK_REDIS_URL" in await refused(kind, *port, env=silent)
