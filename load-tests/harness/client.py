"""The load client `c/load.c` as the orchestrator drives it: one order, one reading."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
from harness.machine import CLIENT_CORE, BenchError, descendants, until_quiet

PROGRAM: Final = Path(__file__).parents[1] / "build" / "load"

_ANSWER_S: Final = 120.0
_CALM_CORES: Final = 0.15


def need_load_client(target: str) -> None:
    """Raise BenchError where the load client is not built; `target` builds it."""
    if not PROGRAM.exists():
        raise BenchError(f"the load client is not built: that takes gcc, and make {target}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the load client goes and what it says there.

    `pids` are the processes whose CPU and memory are measured, `body` is the length of what is posted, `channels` and
    `tokens` are files for MoltStack.
    """

    port: int
    pids: tuple[int, ...]
    body: int
    publish_port: int | None = None
    dialect: Literal["plain", "nats", "molt"] = "plain"
    channels: Path | None = None
    tokens: Path | None = None


class Opening(msgspec.Struct, frozen=True):
    """What opening the sockets gave: the whole of connecting, authenticating and subscribing."""

    sockets: int
    seconds: float
    handshakes_per_s: float
    handshake_cpu_us: float
    rss_before_kib: float


class Reading(msgspec.Struct, frozen=True):
    """One measurement. CPU is in microseconds of the measured processes per delivery, or in cores by whom it was used.

    `own_cores` are the stores and other nodes, `other_cores` whoever else is on this machine.
    """

    order: str
    seconds: float
    messages: int
    deliveries: int
    deliveries_per_s: float
    cpu_us: float
    server_cores: float
    client_cores: float
    own_cores: float
    other_cores: float
    per_segment: float
    bytes: float
    p50_us: float
    p99_us: float
    rss_kib: float

    @property
    def is_calm(self) -> bool:
        """Whether nobody else used the machine."""
        return self.other_cores <= _CALM_CORES


class Load:
    """A running load client; `async with Load(target, members=100) as load` has all its sockets open."""

    opening: Opening

    def __init__(self, target: Target, *, members: int, rooms: int = 1) -> None:
        self._target = target
        self._members = members
        self._rooms = rooms
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "taskset",
            "--cpu-list",
            str(CLIENT_CORE),
            *self._argv(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            self.opening = msgspec.json.decode(await self._answer(), type=Opening)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        await until_quiet(self._target.pids)

    async def order(self, order: str) -> Reading:
        """Have an order carried out. Raises BenchError where a delivery was lost, doubled or out of order."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())
        return msgspec.json.decode(await self._answer(), type=Reading)

    async def calm(self, order: str, tries: int) -> Reading:
        """`order`, given again where others used the machine meanwhile; the calmest of at most so many tries."""
        readings = []
        for _ in range(tries):
            readings.append(await self.order(order))
            if readings[-1].is_calm:
                break
        return min(readings, key=lambda reading: reading.other_cores)

    async def _answer(self) -> bytes:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(_ANSWER_S):
            line = await process.stdout.readline()
            if not line:
                raise BenchError(f"the load client gave up: {(await process.stderr.read()).decode().strip()}")
            return line

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()  # The kernel closes its sockets; there is nothing else to put in order.
            await process.wait()

    def _argv(self) -> list[str]:
        target = self._target
        measured = set(target.pids)
        own = [pid for pid in descendants(os.getpid()) if pid not in measured]
        argv = [str(PROGRAM), "--port", str(target.port), "--publish-port", str(target.publish_port or target.port)]
        argv += ["--dialect", target.dialect, "--body", str(target.body)]
        argv += ["--rooms", str(self._rooms), "--members", str(self._members)]
        argv += ["--server", ",".join(map(str, measured)), "--own", ",".join(map(str, own))]
        if target.channels is not None and target.tokens is not None:
            argv += ["--channels", str(target.channels), "--tokens", str(target.tokens)]
        return argv
