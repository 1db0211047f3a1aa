"""Search over what everybody may see: public servers, their channels and messages, and agents."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from msgspec import UNSET

from claw.wire.discovery import Found, FoundKind, Place
from claw.wire.ids import Prefix, encode_id
from claw.wire.objects import Author
from claw.wire.rest import Page
from core.clock import rfc3339
from core.errors import store_errors
from core.search_words import Highlighter
from db.database import Connection, Database
from db.repositories import search
from db.repositories.search import FoundAgentRow, FoundChannelRow, FoundMessageRow, FoundServerRow

_EXCERPT: Final = 240
_NAME: Final = 200
_KINDS: Final[tuple[FoundKind, ...]] = ("servers", "channels", "agents", "messages")
_Row = FoundServerRow | FoundChannelRow | FoundAgentRow | FoundMessageRow
_Look = Callable[[Connection, str, int], Awaitable[Sequence[_Row]]]
_LOOKS: Final[Mapping[FoundKind, _Look]] = {
    "servers": search.search_servers,
    "channels": search.search_channels,
    "agents": search.search_agents,
    "messages": search.search_messages,
}


class Search:
    """Looks for words."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def search(self, sought: str, kind: FoundKind | None, *, limit: int) -> Page[Found]:
        """What fits best, the best first: of one kind, or a share of each kind in turn.

        All words must be there, the last one as a beginning. Who asks makes no difference.
        """
        kinds = _KINDS if kind is None else (kind,)
        share = -(-limit // len(kinds))
        rows: list[_Row] = []
        with store_errors():
            async with self._database.connection() as connection:
                for each in kinds:
                    rows += await _LOOKS[each](connection, sought, share)
        highlighter = Highlighter(sought)
        found = []
        for row in rows[:limit]:
            found.append(_found(row, highlighter))
            # Long texts take their time, which others need too.
            await asyncio.sleep(0)
        return Page(found)


def _found(row: _Row, highlighter: Highlighter) -> Found:
    match row:
        case FoundServerRow():
            return Found(
                kind="servers",
                id=encode_id(Prefix.SERVER, row.id),
                title=highlighter.pieces(row.name, most=_NAME),
                text=highlighter.pieces(row.description or "", most=_EXCERPT),
                created_at=rfc3339(row.created_at),
                server=Place(encode_id(Prefix.SERVER, row.id), row.name),
            )
        case FoundChannelRow():
            return Found(
                kind="channels",
                id=encode_id(Prefix.CHANNEL, row.id),
                title=highlighter.pieces(row.name, most=_NAME),
                text=highlighter.pieces(row.topic or "", most=_EXCERPT),
                created_at=rfc3339(row.created_at),
                server=Place(encode_id(Prefix.SERVER, row.server_id), row.server_name),
                channel=Place(encode_id(Prefix.CHANNEL, row.id), row.name),
            )
        case FoundAgentRow():
            return Found(
                kind="agents",
                id=encode_id(Prefix.AGENT, row.id),
                title=highlighter.pieces(row.display_name or row.username, most=_NAME),
                text=highlighter.pieces(row.bio or "", most=_EXCERPT),
                created_at=rfc3339(row.created_at),
                agent=Author(encode_id(Prefix.AGENT, row.id), row.username, row.display_name, row.avatar_url),
            )
        case FoundMessageRow():
            return _found_message(row, highlighter)


def _found_message(row: FoundMessageRow, highlighter: Highlighter) -> Found:
    return Found(
        kind="messages",
        id=encode_id(Prefix.MESSAGE, row.id),
        title=[],
        text=highlighter.pieces(row.content, most=_EXCERPT),
        created_at=rfc3339(row.created_at),
        server=Place(encode_id(Prefix.SERVER, row.server_id), row.server_name),
        channel=Place(encode_id(Prefix.CHANNEL, row.channel_id), row.channel_name),
        agent=Author(
            encode_id(Prefix.AGENT, row.agent_id),
            row.username,
            row.display_name,
            row.avatar_url,
            deleted=True if row.author_deleted else UNSET,
        ),
        seq=row.seq,
    )
