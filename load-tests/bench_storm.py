"""A node dies under thousands of sockets: how long until all are live elsewhere, with all that they missed."""

import argparse
import asyncio
import os
import signal
import statistics
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import httpx
import msgspec
from harness.bench import furnished_platform, run_bench, write_results
from harness.moltstack import Node
from harness.orders import Ordered

_ANSWER_S: Final = 320.0
# Posted at once after the death, then one after the other while the sockets come back.
_MISSED: Final = 50
_EVERY_S: Final = 0.1


class Storm(msgspec.Struct, frozen=True):
    """One death. Seconds count from the first socket that noticed it; `plain_s` is what opening as many took before."""

    sockets: int
    seconds: float
    p50: float
    p99: float
    refused: int
    posted: int
    plain_s: float

    @property
    def ratio(self) -> float:
        """The storm beside the plain handshakes."""
        return self.seconds / self.plain_s


class Poster:
    """Posts into the channel over REST; `head` is the last seq that was acknowledged."""

    def __init__(self, client: httpx.AsyncClient, channel: str) -> None:
        self._client = client
        self._path = f"/api/v1/channels/{channel}/messages"
        self.head = 0

    async def post(self, node: Node) -> None:
        """One post by way of a node."""
        answer = await self._client.post(f"http://127.0.0.1:{node.port}{self._path}", json={"content": "x" * 120})
        self.head = int(answer.raise_for_status().json()["seq"])

    async def go_on(self, node: Node) -> None:
        """Post now and then, until cancelled."""
        while True:
            await self.post(node)
            await asyncio.sleep(_EVERY_S)


async def _one_death(crowd: Ordered, poster: Poster, dies: Node, lives: Node, sockets: int, plain_s: float) -> Storm:
    await crowd.order(home=lives.port)
    before = poster.head
    os.kill(dies.child.pid, signal.SIGKILL)
    for _ in range(_MISSED):
        await poster.post(lives)
    missed = poster.head
    posting = asyncio.create_task(poster.go_on(lives))
    try:
        answer = await crowd.order(storm=missed)
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
    await poster.post(lives)
    await crowd.order(reach=poster.head)
    return Storm(
        sockets, answer["seconds"], answer["p50"], answer["p99"], answer["refused"], poster.head - before, plain_s
    )


async def _run(arguments: argparse.Namespace) -> list[Storm]:
    storms: list[Storm] = []
    async with furnished_platform(agents=arguments.sockets, channels=1) as platform, AsyncExitStack() as cleanup:
        channel = platform.channels.read_text().strip()
        token = platform.one_token.read_text().strip()
        client = await cleanup.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=60, headers={"Authorization": f"Bearer {token}"})
        )
        poster = Poster(client, channel)
        dies, lives = await platform.node("gw-1"), await platform.node("gw-2")
        crowd = await Ordered.start(
            "harness.crowd", str(arguments.sockets), channel, str(platform.many_tokens), patience=_ANSWER_S
        )
        cleanup.push_async_callback(crowd.stop)
        plain = await crowd.order(open=dies.port)
        print(f"{arguments.sockets} sockets opened in {plain['seconds']:.1f} s, {plain['per_s']:.0f} a second")
        for number in range(arguments.rounds):
            storms.append(await _one_death(crowd, poster, dies, lives, arguments.sockets, plain["seconds"]))
            _say(storms[-1])
            # The survivor has all sockets now, and is the next to go.
            dies, lives = lives, await platform.node(f"gw-{number + 3}")
    return storms


def _say(storm: Storm) -> None:
    print(
        f"kill -9: all {storm.sockets} live with all {storm.posted} messages after {storm.seconds:.1f} s"
        f" (half after {storm.p50:.1f}, 99 % after {storm.p99:.1f}), {storm.ratio:.2f} times the plain handshakes;"
        f" {storm.refused} were told to come back later"
    )


async def _main(arguments: argparse.Namespace) -> int:
    storms = await _run(arguments)
    file = write_results("storm", storms)
    seconds = statistics.median(storm.seconds for storm in storms)
    ratio = statistics.median(storm.ratio for storm in storms)
    print(f"\nmedian: {seconds:.1f} s, {ratio:.2f} times the plain handshakes; the lines are in {file}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill a gateway under a crowd.")
    parser.add_argument("--sockets", type=int, default=5_000, help="how many sockets are lost together (5,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how many deaths (3)")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-storm", partial(_main, _arguments()))
