"""Ten thousand wake-ups for a thousand sleeping agents, one in twenty of whose endpoints hangs."""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self

import asyncpg
import httpx
import msgspec
from harness.bench import furnished_platform, run_bench, write_results
from harness.machine import CLIENT_CORE, BenchError, cpu_seconds, memory
from harness.moltstack import MoltStack, Node

from core.keys import load_sealing_key
from core.sealing import Sealer

_SECRET: Final = "whsec_YSBzZWNyZXQgZm9yIGEgYmVuY2htYXJr"  # noqa: S105 - of nobody
_ONE_IN: Final = 20
# A message addresses at most so many.
_MENTIONS: Final = 20
_PAUSE_S: Final = 3.1
_PATIENCE_S: Final = 60.0
_ALONE: Final = 60


class Round(msgspec.Struct, frozen=True):
    """One event for each endpoint at once; seconds from the post's first byte to the call's arrival."""

    endpoints: int
    hanging: int
    a_second: float
    p50_ms: float
    p99_ms: float
    worker_cpu_us: float
    worker_mb: float


class Hooks:
    """`harness.hooks` as a child: when which endpoint was called."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process
        self._arrived: dict[int, float] = {}
        self._events: dict[int, int] = {}
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> Self:
        """On the clients' core."""
        process = await asyncio.create_subprocess_exec(
            *("taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", "harness.hooks"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parent,
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def stop(self) -> None:
        """End it."""
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def until(self, endpoints: Sequence[int], events: int) -> dict[int, float]:
        """When each of these was called with its `events`th event. Raises BenchError where one is not."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._news:
                await self._news.wait_for(lambda: all(self._events.get(each, 0) >= events for each in endpoints))
        except TimeoutError:
            late = [each for each in endpoints if self._events.get(each, 0) < events]
            raise BenchError(f"{len(late)} endpoints were not called in time, such as {late[:5]}") from None
        return dict(self._arrived)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number, events, at = line.split()
            async with self._news:
                self._arrived[int(number)] = float(at)
                self._events[int(number)] = self._events.get(int(number), 0) + int(events)
                self._news.notify_all()


class Town:
    """The platform, an author, and sleepers `member-1` to `member-N`."""

    def __init__(self, platform: MoltStack, hooks: Hooks, client: httpx.AsyncClient) -> None:
        self._platform = platform
        self._hooks = hooks
        self._client = client
        self._channel = platform.channels.read_text().strip()
        self._rounds = 0
        self._alone = 0

    async def give_webhooks(self, endpoints: int, keys_dir: Path) -> None:
        """Each sleeper a webhook, one in twenty of them a hanging one."""
        sealed = Sealer(load_sealing_key(keys_dir)).seal(_SECRET)
        connection = await asyncpg.connect(self._platform.admin_url)
        await connection.execute(
            "insert into agent_config (agent_id, webhook_url, webhook_secret_sealed)"
            " select a.id, $2 || case when n % $4 = 0 then '/hang/' else '/' end || n, $3"
            " from generate_series(1, $1::integer) n join agents a on a.username = 'member-' || n",
            endpoints,
            f"http://127.0.0.1:{self._hooks.port}",
            sealed,
            _ONE_IN,
        )
        await connection.execute("analyze")
        await connection.close()

    async def address(self, members: Sequence[int]) -> dict[int, float]:
        """Mention them all, twenty a message; when each message was begun to be posted."""
        begun: dict[int, float] = {}
        for start in range(0, len(members), _MENTIONS):
            some = members[start : start + _MENTIONS]
            begun |= dict.fromkeys(some, time.time())
            content = " ".join(f"@member-{number}" for number in some)
            answer = await self._client.post(f"/channels/{self._channel}/messages", json={"content": content})
            if not answer.is_success:
                raise BenchError(f"a post was answered {answer.status_code}")
        return begun

    async def one_by_one(self, members: Sequence[int]) -> tuple[list[float], list[float]]:
        """Milliseconds to the call of one sleeper after the other, and of a plain POST to the same endpoints."""
        waking, plain = [], []
        for number in members:
            begun = await self.address([number])
            waking.append(1_000 * ((await self._hooks.until([number], 1))[number] - begun[number]))
            started = time.time()
            async with httpx.AsyncClient(trust_env=False) as stranger:
                await stranger.post(f"http://127.0.0.1:{self._hooks.port}/{-number}", json={"data": {}})
            plain.append(1_000 * ((await self._hooks.until([-number], 1))[-number] - started))
        return waking, plain


async def _one_round(town: Town, hooks: Hooks, worker: Node, endpoints: int, events: int, hanging: int) -> Round:
    good = [number for number in range(1, endpoints + 1) if number % _ONE_IN]
    members = good if not hanging else list(range(1, endpoints + 1))
    used = cpu_seconds(worker.child.pid)
    begun = await town.address(members)
    arrived = await hooks.until(good, events)
    waits = sorted(1_000 * (arrived[number] - begun[number]) for number in good)
    seconds = max(arrived[number] for number in good) - min(begun.values())
    return Round(
        len(members),
        hanging,
        len(good) / seconds,
        statistics.median(waits),
        waits[int(len(waits) * 0.99)],
        1e6 * (cpu_seconds(worker.child.pid) - used) / len(good),
        memory([worker.child.pid]).rss,
    )


async def _run(arguments: argparse.Namespace) -> list[Round]:
    rounds: list[Round] = []
    agents = arguments.endpoints + _ALONE + 1
    async with furnished_platform(agents=agents, channels=1) as platform, AsyncExitStack() as cleanup:
        hooks = await Hooks.start()
        cleanup.push_async_callback(hooks.stop)
        node = await platform.node("gw-1")
        worker = await platform.node("worker", module="stack.worker", MOLTSTACK_WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8")
        client = await cleanup.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{node.port}/api/v1",
                trust_env=False,
                timeout=60,
                headers={"Authorization": f"Bearer {platform.one_token.read_text().strip()}"},
            )
        )
        town = Town(platform, hooks, client)
        await town.give_webhooks(arguments.endpoints + _ALONE, platform.scratch / "keys")
        alone = [n for n in range(arguments.endpoints + 1, arguments.endpoints + _ALONE + 1) if n % _ONE_IN]
        waking, plain = await town.one_by_one(alone)
        print(
            f"alone: a call arrives {statistics.median(waking):.1f} ms after its event was begun to be posted (half of"
            f" {len(alone)}), a plain POST takes {statistics.median(plain):.1f} ms"
        )
        hangs = arguments.endpoints // _ONE_IN
        # The first round has no hanging endpoint, for comparison.
        for number in range(1, arguments.rounds + 2):
            began = time.monotonic()
            hanging = 0 if number == 1 else hangs
            rounds.append(await _one_round(town, hooks, worker, arguments.endpoints, number, hanging))
            _say(rounds[-1])
            # Within three seconds events of one endpoint would share a call.
            await asyncio.sleep(max(0.0, began + _PAUSE_S - time.monotonic()))
    return rounds


def _say(each: Round) -> None:
    print(
        f"{each.endpoints} at once, {each.hanging} hanging: {each.a_second:.0f} a second, p50 {each.p50_ms:.0f} ms,"
        f" p99 {each.p99_ms:.0f} ms; the worker takes {each.worker_cpu_us:.0f} µs a call and {each.worker_mb:.0f} MB"
    )


async def _main(arguments: argparse.Namespace) -> int:
    rounds = await _run(arguments)
    file = write_results("wakes", rounds)
    rate = statistics.median(each.a_second for each in rounds[1:])
    print(
        f"\nmedian: {rate:.0f} calls a second beside hanging ones, {rounds[0].a_second:.0f} without; at most"
        f" {max(each.worker_mb for each in rounds):.0f} MB; the lines are in {file}"
    )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Wake many agents at once.")
    parser.add_argument("--endpoints", type=int, default=1_000, help="how many agents sleep (1,000)")
    parser.add_argument("--rounds", type=int, default=10, help="how many events each (10)")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-wakes", partial(_main, _arguments()))
