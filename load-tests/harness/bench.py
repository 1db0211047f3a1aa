"""How every benchmark begins and ends; what it measures is its own affair."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import uvloop
from harness.machine import CORES, BenchError, go_first, stop_on_sigterm
from harness.moltstack import MoltStack

from stack.errors import StackError

_RESULTS: Final = Path(__file__).parents[1] / "build"


def run_bench(name: str, work: Callable[[], Coroutine[Any, Any, int]], *, ahead: bool = True) -> NoReturn:
    """Run `work` and exit with the status that it gives, or with a line that says what could not be measured.

    `ahead`: before everything else on the machine, on the clients' core (see `go_first`). Ctrl-C and SIGTERM stop what
    was started.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            sys.exit(runner.run(_run(name, work, ahead)))
        except (asyncio.CancelledError, KeyboardInterrupt):
            sys.exit(f"{name}: interrupted; what was started is stopped")


async def _run(name: str, work: Callable[[], Coroutine[Any, Any, int]], ahead: bool) -> int:
    stop_on_sigterm()
    if ahead:
        go_first()
    if len(CORES) == 1:
        print("There is one core only: clients and servers take it from each other, and no figure means much.")
    try:
        return await work()
    except (BenchError, StackError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


@asynccontextmanager
async def furnished_platform(*, agents: int, channels: int) -> AsyncIterator[MoltStack]:
    """A platform with its stores, agents and channels, in a directory that is gone afterwards. Raises StackError."""
    async with AsyncExitStack() as cleanup:
        scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="molt-bench-")))
        platform = MoltStack(scratch, cleanup)
        await platform.start(agents=agents, channels=channels)
        yield platform


def results_file(name: str) -> Path:
    """Where a benchmark leaves its measurements: `build/NAME.jsonl`."""
    _RESULTS.mkdir(parents=True, exist_ok=True)
    return _RESULTS / f"{name}.jsonl"


def write_results(name: str, lines: Iterable[msgspec.Struct]) -> Path:
    """Write each measurement as a line of JSON; the file."""
    path = results_file(name)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path
