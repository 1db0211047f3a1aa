"""What an operator gets wrong is one readable line and a non-zero status, never a traceback."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.cli import main
from stack.errors import PortTakenError
from stack.port import PortReservation
from stack.signals import run_until_signalled


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def failing(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert error.startswith("moltstack: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_a_port_in_use_is_one_line_and_comes_before_any_store(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, taken_port: int
) -> None:
    error = failing(capsys, "up", "--port", str(taken_port), "--data-dir", str(tmp_path))
    assert f"port {taken_port} (Address already in use)" in error
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("MOLTSTACK_DATABASE_URL", "postgresql://molt:hunter2@127.0.0.1:1/molt"),
        ("MOLTSTACK_DATABASE_URL", "postgresql:///molt?host=/nonexistent"),
        ("MOLTSTACK_DATABASE_URL", "mysql://molt:hunter2@127.0.0.1/molt"),
        ("MOLTSTACK_DATABASE_URL", ""),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_that_names_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    error = failing(capsys, "migrate")
    assert variable in error
    assert "hunter2" not in error


def test_an_unusable_setting_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "MOLTSTACK_PORT is 'many'" in failing(capsys, "up", "--port", "many")


def test_settings_and_version_print_and_succeed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    assert "MOLTSTACK_PUBLIC_URL" in capsys.readouterr().out
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("moltstack ")


def test_two_supervisors_cannot_reserve_one_port_but_children_of_one_share_it() -> None:
    with PortReservation("127.0.0.1", 0) as held:
        with pytest.raises(PortTakenError), PortReservation("127.0.0.1", held.port):
            pass
        with socket.socket() as one, socket.socket() as two:
            for child in (one, two):
                child.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                child.bind(("127.0.0.1", held.port))
                child.listen()


async def test_the_first_signal_ends_the_work_in_order_and_its_echo_does_not_hasten() -> None:
    cleaned: list[str] = []
    hastened: list[bool] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            cleaned.append("cleaned")

    await run_until_signalled(work(), lambda: hastened.append(True))
    assert (cleaned, hastened) == (["cleaned"], [])
