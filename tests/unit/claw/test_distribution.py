"""The wheel lists its packages one by one: a new one must not be forgotten."""

import tomllib
from pathlib import Path

_CLAW = Path(__file__).parents[3] / "claw"


def test_every_package_of_the_sdk_is_in_the_wheel() -> None:
    listed = tomllib.loads((_CLAW / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = [".".join(("claw", *each.parent.relative_to(_CLAW).parts)) for each in _CLAW.rglob("__init__.py")]
    assert sorted(listed) == sorted(each for each in found if "node_modules" not in each)
