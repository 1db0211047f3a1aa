"""Where the claws are that are measured: each kind on a node and in a channel of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from harness.machine import CORES, SERVER_CORE, descendants, free_port, pin
from harness.meter import Meter
from harness.moltstack import MoltStack, Node
from harness.orders import Ordered
from listeners.ear import Place, post_text
from listeners.kinds import Kind

from claw import Identity
from claw.wire.ids import Prefix, encode_id

NOBODY: Final = "gw-nobody"
"""The node that no claw is on."""

_ANSWER_S: Final = 90.0
_STARTING_AT_ONCE: Final = 4
# The least that an agent may choose.
_OFFLINE_S: Final = 30
# Limits are counted, since that is part of what a request costs; here all come from one address and at once.
_SETTINGS: Final = {
    "MOLTSTACK_LIMITS": "on",
    "MOLTSTACK_LIMIT_API": "100000/min",
    "MOLTSTACK_LIMIT_SIGN_IN": "100000/min",
    "MOLTSTACK_MAX_SOCKETS_PER_ADDRESS": "10000",
    "MOLTSTACK_MAX_STRANGERS_PER_ADDRESS": "10000",
    "MOLTSTACK_MAX_HANDSHAKES": "10000",
}


class Claws:
    """The claws of one kind: a crowd in one process, and one alone in another; a node and a channel of their own."""

    def __init__(self, kind: Kind, number: int, crowd: Ordered, alone: Ordered) -> None:
        self.kind = kind
        self.node = node_name(number)
        self.number = number
        self.posted = 0
        self.took_ms: list[float] = []
        self._crowd = crowd
        self._alone = alone

    @classmethod
    async def start(cls, kind: Kind, number: int, places: Sequence[Place], cleanup: AsyncExitStack) -> "Claws":
        """Have all of them listen until `cleanup` ends; the first place is the lonely one's. Raises BenchError."""
        processes = []
        for some in (places[1:], places[:1]):
            process = await Ordered.start("listeners.audience", kind.listener, patience=_ANSWER_S)
            cleanup.push_async_callback(process.stop)
            await process.order(listen=some)
            processes.append(process)
        return cls(kind, number, *processes)

    def pids(self) -> list[int]:
        """The processes that make up one claw; where it has started something that listens for it, that alone."""
        itself, *started = descendants(self._alone.pid)
        return started or [itself]

    async def reach(self) -> None:
        """Wait until all have heard all posts. Raises BenchError where one came twice, too late or not at all."""
        answers = await asyncio.gather(*(each.order(reach=self.posted) for each in (self._crowd, self._alone)))
        self.took_ms += [ms for answer in answers for ms in answer["ms"]]

    async def check(self) -> None:
        """Nothing has come since then. Raises BenchError."""
        for each in (self._crowd, self._alone):
            await each.order(check=None)


class Poster:
    """Posts into the kinds' channels over REST, by a node that no claw is on."""

    def __init__(self, client: httpx.AsyncClient, channels: Sequence[str]) -> None:
        self._client = client
        self._channels = channels

    @classmethod
    @asynccontextmanager
    async def at_work(cls, platform: MoltStack) -> "AsyncIterator[Poster]":
        """A poster for a platform that runs."""
        url = _url((await platform.node("gw-poster")).port)
        head = {"Authorization": f"Bearer {platform.one_token.read_text().strip()}"}
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, headers=head) as client:
            yield cls(client, platform.channels.read_text().split())

    async def post(self, claws: Claws, count: int, every_s: float) -> None:
        """So many posts, now sooner now later, and wait until all have heard them."""
        for _ in range(count):
            await asyncio.sleep(every_s * random.uniform(0.5, 1.5))
            claws.posted += 1
            body = {"content": post_text(claws.posted)}
            answer = await self._client.post(f"/api/v1/channels/{self._channels[claws.number]}/messages", json=body)
            answer.raise_for_status()
        await claws.reach()


class Hall:
    """The platform with a node for each kind, one for the poster and one for nobody."""

    def __init__(self, platform: MoltStack, claws_of_a_kind: int) -> None:
        self._platform = platform
        self._size = claws_of_a_kind
        self._channels = platform.channels.read_text().split()
        self.nodes: dict[str, Node] = {}

    async def open(self, kinds: Sequence[Kind], meter: Meter) -> None:
        """Start the nodes, some at once, for agents that are shown offline soon. Raises BenchError."""
        connection = await asyncpg.connect(self._platform.admin_url)
        await connection.execute(
            "insert into agent_config (agent_id, idle_timeout_seconds) select id, $1 from agents", _OFFLINE_S
        )
        await connection.close()
        names = [NOBODY, *(node_name(number) for number in range(len(kinds)))]
        by_key = {node_name(number) for number, kind in enumerate(kinds) if kind.by_key}
        turns = asyncio.Semaphore(_STARTING_AT_ONCE)
        started = await asyncio.gather(
            *(
                self._node(name, meter, turns, by_key=name in by_key, core=CORES[number % len(CORES)])
                for number, name in enumerate(names)
            )
        )
        self.nodes = dict(zip(names, started, strict=True))

    async def _node(self, name: str, meter: Meter, turns: asyncio.Semaphore, *, by_key: bool, core: int) -> Node:
        port = free_port()
        settings = {**_SETTINGS, "MOLTSTACK_PORT": str(port), "MOLTSTACK_REDIS_URL": await meter.redis_url(name)}
        if by_key:
            # A key signs for the address that was dialled alone.
            settings["MOLTSTACK_PUBLIC_URL"] = _url(port)
        async with turns:
            node = await self._platform.node(name, None, core=core, **settings)
        # All cores help with the start alone.
        pin(node.child.pid, SERVER_CORE)
        return node

    async def places(self, number: int, kind: Kind) -> list[Place]:
        """Where the claws of a kind listen: agents of their own, in the kind's channel."""
        # The first agent is the poster.
        agents = range(1 + number * self._size, 1 + (number + 1) * self._size)
        tokens = self._platform.many_tokens.read_text().split()
        keys = [self._platform.scratch / "claws" / str(agent) / "key.json" for agent in agents]
        if kind.by_key:
            await self._give_keys(dict(zip(agents, keys, strict=True)))
        url = _url(self.nodes[node_name(number)].port)
        return [
            Place(url, self._channels[number], tokens[agent], str(key)) for agent, key in zip(agents, keys, strict=True)
        ]

    async def _give_keys(self, files: dict[int, Path]) -> None:
        connection = await asyncpg.connect(self._platform.admin_url)
        try:
            for number, file in files.items():
                name = f"member-{number}"
                identity = Identity.load_or_create(file, username=name)
                agent = await connection.fetchval(
                    "update agents set public_key = $2 where username = $1 returning id", name, identity.public_key
                )
                identity.registered(encode_id(Prefix.AGENT, agent))
        finally:
            await connection.close()


def node_name(number: int) -> str:
    """The node of the kind with this number."""
    return f"gw-{number}"


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
