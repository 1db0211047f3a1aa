"""Real children, small Python programs that tell through files and pipes what they see."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stack.errors import SupervisorError
from stack.supervisor import ChildSpec, RestartPolicy, Supervisor

IMPATIENT = RestartPolicy(first_pause=0.01, longest_pause=0.02, settled=30.0, attempts=3)


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def child(name: str, program: str, *, essential: bool = True, **env: str) -> ChildSpec:
    argv = (sys.executable, "-c", textwrap.dedent(program))
    return ChildSpec(name, argv, {"PATH": os.defpath, **env}, essential)


def until_sigterm(name: str, log: Path) -> ChildSpec:
    program = """
        import os, signal
        log = open(os.environ["LOG"], "a", buffering=1)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        log.write("born\\n")
        signal.sigwait({signal.SIGTERM})
        log.write("drained\\n")
    """
    return child(name, program, LOG=str(log))


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Heard(list[str]):
    def about(self, words: str) -> bool:
        return any(words in line for line in self)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def supervisor(heard: Heard) -> AsyncIterator[Supervisor]:
    async with Supervisor(grace=10.0, policy=IMPATIENT, say=heard.append) as made:
        yield made


async def test_leaving_the_block_stops_all_children_at_once_and_lets_them_drain(tmp_path: Path) -> None:
    logs = [tmp_path / name for name in ("one", "two")]
    async with Supervisor(grace=10.0, policy=IMPATIENT) as supervisor:
        for log in logs:
            supervisor.add(until_sigterm(log.name, log))
        await eventually(lambda: all(lines(log) == ["born"] for log in logs))
        pids = list(supervisor.pids.values())
    assert [lines(log) for log in logs] == [["born", "drained"], ["born", "drained"]]
    assert not any(alive(pid) for pid in pids)


async def test_a_child_that_dies_is_started_again_with_a_word(
    supervisor: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    supervisor.add(until_sigterm("node", log))
    await eventually(lambda: lines(log) == ["born"])
    first = supervisor.pids["node"]
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: lines(log) == ["born", "born"])
    assert supervisor.pids["node"] != first
    assert heard.about("node ended (killed by SIGKILL); starting it again")


async def test_an_essential_child_that_dies_at_once_again_and_again_ends_the_wait(supervisor: Supervisor) -> None:
    supervisor.add(child("node", "raise SystemExit(3)"))
    with pytest.raises(SupervisorError, match=r"node ended 3 times at once \(exit status 3\)"):
        await asyncio.wait_for(supervisor.wait(), 20)


async def test_a_child_that_cannot_be_started_is_named_with_its_program(supervisor: Supervisor) -> None:
    supervisor.add(ChildSpec("node", ("/nonexistent/python",), {}))
    with pytest.raises(SupervisorError, match="No such file or directory: /nonexistent/python"):
        await asyncio.wait_for(supervisor.wait(), 20)


async def test_an_inessential_child_is_given_up_and_the_others_go_on(
    supervisor: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    supervisor.add(until_sigterm("node", tmp_path / "log"))
    supervisor.add(child("demo", "raise SystemExit(1)", essential=False))
    await eventually(lambda: heard.about("the rest goes on without it"))
    assert list(supervisor.pids) == ["node"]


async def test_an_inessential_child_may_be_done(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    marker = tmp_path / "done"
    supervisor.add(child("demo", f"open({str(marker)!r}, 'w')", essential=False))
    await eventually(lambda: marker.exists() and not supervisor.pids)
    await supervisor.stop()
    assert heard == []


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(heard: Heard, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(os.environ["LOG"], "w").write("deaf\\n")
        signal.pause()
    """
    async with Supervisor(grace=0.2, policy=IMPATIENT, say=heard.append) as supervisor:
        supervisor.add(child("node", program, LOG=str(log)))
        await eventually(lambda: lines(log) == ["deaf"])
        pid = supervisor.pids["node"]
    assert heard == ["node did not stop in time and is killed"]
    assert not alive(pid)


async def test_haste_ends_the_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = """
        import os, signal
        signal.signal(signal.SIGTERM, lambda *_: open(os.environ["LOG"], "a").write("asked\\n"))
        open(os.environ["LOG"], "w").write("deaf\\n")
        while True: signal.pause()
    """
    async with Supervisor(grace=100.0, policy=IMPATIENT) as supervisor:
        supervisor.add(child("node", program, LOG=str(log)))
        await eventually(lambda: lines(log) == ["deaf"])
        stopping = asyncio.create_task(supervisor.stop())
        await eventually(lambda: lines(log) == ["deaf", "asked"])
        started = time.monotonic()
        supervisor.hasten()
        await stopping
        assert time.monotonic() - started < 10


async def test_what_a_child_leaves_behind_dies_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = """
        import os, subprocess, sys
        left = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        open(os.environ["LOG"], "w").write(f"{left.pid}\\n")
        os._exit(0)
    """
    supervisor.add(child("demo", program, essential=False, LOG=str(log)))
    await eventually(lambda: bool(lines(log)) and not supervisor.pids)
    orphan = Path(f"/proc/{lines(log)[0]}/stat")
    await eventually(lambda: not orphan.exists() or ") Z " in orphan.read_text())


async def test_children_lead_sessions_of_their_own_so_that_ctrl_c_is_not_theirs(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(until_sigterm("node", tmp_path / "log"))
    await eventually(lambda: lines(tmp_path / "log") == ["born"])
    assert os.getsid(supervisor.pids["node"]) == supervisor.pids["node"]


LIFELINE_CHILD = """
    import asyncio, os, signal
    from core.settings import Settings
    from stack.lifeline import watch_lifeline

    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        watch_lifeline(Settings.from_env(os.environ))
        open(os.environ["LOG"], "a").write(f"{os.getpid()}\\n")
        await stop.wait()
        open(os.environ["LOG"], "a").write("drained\\n")

    asyncio.run(main())
"""


async def test_when_the_supervisor_is_killed_its_children_stop_as_if_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    supervising = f"""
        import asyncio, sys
        from stack.supervisor import ChildSpec, Supervisor

        async def main():
            async with Supervisor() as supervisor:
                env = {{"PYTHONPATH": {str(Path.cwd())!r}, "LOG": {str(log)!r}}}
                supervisor.add(ChildSpec("node", (sys.executable, "-c", {textwrap.dedent(LIFELINE_CHILD)!r}), env))
                await supervisor.wait()

        asyncio.run(main())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(supervising), env={"PYTHONPATH": str(Path.cwd())}
    )
    await eventually(lambda: len(lines(log)) == 1)
    orphan = int(lines(log)[0])
    parent.kill()
    await parent.wait()
    await eventually(lambda: lines(log)[1:] == ["drained"])
    stat = Path(f"/proc/{orphan}/stat")
    await eventually(lambda: not stat.exists() or ") Z " in stat.read_text())


async def test_without_the_variable_the_end_of_standard_input_means_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(LIFELINE_CHILD),
        stdin=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": str(Path.cwd()), "LOG": str(log)},
    )
    await eventually(lambda: len(lines(log)) == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.3)
    process.terminate()
    await process.wait()
    assert lines(log)[1:] == ["drained"]
