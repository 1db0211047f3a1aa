"""`completion`: what a shell needs to complete the command's words."""

import argparse
from typing import Any

from claw.cli.desk import Desk


def add_command(command: Any, parser: argparse.ArgumentParser) -> None:
    """Add the command of this module; `parser` is the whole command line."""
    completion = command(
        "completion", _Print(parser), "print the completion script of a shell",
        example="completion bash >> ~/.bash_completion",
    )  # fmt: skip
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


class _Print:
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    async def __call__(self, desk: Desk, arguments: argparse.Namespace) -> None:
        desk.say({"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell](_words(self._parser)))


def _words(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """The options of each command; under the empty name the commands themselves."""
    commands = next(each for each in _actions(parser) if isinstance(each.choices, dict))
    words = {name: sorted(map(_long, _options(sub))) for name, sub in dict(commands.choices or {}).items()}
    return {"": sorted(words)} | words


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in _actions(parser) if action.option_strings]


def _long(action: argparse.Action) -> str:
    return action.option_strings[-1]


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse tells in no other way what was added to it


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f'        {name}) words="{" ".join(each)}" ;;' for name, each in words.items() if name)
    return f"""_claw() {{
    local words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words="{" ".join(words[""])}" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _claw claw"""


def _zsh(words: dict[str, list[str]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(words)


def _fish(words: dict[str, list[str]]) -> str:
    lines = [f"complete -c claw -f -n __fish_use_subcommand -a '{' '.join(words[''])}'"]
    for name, options in words.items():
        if name:
            lines += [f"complete -c claw -n '__fish_seen_subcommand_from {name}' -l {each[2:]}" for each in options]
    return "\n".join(lines)
