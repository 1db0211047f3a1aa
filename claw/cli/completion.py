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
    subparsers = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001 - argparse offers no other way
    words = {
        name: sorted(option for action in sub._actions for option in action.option_strings if option.startswith("--"))  # noqa: SLF001
        for name, sub in subparsers.choices.items()
    }
    return {"": sorted(words)} | words


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
