"""How soon a claw hears of a post, and what it costs while nothing happens: polling, on the socket, by every door."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import msgspec
from harness.bench import furnished_platform, run_bench, write_results
from harness.machine import BenchError, fine_cpu_seconds, memory
from harness.meter import Cost, Meter
from listeners.hall import NOBODY, Claws, Hall, Poster
from listeners.kinds import KINDS, POLLING, Kind

_HOUR_S: Final = 3_600
# Posts to claws that ask by the clock, all kinds side by side; to the others, one kind after the other.
_SLOW_EVERY_S: Final = 1.0
_FAST_EVERY_S: Final = 0.2
_WARM_UP: Final = 2


class Line(msgspec.Struct, frozen=True):
    """One kind of claw. All figures are of one claw; an hour's are projected from the idle stretch.

    `asks` are the HTTP requests and frames that it sends; `server_cpu_s`, `statements` and `redis` are what the
    platform needs for it beyond what it needs for nobody.
    """

    kind: str
    asks: float
    rss_mb: float
    pss_mb: float
    cpu_s: float
    server_cpu_s: float
    statements: float
    redis: float
    posts: int
    p50_ms: float
    p99_ms: float


async def _hear(poster: Poster, everybody: Sequence[Claws], seconds: float) -> None:
    """From the post to the callback, for all kinds."""
    await asyncio.gather(*(poster.post(claws, _WARM_UP, _FAST_EVERY_S) for claws in everybody))
    for claws in everybody:
        claws.took_ms.clear()
    slow = [claws for claws in everybody if claws.kind.by_clock]
    posts = max(3, round(2 * seconds / _SLOW_EVERY_S))
    await asyncio.gather(*(poster.post(claws, posts, _SLOW_EVERY_S) for claws in slow))
    for claws in everybody:
        if not claws.kind.by_clock:
            await poster.post(claws, max(3, round(seconds / _FAST_EVERY_S)), _FAST_EVERY_S)


class _Idle(msgspec.Struct, frozen=True):
    """The idle stretch: what each node cost in it, and what the lonely claws needed themselves."""

    seconds: float
    nodes: dict[str, Cost]
    cpu_s: dict[str, float]


async def _idle(meter: Meter, hall: Hall, everybody: Sequence[Claws], seconds: float) -> _Idle:
    async with meter.counting():
        before = await meter.read(hall.nodes)
        begun = time.monotonic()
        used = {claws.node: fine_cpu_seconds(claws.pids()) for claws in everybody}
        await asyncio.sleep(seconds)
        used = {claws.node: fine_cpu_seconds(claws.pids()) - used[claws.node] for claws in everybody}
        lasted = time.monotonic() - begun
        after = await meter.read(hall.nodes)
    return _Idle(lasted, {name: after[name].since(before[name]) for name in after}, used)


def _line(claws: Claws, idle: _Idle, count: int) -> Line:
    cost, nobody = idle.nodes[claws.node], idle.nodes[NOBODY]
    hours = count * idle.seconds / _HOUR_S
    held = memory(claws.pids())
    took = sorted(claws.took_ms)
    return Line(
        kind=claws.kind.name,
        asks=(cost.requests + cost.frames) / hours,
        rss_mb=held.rss,
        pss_mb=held.pss,
        cpu_s=idle.cpu_s[claws.node] * _HOUR_S / idle.seconds,
        server_cpu_s=(cost.cpu_s - nobody.cpu_s) / hours,
        statements=(cost.statements - nobody.statements) / hours,
        redis=(cost.redis - nobody.redis) / hours,
        posts=claws.posted - _WARM_UP,
        p50_ms=statistics.median(took),
        p99_ms=took[len(took) * 99 // 100],
    )


async def _run(arguments: argparse.Namespace) -> list[Line]:
    kinds = [kind for kind in KINDS if kind.is_there and _is_wanted(kind, arguments.kinds)]
    size = arguments.claws + 1
    begun = time.monotonic()
    async with (
        furnished_platform(agents=1 + len(kinds) * size, channels=len(kinds)) as platform,
        Meter.reading(platform) as meter,
        Poster.at_work(platform) as poster,
        AsyncExitStack() as cleanup,
    ):
        hall = Hall(platform, size)
        await hall.open(kinds, meter)
        everybody = [
            await Claws.start(kind, number, await hall.places(number, kind), cleanup)
            for number, kind in enumerate(kinds)
        ]
        came = time.monotonic()
        print(f"{came - begun:.0f} s: {size} claws of each kind listen")
        await _hear(poster, everybody, arguments.seconds)
        print(f"{time.monotonic() - begun:.0f} s: all heard every post once; now nothing happens")
        # Until they are shown offline, which each is once.
        await asyncio.sleep(max(0.0, came + arguments.settle - time.monotonic()))
        idle = await _idle(meter, hall, everybody, arguments.idle)
        for claws in everybody:
            await claws.check()
        return [_line(claws, idle, size) for claws in everybody]


def _is_wanted(kind: Kind, names: str | None) -> bool:
    return names is None or kind is POLLING or any(name.strip() in kind.name for name in names.split(","))


def _print(lines: Sequence[Line]) -> None:
    polling = next(line for line in lines if line.kind == POLLING.name)
    print(
        f"\n{'an hour of one idle claw':28}|{'asks':>8}{'of polling':>12} |{'itself: RSS MB':>15}{'PSS':>6}{'CPU s':>7}"
        f" |{'platform: CPU s':>16}{'statements':>12}{'Redis':>8} |{'heard: p50 ms':>14}{'p99':>9}{'of polling':>12}"
    )
    found = {line.kind: line for line in lines}
    for kind in KINDS:
        if (line := found.get(kind.name)) is None:
            print(f"{kind.name:28}|  {'left out' if kind.is_there else f'there is no {kind.needs} here'}")
            continue
        print(
            f"{line.kind:28}|{line.asks:8,.0f}{line.asks / polling.asks:12.3f} |{line.rss_mb:15.0f}{line.pss_mb:6.0f}"
            f"{line.cpu_s:7.1f} |{line.server_cpu_s:16.2f}{line.statements:12,.0f}{line.redis:8,.0f}"
            f" |{line.p50_ms:14,.1f}{line.p99_ms:9,.1f}{line.p50_ms / polling.p50_ms:12.4f}"
        )


async def _main(arguments: argparse.Namespace) -> int:
    if arguments.claws < 1:
        raise BenchError("there must be a claw: --claws 1 or more")
    lines = await _run(arguments)
    _print(lines)
    print(f"\nthe lines are in {write_results('claw', lines)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the ways in which a claw can hear of posts.")
    parser.add_argument("--claws", type=int, default=20, help="claws of each kind, besides the one alone (20)")
    parser.add_argument("--idle", type=float, default=60.0, help="length of the idle stretch in seconds (60)")
    parser.add_argument(
        "--settle",
        type=float,
        default=35.0,
        help="seconds from the last claw's coming to the idle stretch, at least (35)",
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="of posting to each kind that is pushed to (6)")
    parser.add_argument("--kinds", help="only those with one of these in their names, separated by commas, and polling")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-claw", partial(_main, _arguments()))
