"""`moltstack init` makes secrets once, for the operator's eyes alone."""

from pathlib import Path

import pytest

from core.settings import Settings
from stack.cli import main
from stack.init import DEFAULT_LISTEN, DEFAULT_PUBLIC_URL, env_text

_ROOT = Path(__file__).parents[3]
_SECRETS = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "MOLTSTACK_METRICS_TOKEN"}


def variables(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def init(directory: Path, *arguments: str) -> dict[str, str]:
    assert main(["init", "--file", str(directory / ".env"), *arguments]) == 0
    return variables((directory / ".env").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["init", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_the_secrets_are_long_different_and_shown_to_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = init(tmp_path)
    secrets = [made[name] for name in _SECRETS]
    assert all(len(each) >= 43 for each in secrets)
    assert len(set(secrets)) == len(_SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    printed = capsys.readouterr()
    assert not any(each in printed.out + printed.err for each in secrets)
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_an_existing_file_is_kept_unless_it_is_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = init(tmp_path)
    assert "--force" in refused(capsys, "--file", str(tmp_path / ".env"))
    assert variables((tmp_path / ".env").read_text()) == first
    second = init(tmp_path, "--force")
    assert all(first[name] != second[name] for name in _SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_the_public_url_is_an_origin_that_the_server_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = init(tmp_path, "--public-url", "https://Molt.Example/", "--listen", "0.0.0.0:443")
    assert (made["MOLTSTACK_PUBLIC_URL"], made["LISTEN"]) == ("https://molt.example", "0.0.0.0:443")
    assert Settings.from_env(made).public_url == "https://molt.example"
    other = ("--file", str(tmp_path / "other"))
    assert "--public-url" in refused(capsys, *other, "--public-url", "https://molt.example/path")
    assert "--listen" in refused(capsys, *other, "--listen", "8080")
    assert not (tmp_path / "other").exists()


def test_a_directory_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be written" in refused(capsys, "--file", str(tmp_path / "none" / ".env"))


def test_the_example_is_the_file_without_its_secrets() -> None:
    example = (_ROOT / ".env.example").read_text()
    assert example == env_text(public_url=DEFAULT_PUBLIC_URL, listen=DEFAULT_LISTEN)
    assert all(variables(example)[name] == "" for name in _SECRETS)
