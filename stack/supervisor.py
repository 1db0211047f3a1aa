"""Keeps the child processes of one machine alive, and ends them together.

Every child is the leader of a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone and
the children are told when it is their turn. Standard output and error pass through untouched; standard input is the
lifeline (see `stack.lifeline`).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.errors import SupervisorError


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process to keep.

    Attributes:
        name: how it is called in messages.
        argv: program and arguments, the program as a path.
        env: its whole environment; `MOLTSTACK_LIFELINE=1` is added.
        essential: whether the machine is of use without it. An inessential child may end with status 0, which means
            that it is done, and when it will not stay up the others go on without it.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    essential: bool = True

    @classmethod
    def of_module(
        cls, name: str, module: str, *arguments: str, env: Mapping[str, str], essential: bool = True
    ) -> "ChildSpec":
        """A Python module of ours as a process, which goes by `name` among its peers too."""
        # -P: a folder called `core` in the operator's working directory must not stand in for ours.
        argv = (sys.executable, "-P", "-m", module, *arguments)
        return cls(name, argv, {**env, "MOLTSTACK_NODE": name}, essential)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When and how often a child that died is started again; all times in seconds.

    A child that lived for `settled` once is started again for ever, the pause doubling from `first_pause` to
    `longest_pause` while it keeps dying young. One that never did is given up after `attempts` lives.
    """

    first_pause: float = 0.25
    longest_pause: float = 10.0
    settled: float = 5.0
    attempts: int = 5


def say_on_stderr(line: str) -> None:
    """Tell the operator one line."""
    print(line, file=sys.stderr, flush=True)


def how_it_ended(status: int) -> str:
    """A process status in words: `exit status 3` or `killed by SIGKILL`."""
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"


class Supervisor:
    """Starts children, restarts those that die, and stops all of them at once.

    Used as `async with Supervisor() as supervisor`: leaving the block stops every child.
    """

    def __init__(
        self,
        *,
        grace: float = 20.0,
        policy: RestartPolicy | None = None,
        keep_open: Sequence[int] = (),
        say: Callable[[str], None] = say_on_stderr,
    ) -> None:
        """Set up without starting anything.

        Args:
            grace: seconds between SIGTERM and SIGKILL when stopping.
            policy: when a dead child is started again.
            keep_open: file descriptors that every child inherits (the lock that says that it lives).
            say: takes the lines meant for the operator.
        """
        self._grace = grace
        self._policy = policy or RestartPolicy()
        self._keep_open = tuple(keep_open)
        self._say = say
        self._stopping = asyncio.Event()
        self._hastened = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lifeline_read, self._lifeline_write = os.pipe()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def add(self, spec: ChildSpec) -> None:
        """Start a child and keep it."""
        self._keepers.append(asyncio.create_task(self._keep(spec), name=f"keep {spec.name}"))

    @property
    def pids(self) -> Mapping[str, int]:
        """The process ids of the children that live just now, by name."""
        return {name: process.pid for name, process in self._running.items()}

    async def wait(self) -> None:
        """Wait until an essential child is given up; never returns otherwise.

        Raises:
            SupervisorError: which child, and how it ended.
        """
        await asyncio.shield(self._failed)

    def hasten(self) -> None:
        """End the patience of `stop`: what still runs is killed now."""
        self._hastened.set()

    async def stop(self) -> None:
        """SIGTERM to all children at the same time, SIGKILL to those that remain after the grace. May be repeated."""
        self._stopping.set()
        for process in self._running.values():
            _signal_process(process, signal.SIGTERM)
        if any(not keeper.done() for keeper in self._keepers):
            await self._wait_or_kill()
        if self._failed.done():
            self._failed.exception()  # Looked at, so that asyncio does not complain when nobody waited for it.
        if self._lifeline_write >= 0:
            os.close(self._lifeline_read)
            os.close(self._lifeline_write)
            self._lifeline_read = self._lifeline_write = -1

    async def _wait_or_kill(self) -> None:
        gone: asyncio.Task[Any] = asyncio.create_task(asyncio.wait(self._keepers))
        impatient: asyncio.Task[Any] = asyncio.create_task(self._hastened.wait())
        await asyncio.wait({gone, impatient}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        impatient.cancel()
        for name, process in self._running.items():
            self._say(f"{name} did not stop in time and is killed")
            _signal_group(process, signal.SIGKILL)
        await gone
        for keeper in self._keepers:
            keeper.result()  # A keeper never fails; if it did, that is a defect to be heard of.

    async def _keep(self, spec: ChildSpec) -> None:
        policy, loop = self._policy, asyncio.get_running_loop()
        pause, young_deaths, has_settled = policy.first_pause, 0, False
        while not self._stopping.is_set():
            born = loop.time()
            try:
                ended = how_it_ended(await self._live_once(spec))
            except OSError as error:
                ended = f"cannot be started: {error.strerror}: {Path(spec.argv[0])}"
            if self._stopping.is_set() or (ended == "exit status 0" and not spec.essential):
                return
            if loop.time() - born >= policy.settled:
                pause, young_deaths, has_settled = policy.first_pause, 0, True
            young_deaths += 1
            if young_deaths >= policy.attempts and not has_settled:
                self._give_up(spec, ended)
                return
            self._say(f"{spec.name} ended ({ended}); starting it again in {pause:g} s")
            await self._pause(pause)
            pause = min(pause * 2, policy.longest_pause)

    async def _live_once(self, spec: ChildSpec) -> int:
        process = await asyncio.create_subprocess_exec(
            *spec.argv,
            env={**spec.env, "MOLTSTACK_LIFELINE": "1"},
            stdin=self._lifeline_read,
            start_new_session=True,
            pass_fds=self._keep_open,
        )
        self._running[spec.name] = process
        if self._stopping.is_set():  # `stop` came while the child was being made and could not see it yet.
            _signal_process(process, signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            del self._running[spec.name]
            # A worker of the child's own must not outlive it: it would keep the port and the lock.
            _signal_group(process, signal.SIGKILL)

    def _give_up(self, spec: ChildSpec, ended: str) -> None:
        verdict = f"{spec.name} ended {self._policy.attempts} times at once ({ended}) and is given up"
        if not spec.essential:
            self._say(f"{verdict}; the rest goes on without it")
        elif not self._failed.done():
            self._failed.set_exception(SupervisorError(verdict))

    async def _pause(self, length: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), length)
        except TimeoutError:
            return


def _signal_process(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The child leads its session, so its group bears its process id.
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
