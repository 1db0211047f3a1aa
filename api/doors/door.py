"""What a door is, for the list of doors."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from api.app import Api


class Door(Struct, frozen=True):
    """What is served under some paths, before the table of endpoints is asked.

    A prefix covers itself and all that is below it; `build` makes the application once, which answers every method.
    `name` is what `/discover` calls the first of its paths, where clients are to look for it there.
    """

    prefixes: tuple[str, ...]
    build: "Callable[[Api], ASGIApp]"
    name: str | None = None
