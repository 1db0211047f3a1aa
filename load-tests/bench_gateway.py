"""The gateway beside the kernel's own speed and other servers, all in one run. See README.md."""

import argparse
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from harness.bench import furnished_platform, results_file, run_bench
from harness.client import need_load_client
from harness.journal import Journal
from harness.parts import FULL, QUICK, Bench, Entrant, frame_bytes
from harness.peers import Peer, peers
from harness.report import print_report

_OURS: Final = ("everything", "receiving")


def _say(text: str) -> None:
    print(f"{time.monotonic() - _BEGUN:6.1f} s  {text}", file=sys.stderr, flush=True)


_BEGUN: Final = time.monotonic()


async def _run(arguments: argparse.Namespace, journal: Journal) -> None:
    plan = QUICK if arguments.quick else FULL
    wanted = None if arguments.servers is None else set(arguments.servers.split(","))
    agents = max(plan.idle) + 1
    async with furnished_platform(agents=agents, channels=plan.rooms) as platform, AsyncExitStack() as cleanup:
        first, second = await platform.node("gw-1"), await platform.node("gw-2")
        frame = await frame_bytes(platform.everything(first))
        _say(f"a delivery of ours has {frame} bytes")
        entrants = [
            Entrant("everything", lambda: platform.everything(first), first),
            Entrant("receiving", lambda: platform.receiving(second, first), second),
        ]
        present = _present(wanted)
        for peer in present:
            target = await peer.start(platform.scratch, frame, cleanup)
            entrants.append(Entrant(peer.name, lambda target=target: target))  # type: ignore[misc]
        entrants = [each for each in entrants if wanted is None or each.name in wanted]
        bench = Bench(plan, journal, entrants, _say)
        if "a" in arguments.parts:
            await bench.fan_out()
        if "b" in arguments.parts:
            await bench.memory(platform, present, platform.scratch, frame)
        if "d" in arguments.parts:
            await bench.latency()
        if "e" in arguments.parts:
            await bench.rooms()


def _present(wanted: set[str] | None) -> list[Peer]:
    found = []
    for peer in peers():
        if wanted is not None and peer.name not in wanted:
            continue
        if peer.missing is None:
            found.append(peer)
        else:
            print(f"{peer.name} is left out: there is no {peer.missing}")
    return found


async def _main(arguments: argparse.Namespace) -> int:
    need_load_client("bench-gateway")
    file = results_file("gateway")
    with Journal(file) as journal:
        await _run(arguments, journal)
        journal.write({"part": "summary", **print_report(journal)})
        print(f"\n{time.monotonic() - _BEGUN:.0f} s; every measurement is a line of {file}")
        return 1 if journal.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway.")
    parser.add_argument("--quick", action="store_true", help="small rooms, one round: whether it works, not how fast")
    parser.add_argument("--parts", default="abde", help="which: a fan-out, b memory and handshakes, d latency, e rooms")
    parser.add_argument("--servers", help="only these, separated by commas")
    return parser.parse_args()


if __name__ == "__main__":
    run_bench("bench-gateway", partial(_main, _arguments()))
