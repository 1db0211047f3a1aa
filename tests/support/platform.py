"""The whole platform as its users meet it: `moltstack up` in a process of its own, spoken to over its port."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_READY = re.compile(r"Watch:\s+(http://\S+?)/$", re.MULTILINE)
# How a process says that it met what it did not foresee.
_FAULT = re.compile(r"request_failed|command_failed|group_commit_failed|Traceback|never retrieved|never awaited")
_READY_SECONDS = 90
_STOP_SECONDS = 30


class Platform:
    """One `moltstack up`. `url` is where it is; `output` what it printed so far."""

    def __init__(self, process: "subprocess.Popen[str]", data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.url = ""
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def faults(self) -> list[str]:
        """The lines that tell of a fault of the platform itself."""
        return [line for line in self._lines if _FAULT.search(line)]

    def pid_of(self, node: str) -> int | None:
        """The process that is this node just now (`gw-1`, `worker`), None while there is none."""
        return child_of(self.process.pid, node)

    def wait_until_ready(self) -> None:
        if not self._ready.wait(_READY_SECONDS) or not self.url:
            raise AssertionError(f"the platform did not start:\n{self.output}")

    def stop(self, sign: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does, by a signal to its whole process group; gives the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, sign)
        try:
            status = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"the platform did not stop:\n{self.output}") from None
        self._reader.join(5)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
            found = _READY.search(line)
            if found:
                self.url = found[1]
                self._ready.set()
        self._ready.set()


def child_of(parent: int, node: str) -> int | None:
    """The process of a supervisor that bears this node's name."""
    for each in Path("/proc").iterdir():
        try:
            found = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            environ = (each / "environ").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue
        if found == parent and f"MOLTSTACK_NODE={node}".encode() in environ:
            return int(each.name)
    return None


@contextmanager
def running_platform(data_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Platform]:
    """Start `moltstack up` on a free port, wait until it is ready, stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stack.cli", "up", "--port", "0", "--data-dir", str(data_dir), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
    )
    platform = Platform(process, data_dir)
    try:
        platform.wait_until_ready()
        yield platform
    finally:
        platform.stop()
        if process.stdout is not None:
            process.stdout.close()


async def off_loop(platform: Platform) -> int:
    """Stop a platform without holding up the test's event loop."""
    return await asyncio.to_thread(platform.stop)
