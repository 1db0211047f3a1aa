"""MoltStack under measurement: its stores, its nodes, and what must be in the database before there is anything to do.

Everything runs as under `moltstack up`, except that each node has a port of its own, so that it is known who serves
whom, and that limits are off.
"""

import asyncio
import re
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import httpx
from harness.client import Target
from harness.machine import CLIENT_CORE, SERVER_CORE, Child, free_port, pin

from claw.wire.ids import Prefix, encode_id, uuid7
from core.events import author_card
from core.keys import ensure_keys, load_signing_key
from core.tokens import TokenIssuer
from stack.embedded import EmbeddedPostgres, EmbeddedValkey
from stack.migration import migrate_store

# What a client posts; what goes out is longer, since it is the whole message object.
_POST_BYTES: Final = 216
_TOKEN_SECONDS: Final = 7_200
_ORIGIN: Final = "http://bench.invalid"
# As many channels as a server may have.
_CHANNELS_PER_SERVER: Final = 100
_COUNTER: Final = re.compile(r"^moltstack_(\w+)_total(?:\{.*\})? (\S+)$", re.MULTILINE)


class Counts(NamedTuple):
    """What a gateway has counted itself: event frames handed to sockets, and the writes in which they went."""

    deliveries: float
    writes: float


class Node(NamedTuple):
    """A running process of ours."""

    child: Child
    port: int

    async def counters(self) -> Counter[str]:
        """Its own counters by their names in the middle, summed over their labels."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/metrics")
        found: Counter[str] = Counter()
        for name, value in _COUNTER.findall(answer.text):
            found[name] += int(float(value))
        return found

    async def counts(self) -> Counts | None:
        """How its event frames were written, None where it does not say."""
        found = await self.counters()
        return Counts(found["deliveries"], found["writes"]) if found.keys() >= set(Counts._fields) else None


class MoltStack:
    """The platform. `start` brings up stores and furniture, `node` a process that serves."""

    def __init__(self, scratch: Path, cleanup: AsyncExitStack) -> None:
        """`scratch` holds data, keys and logs; what is started ends with `cleanup`."""
        self.scratch = scratch
        self._keys = scratch / "keys"
        self._cleanup = cleanup
        self._env: dict[str, str] = {}
        self.admin_url = ""
        self.redis_url = ""
        self.channels = scratch / "channels"
        self.one_token = scratch / "one-token"
        self.many_tokens = scratch / "many-tokens"

    async def start(self, *, agents: int, channels: int) -> None:
        """Run the stores and furnish them: agents, and servers with channels. Raises StackError.

        The first agent is in every server, the others are in the first one.
        """
        postgres = await self._cleanup.enter_async_context(EmbeddedPostgres(self.scratch))
        valkey = await self._cleanup.enter_async_context(EmbeddedValkey(self.scratch))
        await asyncio.to_thread(ensure_keys, self._keys)
        await migrate_store(postgres.admin_url, self._keys)
        await self._furnish(postgres.admin_url, agents, channels)
        self.admin_url, self.redis_url = postgres.admin_url, valkey.url
        self._env = {
            "MOLTSTACK_DATABASE_URL": postgres.address,
            "MOLTSTACK_REDIS_URL": valkey.url,
            "MOLTSTACK_KEYS_DIR": str(self._keys),
            "MOLTSTACK_DATA_DIR": str(self.scratch),
            "MOLTSTACK_PUBLIC_URL": _ORIGIN,
            "MOLTSTACK_ACCESS_TOKEN_SECONDS": str(_TOKEN_SECONDS),
            "MOLTSTACK_LIMITS": "off",
            "MOLTSTACK_DRAIN_SECONDS": "0",
        }

    async def node(
        self,
        name: str,
        cleanup: AsyncExitStack | None = None,
        *,
        module: str = "stack.node",
        core: int = SERVER_CORE,
        **settings: str,
    ) -> Node:
        """Run a process that serves REST and sockets, until `cleanup` (or else everything) ends. Raises BenchError.

        `settings` are variables of its own; `module` may be that of another kind of process.
        """
        port = int(settings.get("MOLTSTACK_PORT", 0)) or free_port()
        env = {**self._env, **settings, "MOLTSTACK_NODE": name, "MOLTSTACK_PORT": str(port)}
        log = self.scratch / f"{name}.log"
        child = await Child.start(name, [sys.executable, "-m", module], log, core=core, env=env)
        (cleanup or self._cleanup).push_async_callback(child.stop)
        await child.until_listening(port)
        return Node(child, port)

    def everything(self, node: Node, *, agents: bool = False) -> Target:
        """Publishers and members on one node; with `agents` every socket is an agent of its own."""
        pin(node.child.pid, SERVER_CORE)
        tokens = self.many_tokens if agents else self.one_token
        return Target(
            port=node.port,
            pids=(node.child.pid,),
            body=_POST_BYTES,
            dialect="molt",
            channels=self.channels,
            tokens=tokens,
        )

    def receiving(self, node: Node, publishing: Node) -> Target:
        """Members on `node`, which is measured, and publishers on another, which moves out of its way."""
        pin(publishing.child.pid, CLIENT_CORE)
        pin(node.child.pid, SERVER_CORE)
        return Target(
            port=node.port,
            publish_port=publishing.port,
            pids=(node.child.pid,),
            body=_POST_BYTES,
            dialect="molt",
            channels=self.channels,
            tokens=self.one_token,
        )

    async def _furnish(self, admin_url: str, agents: int, channels: int) -> None:
        agent_ids = [uuid7() for _ in range(agents)]
        names = [f"member-{number}" for number in range(agents)]
        cards = [author_card(agent, name, None, None) for agent, name in zip(agent_ids, names, strict=True)]
        channel_ids = [uuid7() for _ in range(channels)]
        server_ids = [uuid7() for _ in range(0, channels, _CHANNELS_PER_SERVER)]
        connection = await asyncpg.connect(admin_url)
        try:
            await connection.execute(
                "insert into agents (id, username, public_key, status, card)"
                " select id, name, repeat('a', 44), 'verified', card"
                " from unnest($1::uuid[], $2::text[], $3::bytea[]) q (id, name, card)",
                agent_ids,
                names,
                cards,
            )
            await connection.execute(
                "insert into servers (id, name, owner_agent_id, max_members)"
                " select id, 'bench', $2, $3 from unnest($1::uuid[]) id",
                server_ids,
                agent_ids[0],
                agents,
            )
            await connection.execute(
                "insert into server_members (server_id, agent_id) select * from unnest($1::uuid[], $2::uuid[])",
                [*server_ids, *[server_ids[0]] * (agents - 1)],
                [*[agent_ids[0]] * len(server_ids), *agent_ids[1:]],
            )
            await connection.execute(
                "insert into channels (id, server_id, name) select id, server, 'room'"
                " from unnest($1::uuid[], $2::uuid[]) q (id, server)",
                channel_ids,
                [server_ids[number // _CHANNELS_PER_SERVER] for number in range(channels)],
            )
            await connection.execute("analyze")
        finally:
            await connection.close()
        issuer = TokenIssuer(load_signing_key(self._keys), issuer=_ORIGIN, lifetime_seconds=_TOKEN_SECONDS)
        tokens = [issuer.issue("agent", agent, uuid7(), scope="*").token for agent in agent_ids]
        _write_lines(self.channels, [encode_id(Prefix.CHANNEL, channel) for channel in channel_ids])
        _write_lines(self.one_token, tokens[:1])
        _write_lines(self.many_tokens, tokens)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines))
