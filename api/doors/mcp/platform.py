"""The API for the tools, within this process: the rows of the table of endpoints, without HTTP between."""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from api.endpoints import TABLE
from api.paths import PathTree
from api.routing import Call, counts_of, decode_body, parse_query
from claw.wire.ids import Prefix, encode_id
from claw.wire.tools.arguments import INBOX
from core.errors import NotFoundError, lacking_scope
from core.ids import named
from core.instructions import PLATFORM_INSTRUCTIONS
from core.stream_waiter import StreamWatch
from core.tokens import Claims

if TYPE_CHECKING:
    from api.app import Api

T = TypeVar("T")

_PATHS: Final = PathTree()
_PATHS.add("", TABLE)


class RowPlatform:
    """One request's `Platform` (`claw/wire/tools`). Raises MoltError."""

    def __init__(self, api: "Api", claims: Claims, *, token: str, address: str) -> None:
        """`token` is asked about anew at each call, since its log-in may end while somebody waits."""
        self._api = api
        self._claims = claims
        self._token = token
        self._address = address

    @property
    def agent_id(self) -> str:
        """Whose behalf."""
        return encode_id(Prefix.AGENT, self._claims.subject)

    def may(self, scopes: Collection[Any]) -> bool:
        """Whether the token goes that far."""
        return all(self._claims.may(scope) for scope in scopes)

    async def ask(
        self,
        method: str,
        path: str,
        answer: type[T],  # noqa: ARG002 - the row gives what the other side has to decode
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Struct | None = None,
    ) -> T:
        """What the row's action answers."""
        given: T = await self._perform(method, path, query or {}, body)
        return given

    async def do(self, method: str, path: str, body: Struct | None = None) -> None:
        """Have the row's action done."""
        await self._perform(method, path, {}, body)

    async def instructions(self) -> str:
        """The platform's own tier."""
        return PLATFORM_INSTRUCTIONS

    @contextlib.asynccontextmanager
    async def watching(self, streams: Sequence[str]) -> AsyncIterator["_Watch"]:
        """Hear of what moves from now on."""
        names = {self._claims.subject if each == INBOX else named(Prefix.CHANNEL, each): each for each in streams}
        async with self._api.stream_waiter.watching(names) as watch:
            yield _Watch(watch, names)

    async def _perform(self, method: str, path: str, query: Mapping[str, str | int | None], body: Struct | None) -> Any:
        api = self._api
        claims = await api.bearers.claims(self._token, self._address)
        found = _PATHS.find(path, method)
        row = None if found is None else found[0].row(method)
        if found is None or row is None:
            raise NotFoundError("There is no such thing.")
        values = found[1]
        await api.limiter.check(await counts_of(api, row, claims.actor, values))
        if not claims.may(row.scope or "read"):
            raise lacking_scope(row.scope or "read")
        texts = {name: str(value) for name, value in query.items() if value is not None}
        call = Call(
            claims,
            values,
            None if row.query is None else parse_query(texts, row.query),
            None if row.body is None else decode_body(msgspec.json.encode(body), row.body),
        )
        return await row.action(api, call)


class _Watch:
    """The streams' wire ids around what the process hears."""

    def __init__(self, watch: StreamWatch, names: Mapping[UUID, str]) -> None:
        self._watch = watch
        self._names = names

    async def moved(self, timeout_s: float) -> Collection[str]:
        """Which moved."""
        return {self._names[stream_id] for stream_id in await self._watch.moved(timeout_s)}
