"""What each node has cost so far: of itself, and of the stores on its behalf.

The stores tell the nodes apart by their logins: each node has a Redis user of its own, and is known to PostgreSQL by
its name. Redis counts the commands of each connection, and PostgreSQL serves each by a process; since connections come
and go, both are looked at every second. Statements are counted in PostgreSQL's log, which is switched on for as long as
somebody counts: its statistics come up to ten seconds late.
"""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import msgspec
from harness.machine import fine_cpu_seconds
from harness.moltstack import MoltStack, Node
from redis.asyncio import Redis

_PASSWORD: Final = "bench"  # noqa: S105 - of a Redis that is gone in three minutes
_STATEMENT: Final = re.compile(r"^([^|:\n]+):\w+\|LOG:  (?:execute|statement)", re.MULTILINE)
# A process names its connections NODE:ROLE.
_CONNECTIONS: Final = "select split_part(application_name, ':', 1) as node, pid from pg_stat_activity"
_SETTLE_S: Final = 0.5
_LOOK_EVERY_S: Final = 1.0


class Cost(msgspec.Struct, frozen=True):
    """CPU of the node and of its database connections' servers, and how often it was asked and asked itself."""

    cpu_s: float
    requests: int
    frames: int
    statements: int
    redis: int

    def since(self, before: "Cost") -> "Cost":
        """What was added."""
        return Cost(*(now - then for now, then in zip(msgspec.structs.astuple(self), before.as_tuple(), strict=True)))

    def as_tuple(self) -> tuple[float, ...]:
        """The figures in their order."""
        figures: tuple[float, ...] = msgspec.structs.astuple(self)
        return figures


class Meter:
    """Reads the stores of a platform."""

    def __init__(self, platform: MoltStack, store: "asyncpg.Connection[asyncpg.Record]", redis: "Redis") -> None:
        """Not for callers: use `reading`."""
        self._platform = platform
        self._store = store
        self._redis = redis
        self._log = platform.scratch / "postgres.log"
        self._from = 0
        # By connection, of the node that had it: the last that was seen.
        self._commands: dict[str, tuple[str, int]] = {}
        self._served: dict[int, tuple[str, float]] = {}
        self._looking = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def reading(cls, platform: MoltStack) -> "AsyncIterator[Meter]":
        """A meter for a platform that runs."""
        store = await asyncpg.connect(platform.admin_url)
        try:
            async with Redis.from_url(platform.redis_url, decode_responses=True) as redis:
                yield cls(platform, store, redis)
        finally:
            await store.close()

    async def redis_url(self, node: str) -> str:
        """The Redis URL for the node of this name, with a login of its own."""
        await self._redis.execute_command("ACL", "SETUSER", node, "on", f">{_PASSWORD}", "~*", "&*", "+@all")  # type: ignore[no-untyped-call]
        parts = urlsplit(self._platform.redis_url)
        return parts._replace(netloc=f"{node}:{_PASSWORD}@{parts.netloc}").geturl()

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """Statements are counted meanwhile, and none before."""
        self._from = self._log.stat().st_size
        for name, value in (("log_line_prefix", "%a|"), ("log_parameter_max_length", "0"), ("log_statement", "all")):
            await self._store.execute(f"alter system set {name} = '{value}'")
        await self._reload()
        looking = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            async with self._looking:  # Not in the middle of a question.
                looking.cancel()
            await self._store.execute("alter system reset all")
            await self._reload()

    async def read(self, nodes: Mapping[str, Node]) -> dict[str, Cost]:
        """The costs of each node up to now."""
        statements = Counter(_STATEMENT.findall(_end_of(self._log, self._from)))
        await self._look()
        redis: Counter[str] = Counter()
        for name, commands in self._commands.values():
            redis[name] += commands
        served: defaultdict[str, float] = defaultdict(float)
        for name, seconds in self._served.values():
            served[name] += seconds
        costs = {}
        for name, node in nodes.items():
            counters = await node.counters()
            costs[name] = Cost(
                fine_cpu_seconds([node.child.pid]) + served[name],
                counters["http_requests"],
                counters["frames_received"],
                statements[name],
                redis[name],
            )
        return costs

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._look()

    async def _look(self) -> None:
        async with self._looking:
            for client in await self._redis.client_list():
                self._commands[client["id"]] = client["user"], int(client["tot-cmds"])
            for row in await self._store.fetch(_CONNECTIONS):
                if used := fine_cpu_seconds([row["pid"]]):
                    self._served[row["pid"]] = row["node"], used

    async def _reload(self) -> None:
        await self._store.execute("select pg_reload_conf()")
        await asyncio.sleep(_SETTLE_S)


def _end_of(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
