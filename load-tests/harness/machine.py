"""Processes under measurement: started on a core of their own, listened for, and always stopped."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = CORES[0]
CLIENT_CORE: Final = CORES[-1]

_START_S: Final = 90.0
_STOP_S: Final = 10.0
_QUIET_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.05
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something could not be measured; the text says what and why."""


class Child:
    """A process that is started by `start` and ended by `stop`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, name: str, argv: Sequence[str], log: Path, *, core: int = SERVER_CORE, env: Mapping[str, str] | None = None
    ) -> Self:
        """Run `argv` on `core`; what it prints goes to `log`."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                "taskset",
                "--cpu-list",
                str(core),
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **(env or {})},
            )
        return cls(name, process, log)

    async def until_listening(self, port: int) -> None:
        """Wait until it takes connections. Raises BenchError with its last words."""
        try:
            async with asyncio.timeout(_START_S):
                while self._process.returncode is None:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        return
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            pass
        words = self._log.read_text(errors="replace")[-500:]
        raise BenchError(f"{self.name} does not listen on port {port}: {words}")

    async def stop(self) -> None:
        """End it, without ado if it does not want to."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def descendants(pid: int) -> list[int]:
    """The process and all that come from it."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += descendants(int(child))
    return found


def pin(pid: int, core: int) -> None:
    """Move a process with all its threads to a core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {core})


async def until_quiet(pids: Sequence[int]) -> None:
    """Wait until processes have nothing more to do, such as taking leave of sockets; at most ten seconds."""
    until = time.monotonic() + _QUIET_S
    before = -1
    while (ticks := sum(map(_cpu_ticks, pids))) - before > 0 and time.monotonic() < until:
        before = ticks
        await asyncio.sleep(2 * _LOOK_AGAIN_S)


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used."""
    return _cpu_ticks(pid) / 100


def fine_cpu_seconds(pids: Iterable[int]) -> float:
    """The CPU time of the threads that these processes have now, to the nanosecond where `cpu_seconds` has ticks."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


class Memory(NamedTuple):
    """Resident megabytes: all of it, and with what is shared divided among those who share it."""

    rss: float
    pss: float


def memory(pids: Iterable[int]) -> Memory:
    """What processes hold together."""
    kib = {"Rss:": 0, "Pss:": 0}
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, value, *_ = line.split()
            if name in kib:
                kib[name] += int(value)
    return Memory(kib["Rss:"] / 1_024, kib["Pss:"] / 1_024)


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) * 100 // _CLOCK_TICKS


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def go_first() -> None:
    """Let this process and its children go before everything else on the machine, where that is permitted."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    os.sched_setaffinity(0, {CLIENT_CORE})


def stop_on_sigterm() -> None:
    """Have SIGTERM end the running task like Ctrl-C, so that everything that was started is stopped."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
