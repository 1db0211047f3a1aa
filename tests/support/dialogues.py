"""Reads the recorded dialogues; tests/dialogues/README.md says what is in them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parents[1] / "dialogues"
_ANYTHING = "$_"

Step = dict[str, Any]
Bindings = dict[str, Any]


@dataclass(frozen=True)
class Dialogue:
    """One file: its head and its steps."""

    name: str
    head: dict[str, Any]
    steps: list[Step]


def load(*, side: str | None = None, live: bool = False) -> list[Any]:
    """Parameters for a test: the dialogues of one side, or those to be had with a running platform."""
    found = []
    for path in sorted(_FOLDER.glob("*.jsonl")):
        head, *steps = [json.loads(line) for line in path.read_text().splitlines()]
        if (side in head["sides"]) or (live and head.get("live")):
            found.append(pytest.param(Dialogue(path.stem, head, steps), id=path.stem))
    return found


def matches(expected: Any, actual: Any, bindings: Bindings) -> bool:
    """Whether `actual` is what was recorded; fills placeholders that were met for the first time."""
    match expected:
        case str() if expected == _ANYTHING:
            return True
        case str() if expected.startswith("$"):
            return bool(bindings.setdefault(expected, actual) == actual)
        case dict():
            return isinstance(actual, dict) and all(
                name in actual and matches(value, actual[name], bindings) for name, value in expected.items()
            )
        case list():
            return (
                isinstance(actual, list)
                and len(actual) == len(expected)
                and all(matches(one, other, bindings) for one, other in zip(expected, actual, strict=True))
            )
        case _:
            return bool(expected == actual)


def filled(template: Any, bindings: Bindings) -> Any:
    """What was recorded with its placeholders replaced; those that nobody has filled stand for themselves."""
    match template:
        case str():
            return bindings.get(template, template)
        case dict():
            return {name: filled(value, bindings) for name, value in template.items()}
        case list():
            return [filled(value, bindings) for value in template]
        case _:
            return template
