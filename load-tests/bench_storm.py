"""A node dies under thousands of sockets: how long until all are live elsewhere, with all that they missed."""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

import httpx
import msgspec
import uvloop
from harness.machine import CLIENT_CORE, CORES, BenchError, go_first, stop_on_sigterm
from harness.moltstack import MoltStack, Node

from stack.errors import StackError

_RESULTS: Final = Path(__file__).parent / "build" / "storm.jsonl"
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


class CrowdProcess:
    """`harness.crowd` as a child: `await crowd.order(open=8080)`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, sockets: int, channel: str, tokens: Path) -> Self:
        """So many sockets, none open yet."""
        return cls(
            await asyncio.create_subprocess_exec(
                "taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", "harness.crowd",
                str(sockets), channel, str(tokens),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parent,
            )
        )  # fmt: skip

    async def order(self, **order: int) -> dict[str, Any]:
        """Have an order carried out. Raises BenchError where an event was lost, doubled or out of order."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        async with asyncio.timeout(_ANSWER_S):
            line = await process.stdout.readline()
        if not line:
            raise BenchError("the crowd gave up; its last words stand above")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if answer.get("faults"):
            raise BenchError(f"not once and in order: {answer['faults']}")
        return answer

    async def stop(self) -> None:
        """End it; the kernel closes its sockets."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


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


async def _one_death(
    crowd: CrowdProcess, poster: Poster, dies: Node, lives: Node, sockets: int, plain_s: float
) -> Storm:
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
    async with AsyncExitStack() as cleanup:
        scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="molt-storm-")))
        platform = MoltStack(scratch, cleanup)
        await platform.start(agents=arguments.sockets, channels=1)
        channel = platform.channels.read_text().strip()
        token = platform.one_token.read_text().strip()
        client = await cleanup.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=60, headers={"Authorization": f"Bearer {token}"})
        )
        poster = Poster(client, channel)
        dies, lives = await platform.node("gw-1"), await platform.node("gw-2")
        crowd = await CrowdProcess.start(arguments.sockets, channel, platform.many_tokens)
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
    stop_on_sigterm()
    go_first()
    if len(CORES) == 1:
        print("There is one core only: clients and servers take it from each other, and no figure means much.")
    try:
        storms = await _run(arguments)
    except (BenchError, StackError) as error:
        print(f"bench-storm: {error}", file=sys.stderr)
        return 1
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    _RESULTS.write_bytes(b"".join(msgspec.json.encode(storm) + b"\n" for storm in storms))
    seconds = statistics.median(storm.seconds for storm in storms)
    ratio = statistics.median(storm.ratio for storm in storms)
    print(f"\nmedian: {seconds:.1f} s, {ratio:.2f} times the plain handshakes; the lines are in {_RESULTS}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill a gateway under a crowd.")
    parser.add_argument("--sockets", type=int, default=5_000, help="how many sockets are lost together (5,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how many deaths (3)")
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            sys.exit(runner.run(_main(_arguments())))
        except (asyncio.CancelledError, KeyboardInterrupt):
            sys.exit("bench-storm: interrupted; what was started is stopped")
