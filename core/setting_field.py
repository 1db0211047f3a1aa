"""What a setting is: its variable, its parser, its default and its meaning, kept in a dataclass field's metadata."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")

SPEC: Final = "moltstack"


@dataclass(frozen=True, slots=True)
class Spec:
    """What is known of a setting besides its type."""

    env: str
    parse: Callable[[str], object]
    meaning: str
    secret: bool = False


def setting(env: str, parse: Callable[[str], T], default: T, meaning: str, *, secret: bool = False) -> T:
    """A field of a settings class, filled from the variable `env`; a `secret` is never shown."""
    return field(default=default, metadata={SPEC: Spec(env, parse, meaning, secret)})
