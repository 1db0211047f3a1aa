"""What more gateways cost: the same room over 1, 2 and 4 of them, and how many changes of presence one bears."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from harness.bench import furnished_platform, run_bench, write_results
from harness.client import Load, Target, need_load_client
from harness.machine import SERVER_CORE, cpu_seconds, free_port, pin
from harness.moltstack import MoltStack, Node
from harness.orders import Ordered
from redis.asyncio import Redis

_COUNTS: Final = (1, 2, 4)
_WINDOW: Final = 16
_START_S: Final = 30.0
_ANSWER_S: Final = 120.0
_LISTEN: Final = "0A"  # of proc_net_tcp(5)


class Room(msgspec.Struct, frozen=True):
    """One room over so many gateways. Bytes are Redis's, in and out, for each message; CPU is of all gateways."""

    gateways: int
    members: int
    cpu_us: float
    deliveries_per_s: float
    redis_in: float
    redis_out: float


class Moods(msgspec.Struct, frozen=True):
    """Changes of presence on one gateway: how many a second were taken, and the CPU of each in microseconds."""

    agents: int
    changes_per_s: float
    cpu_us: float
    busy: float


class _Counts(msgspec.Struct, frozen=True):
    """What the stores have counted so far."""

    redis_in: int
    redis_out: int
    messages: int


async def _counts(redis: "Redis", store: "asyncpg.Connection[asyncpg.Record]") -> _Counts:
    found: dict[str, Any] = await redis.info("stats")
    head = await store.fetchval("select sum(head) from streams where kind = 'channel'")
    return _Counts(int(found["total_net_input_bytes"]), int(found["total_net_output_bytes"]), int(head))


async def _room(platform: MoltStack, count: int, members: int, seconds: float) -> Room:
    async with AsyncExitStack() as cleanup:
        port = free_port()
        nodes = [
            await platform.node(f"gw-{count}-{number}", cleanup, MOLTSTACK_PORT=str(port)) for number in range(count)
        ]
        target = _target(platform, port, nodes)
        redis = Redis.from_url(platform.redis_url)
        cleanup.push_async_callback(redis.aclose)
        await _until_all_listen(nodes)
        store = await asyncpg.connect(platform.admin_url)
        cleanup.push_async_callback(store.close)
        async with Load(target, members=members) as load:
            before = await _counts(redis, store)
            reading = await load.order(f"window {_WINDOW} {seconds}")
            after = await _counts(redis, store)
    messages = after.messages - before.messages
    return Room(
        count,
        members,
        reading.cpu_us,
        reading.deliveries_per_s,
        (after.redis_in - before.redis_in) / messages,
        (after.redis_out - before.redis_out) / messages,
    )


async def _until_all_listen(nodes: list[Node]) -> None:
    """The port answers as soon as one of them does: each has to hold its own listening socket."""
    async with asyncio.timeout(_START_S):
        while True:
            if all(_listens(node.child.pid, node.port) for node in nodes):
                return
            await asyncio.sleep(0.05)


def _listens(pid: int, port: int) -> bool:
    inodes = {
        fields[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port
    }
    held = {_target_of(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return any(f"socket:[{inode}]" in held for inode in inodes)


def _target_of(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _target(platform: MoltStack, port: int, nodes: list[Node]) -> Target:
    for node in nodes:
        pin(node.child.pid, SERVER_CORE)
    pids = tuple(node.child.pid for node in nodes)
    return msgspec.structs.replace(platform.everything(nodes[0]), port=port, pids=pids)


async def _moods(platform: MoltStack, agents: int, seconds: float) -> Moods:
    async with AsyncExitStack() as cleanup:
        node = await platform.node("gw-moods", cleanup)
        pin(node.child.pid, SERVER_CORE)
        channel = platform.channels.read_text().split()[0]
        crowd = await Ordered.start(
            "harness.moods", str(agents), channel, str(platform.many_tokens), patience=_ANSWER_S
        )
        cleanup.push_async_callback(crowd.stop)
        await crowd.order(open=node.port)
        begun = cpu_seconds(node.child.pid)
        answer = await crowd.order(change=seconds)
        used = cpu_seconds(node.child.pid) - begun
    changes, lasted = answer["changes"], answer["seconds"]
    return Moods(agents, changes / lasted, used / changes * 1e6, used / lasted)


async def _run(arguments: argparse.Namespace) -> list[Room | Moods]:
    found: list[Room | Moods] = []
    need_load_client("bench-nodes")
    async with furnished_platform(agents=max(arguments.agents, 1), channels=1) as platform:
        rooms: list[Room] = []
        for count in _COUNTS:
            rooms.append(await _room(platform, count, arguments.members, arguments.seconds))
            _say_room(rooms[-1], rooms[0])
        moods = await _moods(platform, arguments.agents, arguments.seconds)
        print(
            f"presence: {moods.changes_per_s:,.0f} changes a second of {moods.agents} agents in one channel,"
            f" {moods.cpu_us:.0f} µs of CPU each, {moods.busy:.0%} of a core"
        )
        found += [*rooms, moods]
    return found


def _say_room(room: Room, one: Room) -> None:
    print(
        f"{room.gateways} gateways, {room.members} members: {room.cpu_us:.2f} µs a delivery"
        f" ({room.cpu_us / one.cpu_us:.2f} times one gateway's); Redis {room.redis_in:,.0f} bytes in and"
        f" {room.redis_out:,.0f} out a message ({room.redis_in / one.redis_in:.2f} and"
        f" {room.redis_out / one.redis_out:.2f} times)"
    )


async def _main(arguments: argparse.Namespace) -> int:
    found = await _run(arguments)
    print(f"the lines are in {write_results('nodes', found)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what more gateways cost.")
    parser.add_argument("--members", type=int, default=1_000, help="sockets in the room (1,000)")
    parser.add_argument("--agents", type=int, default=500, help="agents whose presence changes (500)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement (3)")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-nodes", partial(_main, _arguments()))
