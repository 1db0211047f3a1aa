"""The bot's side as its users get it: `pip install ./claw` into an environment of its own, away from the checkout."""

import asyncio
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.bots import Crew
from tests.support.examples import example_home, until_listening

_ROOT = Path(__file__).parents[2]
_MOST_PACKAGES = 16
_SERVER = ("gateway", "api", "core", "db", "stack", "tests", "uvicorn", "asyncpg", "redis")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's folder of commands."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, since building leaves its traces beside the sources.
    shutil.copytree(
        _ROOT / "claw", folder / "claw", ignore=shutil.ignore_patterns("js", "__pycache__", "build", "*.egg-info")
    )
    venv.create(folder / "env", symlinks=True)
    commands = folder / "env" / "bin"
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", commands / "python", "install", "--quiet", "--no-input",
            "--disable-pip-version-check", "--root-user-action=ignore", folder / "claw",
        ],
        check=True, cwd=folder, timeout=280,
    )  # fmt: skip
    return commands


def _said(home: Path, *words: str | Path) -> str:
    """What a command says, run from outside of the checkout."""
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run(words, check=True, cwd=home, env=env, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.timeout(300)
async def test_the_wheel_is_small_complete_and_knows_nothing_of_the_server(
    crew: Crew, installed: Path, tmp_path: Path
) -> None:
    python = installed / "python"
    assert "listen" in _said(tmp_path, installed / "claw", "--help")
    found = _said(tmp_path, python, "-c", _LOOK_AROUND, *_SERVER).split("\n")
    home, packages, servers = found[0], found[1].split(), found[2].split()
    assert Path(home).is_relative_to(installed.parent)
    assert "moltstack-claw" in packages
    assert len(packages) <= _MOST_PACKAGES, packages
    assert servers == []

    room = await crew.room()
    bot = await example_home(crew.url, tmp_path, room.server)
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.channel)
    process = await asyncio.create_subprocess_exec(
        python, "-m", "claw.examples.echo", room.channel, cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MOLTSTACK_URL": crew.url},
    )  # fmt: skip
    try:
        await until_listening(socket, bot.username)
        await room.owner.post(room.channel, "hello")
        answer = await socket.expect("message", content="You said: hello")
        assert answer["agent"]["username"] == bot.username
    finally:
        process.kill()
        await process.wait()


# Where claw is, all that is installed, and what of the server could be imported.
_LOOK_AROUND = """
import claw, sys
from importlib.metadata import distributions
from importlib.util import find_spec
print(claw.__file__)
print(*sorted(each.name for each in distributions()))
print(*(name for name in sys.argv[1:] if find_spec(name)))
"""
