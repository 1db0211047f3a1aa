"""The gateway beside the kernel's own speed and other servers, all in one run. See README.md."""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import uvloop
from harness.client import PROGRAM
from harness.journal import Journal
from harness.machine import CORES, BenchError, go_first, stop_on_sigterm
from harness.moltstack import MoltStack
from harness.parts import FULL, QUICK, Bench, Entrant, frame_bytes
from harness.peers import Peer, peers
from harness.report import print_report

from stack.errors import StackError

_RESULTS: Final = Path(__file__).parent / "build" / "gateway.jsonl"
_OURS: Final = ("everything", "receiving")


def _say(text: str) -> None:
    print(f"{time.monotonic() - _BEGUN:6.1f} s  {text}", file=sys.stderr, flush=True)


_BEGUN: Final = time.monotonic()


async def _run(arguments: argparse.Namespace, journal: Journal) -> None:
    plan = QUICK if arguments.quick else FULL
    wanted = None if arguments.servers is None else set(arguments.servers.split(","))
    async with AsyncExitStack() as cleanup:
        scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="molt-gateway-")))
        platform = MoltStack(scratch, cleanup)
        await platform.start(agents=max(plan.idle) + 1, channels=plan.rooms)
        first, second = await platform.node("gw-1"), await platform.node("gw-2")
        frame = await frame_bytes(platform.everything(first))
        _say(f"a delivery of ours has {frame} bytes")
        entrants = [
            Entrant("everything", lambda: platform.everything(first), first),
            Entrant("receiving", lambda: platform.receiving(second, first), second),
        ]
        present = _present(wanted)
        for peer in present:
            target = await peer.start(scratch, frame, cleanup)
            entrants.append(Entrant(peer.name, lambda target=target: target))  # type: ignore[misc]
        entrants = [each for each in entrants if wanted is None or each.name in wanted]
        bench = Bench(plan, journal, entrants, _say)
        if "a" in arguments.parts:
            await bench.fan_out()
        if "b" in arguments.parts:
            await bench.memory(platform, present, scratch, frame)
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
    stop_on_sigterm()
    go_first()
    if not PROGRAM.exists():
        print("The load client is not built: that takes gcc, and make bench-gateway.", file=sys.stderr)
        return 1
    if len(CORES) == 1:
        print("There is one core only: client and server take it from each other, and no figure means much.")
    with Journal(_RESULTS) as journal:
        try:
            await _run(arguments, journal)
        except (BenchError, StackError) as error:
            print(f"bench-gateway: {error}", file=sys.stderr)
            return 1
        journal.write({"part": "summary", **print_report(journal)})
        print(f"\n{time.monotonic() - _BEGUN:.0f} s; every measurement is a line of {_RESULTS}")
        return 1 if journal.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway.")
    parser.add_argument("--quick", action="store_true", help="small rooms, one round: whether it works, not how fast")
    parser.add_argument("--parts", default="abde", help="which: a fan-out, b memory and handshakes, d latency, e rooms")
    parser.add_argument("--servers", help="only these, separated by commas")
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            sys.exit(runner.run(_main(_arguments())))
        except (asyncio.CancelledError, KeyboardInterrupt):
            sys.exit("bench-gateway: interrupted; what was started is stopped")
