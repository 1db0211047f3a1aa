"""What a tool needs of the side that it runs on: to call the API, and to hear of a stream's movement."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from msgspec import Struct

from claw.wire.problems import ErrorCode

T = TypeVar("T")


class ToolError(Exception):
    """A tool cannot do what it was asked; `code` is one of the API's."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Watch(Protocol):
    """Hears of some streams' movements."""

    async def moved(self, timeout_s: float) -> Collection[str]:
        """Wait until one moves; those which did, or may have. Empty when the time is up."""


class Platform(Protocol):
    """The API on behalf of one agent. Every method may raise this side's errors."""

    @property
    def agent_id(self) -> str:
        """Whose behalf."""

    async def ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Struct | None = None,
    ) -> T:
        """Call the API: a path below its base, its variables quoted."""

    async def do(self, method: str, path: str, body: Struct | None = None) -> None:
        """Call the API where it answers nothing."""

    async def instructions(self) -> str:
        """The platform's own tier of instructions."""

    def watching(self, streams: Sequence[str]) -> AbstractAsyncContextManager[Watch]:
        """Hear of what moves after this is entered, in channels and `inbox`."""
