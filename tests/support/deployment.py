"""Processes on stores of their own, as on many machines: one api, two gateways, and the wires to the stores."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from stack.embedded import EmbeddedPostgres, EmbeddedValkey
from stack.migration import migrate_store
from tests.support.command import Command
from tests.support.ports import free_port
from tests.support.proxy import Proxy

_PATIENCE_S = 60
_FAULT = re.compile(r"request_failed|command_failed|group_commit_failed|Traceback|never retrieved|never awaited")


class Process:
    """One `moltstack api` or `gateway`. `url` is where it answers."""

    def __init__(self, name: str, url: str, command: Command) -> None:
        self.name = name
        self.url = url
        self._command = command
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=20)

    @classmethod
    async def start(cls, kind: str, name: str, env: Mapping[str, str], cleanup: AsyncExitStack) -> Self:
        port = free_port()
        command = await Command.start(kind, "--port", str(port), env={**env, "MOLTSTACK_NODE": name})
        process = cls(name, f"http://127.0.0.1:{port}", command)
        cleanup.push_async_callback(process.stop)
        return process

    async def stop(self) -> None:
        """End it in order. Whatever was done to the stores: it was never a fault of the process."""
        await self._http.aclose()
        if self._command.running:
            self._command.send(signal.SIGTERM)
        status, said = await self._command.ended()
        assert status == 0, said
        assert not _FAULT.search(said), said

    async def missing(self) -> list[str] | None:
        """What it waits for to be ready; None where it does not answer at all."""
        assert self._command.running, await self._command.ended()
        try:
            return list((await self._http.get("/readyz")).json()["missing"])
        except httpx.TransportError:
            return None

    async def until_ready(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while await self.missing() != []:
                await asyncio.sleep(0.05)

    async def until_missing(self, part: str) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not any(each.startswith(part) for each in await self.missing() or []):
                await asyncio.sleep(0.05)

    async def metric(self, name: str) -> float:
        text = (await self._http.get("/metrics")).text
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1])


class Deployment:
    """`gw-b` alone reaches the stores through proxies."""

    def __init__(
        self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, proxies: Mapping[str, Proxy], env: Mapping[str, str]
    ) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.proxies = proxies
        self.env = env  # of a further process beside the stores
        self.processes: dict[str, Process] = {}

    @property
    def api(self) -> Process:
        return self.processes["api"]

    @property
    def gateways(self) -> list[Process]:
        return [self.processes["gw-a"], self.processes["gw-b"]]

    async def until_ready(self) -> None:
        for process in self.processes.values():
            await process.until_ready()


def kill(server: Any) -> None:
    """Kill -9 of an embedded server."""
    server._process.kill()


@asynccontextmanager
async def running_deployment(data_dir: Path, env: Mapping[str, str]) -> AsyncIterator[Deployment]:
    """All of it, ready."""
    async with AsyncExitStack() as cleanup:
        postgres = await cleanup.enter_async_context(EmbeddedPostgres(data_dir))
        valkey = await cleanup.enter_async_context(EmbeddedValkey(data_dir))
        keys_dir = data_dir / "keys"
        await migrate_store(postgres.admin_url, keys_dir)
        sockets = parse_qs(urlsplit(postgres.address).query)["host"][0]
        proxies = {
            "database": await cleanup.enter_async_context(Proxy(f"{sockets}/.s.PGSQL.5432")),
            "redis": await cleanup.enter_async_context(Proxy(unquote(urlsplit(valkey.url).path))),
        }
        direct = {
            "MOLTSTACK_DATABASE_URL": postgres.address,
            "MOLTSTACK_REDIS_URL": valkey.url,
            "MOLTSTACK_KEYS_DIR": str(keys_dir),
            "MOLTSTACK_PUBLIC_URL": "http://molt.example",
            **env,
        }
        name = urlsplit(postgres.address).path
        through = {
            **direct,
            "MOLTSTACK_DATABASE_URL": f"postgresql://127.0.0.1:{proxies['database'].port}{name}",
            "MOLTSTACK_REDIS_URL": f"redis://127.0.0.1:{proxies['redis'].port}",
        }
        deployment = Deployment(postgres, valkey, proxies, direct)
        for kind, node, seen in (("api", "api", direct), ("gateway", "gw-a", direct), ("gateway", "gw-b", through)):
            deployment.processes[node] = await Process.start(kind, node, seen, cleanup)
            if kind == "api":
                await deployment.until_ready()  # It makes the keys.
        await deployment.until_ready()
        yield deployment
