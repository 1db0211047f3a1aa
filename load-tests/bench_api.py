"""REST beside an empty route of the same process and beside FastAPI with asyncpg, all in one run. See README.md."""

import argparse
import asyncio
import json
import random
import re
import shutil
import statistics
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import httpx
from harness.bench import furnished_platform, run_bench
from harness.machine import CLIENT_CORE, SERVER_CORE, BenchError, Child, cpu_seconds, free_port, pin
from harness.moltstack import MoltStack

from claw.wire.ids import Prefix, decode_id

_HERE: Final = Path(__file__).parent
_PYTHON: Final = _HERE / ".venv" / "bin" / "python"
_POST: Final = _HERE / "peers" / "post.lua"
_MESSAGES: Final = 200
_AGENTS: Final = 50
_OURS: Final = "moltstack"
_THEIRS: Final = "fastapi"
_CASES: Final = ("empty", "profile", "history", "post")
# The empty route is measured in the same round: what the machine does meanwhile cancels out.
_AIMS: Final = (("profile", "of the empty route", 0.3), ("profile", "of fastapi", 1.5))
_RATE: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_LATENCY: Final = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Server(NamedTuple):
    """A running process, its address, and the path of each case."""

    name: str
    pid: int
    url: str
    token: str
    paths: dict[str, str]


class Result(NamedTuple):
    """What one measurement gave: requests a second, the server's own CPU for each, and latencies in milliseconds."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


async def _measure(server: Server, case: str, *, connections: int, seconds: int) -> Result:
    script = ["--script", str(_POST)] if case == "post" else []
    before = cpu_seconds(server.pid)
    process = await asyncio.create_subprocess_exec(
        "taskset", "--cpu-list", str(CLIENT_CORE),
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency",
        "--header", f"Authorization: Bearer {server.token}", *script, server.url + server.paths[case],
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    found = _RATE.search(said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise BenchError(f"{server.name}, {case}: {said[-300:]}")
    rate = float(found[1])
    latency = {part: float(value) * _MS[unit] for part, value, unit in _LATENCY.findall(said)}
    return Result(rate, (cpu_seconds(server.pid) - before) / (rate * seconds) * 1e6, latency["50"], latency["99"])


async def _ours(platform: MoltStack, agent_token: str, channel: str) -> Server:
    # As the peer, without a line in the log for each request.
    node = await platform.node("api-1", MOLTSTACK_LOG_LEVEL="warning")
    pin(node.child.pid, SERVER_CORE)
    url = f"http://127.0.0.1:{node.port}"
    messages = f"/api/v1/channels/{channel}/messages"
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {agent_token}"}) as client:
        for number in range(_MESSAGES):
            posted = await client.post(url + messages, json={"content": f"Hello bots, for the {number}th time today."})
            posted.raise_for_status()
            if number % 5 == 0:
                await client.post(f"{url}/api/v1/messages/{posted.json()['id']}/react", json={"emoji": "up"})
    paths = {"empty": "/healthz", "profile": "/api/v1/agents/@me", "history": messages, "post": messages}
    return Server(_OURS, node.child.pid, url, agent_token, paths)


async def _theirs(platform: MoltStack, channel: str, cleanup: AsyncExitStack) -> Server:
    connection = await asyncpg.connect(platform.admin_url)
    agent = await connection.fetchval("select id from agents order by id limit 1")
    await connection.close()
    port = free_port()
    env = {"DATABASE_URL": platform.admin_url, "TOKEN": "a-token", "AGENT": str(agent)}
    argv = [str(_PYTHON), str(_HERE / "peers" / "fastapi_server.py"), str(port)]
    child = await Child.start(_THEIRS, argv, platform.scratch / "fastapi.log", env=env)
    cleanup.push_async_callback(child.stop)
    await child.until_listening(port)
    messages = f"/channels/{decode_id(Prefix.CHANNEL, channel)}/messages"
    paths = {"empty": "/empty", "profile": "/agents/@me", "history": messages}
    return Server(_THEIRS, child.pid, f"http://127.0.0.1:{port}", "a-token", paths)


async def _run(arguments: argparse.Namespace) -> dict[tuple[str, str], list[Result]]:
    results: dict[tuple[str, str], list[Result]] = defaultdict(list)
    async with furnished_platform(agents=_AGENTS, channels=2) as platform, AsyncExitStack() as cleanup:
        token, channel = platform.one_token.read_text().split()[0], platform.channels.read_text().split()[0]
        servers = [await _ours(platform, token, channel)]
        if _PYTHON.with_name("uvicorn").exists():
            servers.append(await _theirs(platform, channel, cleanup))
        else:
            print("fastapi is left out: load-tests/.venv lacks it")
        tasks = [(server, case) for server in servers for case in server.paths]
        for server, case in tasks:
            await _measure(server, case, connections=arguments.connections, seconds=1)
        for number in range(arguments.rounds):
            # Posting last: the others read what is there.
            random.shuffle(tasks)
            for server, case in sorted(tasks, key=lambda task: task[1] == "post"):
                result = await _measure(server, case, connections=arguments.connections, seconds=arguments.seconds)
                results[server.name, case].append(result)
                print(f"round {number + 1}: {server.name} {case} {result.rate:,.0f}/s", file=sys.stderr)
    return results


def _print(results: dict[tuple[str, str], list[Result]]) -> None:
    middle = {
        key: Result(*(statistics.median(values) for values in zip(*rounds, strict=True)))
        for key, rounds in results.items()
    }
    print(f"\n{'':24}{'requests/s':>12}{'CPU µs':>10}{'p50 ms':>9}{'p99 ms':>9}{'of empty':>10}{'of fastapi':>12}")
    figures: dict[str, float] = {}
    for (name, case), result in sorted(middle.items(), key=lambda item: (item[0][0], _CASES.index(item[0][1]))):
        of_empty = result.rate / middle[name, "empty"].rate
        line = (
            f"{name:12}{case:12}{result.rate:>12,.0f}{result.cpu_us:>10.0f}{result.p50_ms:>9.2f}{result.p99_ms:>9.2f}"
        )
        line += f"{of_empty:>10.2f}"
        if name == _OURS:
            figures[f"{case} of the empty route"] = round(of_empty, 3)
            if (_THEIRS, case) in middle:
                figures[f"{case} of fastapi"] = round(result.rate / middle[_THEIRS, case].rate, 3)
                line += f"{figures[f'{case} of fastapi']:>12.2f}"
        print(line)
    print()
    for case, beside, bound in _AIMS:
        if (figure := figures.get(f"{case} {beside}")) is not None:
            print(f"{case} {beside}: {figure:.2f}, at least {bound:g}: {'yes' if figure >= bound else 'NO'}")
    print(
        json.dumps(
            {**figures, **{f"{name} {case} cpu_us": round(each.cpu_us) for (name, case), each in middle.items()}}
        )
    )


async def _main(arguments: argparse.Namespace) -> int:
    if shutil.which("wrk") is None:
        raise BenchError("wrk makes the requests: apt-get install wrk")
    _print(await _run(arguments))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--connections", type=int, default=32, help="of wrk, each with one request under way")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-api", partial(_main, _arguments()), ahead=False)
