"""A Redis cluster of three masters, made by hand from the wheel's server: no `valkey-cli` is needed."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from stack.embedded.valkey import find_binary
from tests.support.ports import free_port

_SLOTS = 16_384
_PATIENCE_S = 60
_START_TRIES = 5


class ClusterNode:
    """One server of a cluster. It keeps its port and its place in the cluster over `kill` and `start`."""

    def __init__(self, directory: Path) -> None:
        self.port, self.bus_port = free_port(), free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None  # Of no event loop: a cluster serves several tests.

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def order(self, *words: str | int | bytes) -> Any:
        client = Redis.from_url(self.url, socket_timeout=10)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def start(self) -> None:
        """Run until it answers; a fresh one takes other ports where somebody was quicker."""
        self._directory.mkdir(exist_ok=True)
        is_fresh = not (self._directory / "nodes.conf").exists()
        for _ in range(_START_TRIES):
            if await self._run():
                return
            if is_fresh:
                (self._directory / "nodes.conf").unlink(missing_ok=True)
                self.port, self.bus_port = free_port(), free_port()
        raise AssertionError((self._directory / "log").read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def _run(self) -> bool:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._directory,
            "logfile": self._directory / "log",
            "cluster-enabled": "yes",
            "cluster-port": self.bus_port,
            # Longer than a busy machine holds a process up.
            "cluster-node-timeout": 10_000,
            "save": "",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen([str(find_binary()), *words], stdin=subprocess.DEVNULL, start_new_session=True)
        async with asyncio.timeout(_PATIENCE_S):
            while self._process.poll() is None:
                with contextlib.suppress(RedisError, OSError):
                    await self.order("PING")
                    return True
                await asyncio.sleep(0.02)
        return False


class Cluster:
    """Three masters. `url` is of the first."""

    def __init__(self, nodes: list[ClusterNode]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        return self.nodes[0].url

    async def make(self) -> None:
        """Introduce the nodes to each other and divide the slots."""
        first, *others = self.nodes
        for number, node in enumerate(self.nodes):
            lowest, after = (_SLOTS * each // len(self.nodes) for each in (number, number + 1))
            await node.order("CLUSTER", "ADDSLOTSRANGE", lowest, after - 1)
            await node.order("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in others:
            await first.order("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        await self.until_whole()

    async def until_whole(self) -> None:
        """Return when every node says that all slots are served."""
        async with asyncio.timeout(_PATIENCE_S):
            for node in self.nodes:
                while b"cluster_state:ok" not in _bytes(await node.order("CLUSTER", "INFO")):
                    await asyncio.sleep(0.05)
                while sum(row[1] + 1 - row[0] for row in await node.order("CLUSTER", "SLOTS")) != _SLOTS:
                    await asyncio.sleep(0.05)

    async def subscribers(self, channel: bytes) -> int:
        """How many connections follow the channel, at the node that has it now."""
        return int((await (await self.owner(channel)).order("PUBSUB", "SHARDNUMSUB", channel))[1])

    async def owner(self, channel: bytes) -> ClusterNode:
        """The node that has the channel's slot now."""
        slot = key_slot(channel)
        running = next(node for node in self.nodes if node.is_running)
        for first, last, master, *_ in await running.order("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    async def give(self, channel: bytes, receiver: ClusterNode) -> None:
        """Move the channel's slot, which holds no keys, to another master."""
        slot, giver = key_slot(channel), await self.owner(channel)
        name, givers = [_bytes(await node.order("CLUSTER", "MYID")).decode() for node in (receiver, giver)]
        # With both steps the receiver's claim is newer than any word of the giver's that is still on its way.
        await receiver.order("CLUSTER", "SETSLOT", slot, "IMPORTING", givers)
        await giver.order("CLUSTER", "SETSLOT", slot, "MIGRATING", name)
        for node in [receiver, *(each for each in self.nodes if each is not receiver)]:
            await node.order("CLUSTER", "SETSLOT", slot, "NODE", name)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@asynccontextmanager
async def running_cluster(directory: Path) -> AsyncIterator[Cluster]:
    """A cluster that serves all slots."""
    cluster = Cluster([ClusterNode(directory / f"node-{number}") for number in range(3)])
    try:
        for node in cluster.nodes:
            await node.start()
        await cluster.make()
        yield cluster
    finally:
        cluster.kill()


def _bytes(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else str(answer).encode()
