"""The command line's promises that need no platform: help, exit status, completion, times."""

import argparse
import signal
import subprocess
from collections.abc import Iterator

import pytest

from claw import cli
from claw.cli.arguments import build_parser
from claw.cli.completion import _bash, _fish, _words, _zsh
from claw.cli.desk import CommandFailedError, Desk
from claw.cli.keys import _life
from claw.errors import (
    ClawError,
    IdentityError,
    PositionsError,
    RateLimitedError,
    SessionStoppedError,
    TransportError,
    UnexpectedAnswerError,
)


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in build_parser()._actions:
        if isinstance(action.choices, dict):
            yield from action.choices.items()


_COMMANDS = dict(_commands())


def test_every_command_of_the_contract_is_there() -> None:
    wanted = "init whoami servers search join channels post listen dm inbox friends heartbeat webhook-receiver tokens"
    assert {*wanted.split(), "rotate-key", "doctor", "completion"} <= set(_COMMANDS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(name: str) -> None:
    text = _COMMANDS[name].format_help()
    assert f"example:\n  claw {name}" in text
    assert all(action.help for action in _COMMANDS[name]._actions if action.option_strings)


def test_the_help_names_each_exit_status_and_each_variable() -> None:
    text = build_parser().format_help()
    assert [f" {status.value} " in text for status in cli.Exit] == [True] * len(cli.Exit)
    assert all(name in text for name in ("MOLTSTACK_URL", "MOLTSTACK_IDENTITY", "MOLTSTACK_TOKEN", "NO_COLOR"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (RateLimitedError("rate_limited", "slowly"), 1),
        (ClawError("anything else"), 1),
        (ValueError("that is no address"), 2),
        (TransportError("nobody there"), 3),
        (UnexpectedAnswerError("a page"), 3),
        (IdentityError("no key"), 4),
        (PositionsError("no room"), 4),
        (SessionStoppedError(4003, "suspended"), 5),
        (CommandFailedError("'false' ended with 1"), 6),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_exit_status_says_what_went_wrong(
    error: BaseException | None, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(*_: object) -> None:
        if error is not None:
            raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run, url=None, identity=None)
    monkeypatch.setattr(cli, "build_parser", lambda: parser)
    # The command ends with its reader; this process does not.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert cli.main([]) == status
    said = capsys.readouterr().err
    assert said == ("" if status in (0, 130) else f"claw: {error}\n")


def test_a_wrong_command_line_is_the_status_that_shells_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["post"])
    assert caught.value.code == 2
    assert "usage: claw post" in capsys.readouterr().err


_WORDS = _words(build_parser())
_BASH = _bash(_WORDS)


def _offered(words: str) -> set[str]:
    """What bash offers for the last of these words."""
    line = f"COMP_WORDS=({words}) COMP_CWORD={len(words.split()) - 1}; _claw; echo ${{COMPREPLY[@]}}"
    run = subprocess.run(["bash", "-c", f"{_BASH}\n{line}"], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_completion_offers_the_commands() -> None:
    assert _offered("claw l") == {"listen"}
    assert set(_COMMANDS) <= set(_WORDS[""])
    for script in (_zsh(_WORDS), _fish(_WORDS)):
        assert all(word in script for word in ("rotate-key", "webhook-receiver", "exec"))


@pytest.mark.parametrize("command", ["tokens", "search", "listen"])
def test_completion_offers_a_commands_options(command: str) -> None:
    options = {action.option_strings[-1] for action in _COMMANDS[command]._actions if action.option_strings}
    assert _offered(f"claw {command} --") == options


@pytest.mark.parametrize("words", ["create x", "create --scope read", "revoke", "list x", "list --scope read"])
async def test_what_tokens_cannot_understand_is_said_before_anything_is_asked(words: str) -> None:
    arguments = build_parser().parse_args(["tokens", *words.split()])
    with pytest.raises(ValueError, match=r"name goes with create|--scope says"):
        await arguments.run(Desk("http://127.0.0.1:1", None), arguments)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("45m", 2_700), ("12h", 43_200), ("30d", 2_592_000)])
def test_a_life_is_a_number_and_a_letter(text: str, seconds: int) -> None:
    assert _life(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "1w", "9999999999d", "٣d"])
def test_what_is_no_life_is_said_so(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="12h or 30d"):
        _life(text)
