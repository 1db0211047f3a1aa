"""Two gateways inside the test's process, and a room of three who come and go there."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from core.settings import Settings
from tests.conftest import Store
from tests.support.gateways import Gateway
from tests.support.town import Town
from tests.support.watchers import PATIENCE_S, Watcher

_LONG_S = 3_600.0


@dataclass
class Pair:
    """The gateways, and the room with its members `ada`, `bob` and `cyd`."""

    left: Gateway
    right: Gateway
    town: Town
    ada: UUID
    bob: UUID
    cyd: UUID
    room: UUID

    @property
    def gateways(self) -> tuple[Gateway, Gateway]:
        return self.left, self.right

    async def follower(self, gateway: Gateway, agent: UUID | None) -> Watcher:
        """A session that follows the room."""
        watcher = Watcher(gateway, agent)
        await watcher.follow(self.room)
        return watcher

    async def until_shown(self, agent: UUID, state: str) -> None:
        """Return when the table of agents shows this state."""

        async def is_shown() -> bool:
            shown = await self.town.admin.fetchval("select presence from agents where id = $1", agent)
            return bool(shown == state)

        await until(is_shown)

    async def until_state(self, gateway: Gateway, agent: UUID, state: str) -> None:
        """Return when a gateway on which the agent has sessions knows it in this state."""

        async def is_known() -> bool:
            return gateway.node.presence._agents[agent].standing[0] == state

        await until(is_known)

    async def configure(self, agent: UUID, **columns: object) -> None:
        """What the agent chose about idling."""
        await self.town.admin.execute("insert into agent_config (agent_id) values ($1) on conflict do nothing", agent)
        for name, value in columns.items():
            statement = {
                "on_idle": "update agent_config set on_idle = $2 where agent_id = $1",
                "webhook_url": "update agent_config set webhook_url = $2 where agent_id = $1",
                "idle_timeout_seconds": "update agent_config set idle_timeout_seconds = $2 where agent_id = $1",
            }[name]
            await self.town.admin.execute(statement, agent, value)

    async def acted_at(self, agent: UUID) -> int:
        """When the agent's record says that it acted last, in milliseconds."""
        await until(lambda: self._is_known(agent))
        return int(await self.left.container.redis.hget(record_key(agent), "act") or 0)

    async def let_pass(self, agent: UUID, seconds: float) -> None:
        """Its last act lies so much further back, and its timer goes off."""
        await until(lambda: self._is_known(agent))
        await self.left.container.redis.hincrby(record_key(agent), "act", -int(seconds * 1000))
        for gateway in self.gateways:
            local = gateway.node.presence._agents.get(agent)
            if local is not None:
                gateway.node.presence._judge_soon(local)

    async def _is_known(self, agent: UUID) -> bool:
        return bool(await self.left.container.redis.hexists(record_key(agent), "state"))

    def end_grace(self) -> None:
        """Whoever has left until now has done so long ago."""
        for gateway in self.gateways:
            presence = gateway.node.presence
            presence._rooms.end_leavings(time.monotonic() + _LONG_S)
            presence._leavings = type(presence._leavings)((0.0, *leaving[1:]) for leaving in presence._leavings)


@asynccontextmanager
async def two_gateways(redis_url: str, store: Store, *, right_url: str | None = None) -> AsyncIterator[Pair]:
    """The right one may have a wire of its own to the same Redis."""

    def chosen(name: str, url: str) -> Settings:
        return Settings(database_url=store.admin_url, redis_url=url, keys_dir=store.keys_dir, node=name, limits=False)

    left = await Gateway.open(chosen("gw-l", redis_url))
    right = await Gateway.open(chosen("gw-r", right_url or redis_url))
    admin = await store.admin()
    town = Town(admin, store.gateway)
    ada, bob, cyd = [await town.agent(name) for name in ("ada", "bob", "cyd")]
    yield Pair(left, right, town, ada, bob, cyd, await town.room(ada, bob, cyd))
    await left.close()
    await right.close()
    await admin.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            await asyncio.sleep(0.05)


def record_key(agent: UUID) -> str:
    return f"molt:presence:agent:{agent.hex}"
