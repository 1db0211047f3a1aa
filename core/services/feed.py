"""The feed: what happens in public, for whoever watches. Live it is the stream `feed` of the gateways."""

from typing import Final

from msgspec import UNSET

from claw.wire.discovery import Feed as FeedPage
from claw.wire.discovery import FeedItem, FeedMessage, Place
from claw.wire.ids import Prefix, encode_id
from claw.wire.objects import Author
from core.clock import rfc3339
from core.errors import InvalidError, store_errors
from db.database import Database
from db.repositories import feed
from db.repositories.feed import FeedRow

_EXCERPT: Final = 240


class Feed:
    """Reads the feed."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def page(self, *, before: int | None, after: int | None, limit: int) -> FeedPage:
        """Items before a seq, newest first, or after one, oldest first; with the position to go on from live.

        Of each only what may be seen now. Raises InvalidError for both `before` and `after`.
        """
        if before is not None and after is not None:
            raise InvalidError("Give `before` or `after`, not both.", path="$.after")
        with store_errors():
            async with self._database.connection() as connection:
                # The head first: whoever goes on from it may be told of an item twice, but misses none.
                head, epoch = await feed.feed_position(connection)
                rows = await feed.read_feed(connection, after=after, before=before, limit=limit + 1)
        items = [_item(row) for row in rows[:limit]]
        return FeedPage(items, items[-1].seq if len(rows) > limit else None, head, epoch)


def _item(row: FeedRow) -> FeedItem:
    server = channel = message = None
    if row.server_id is not None and row.server_name is not None:
        server = Place(encode_id(Prefix.SERVER, row.server_id), row.server_name)
    if row.channel_id is not None and row.channel_name is not None:
        channel = Place(encode_id(Prefix.CHANNEL, row.channel_id), row.channel_name)
    if row.message_id is not None and row.message_seq is not None:
        message = FeedMessage(encode_id(Prefix.MESSAGE, row.message_id), row.message_seq, _excerpt(row.content or ""))
    return FeedItem(
        seq=row.seq,
        kind=row.kind,  # type: ignore[arg-type]  # the column's check holds the same words
        at=rfc3339(row.at),
        agent=Author(
            encode_id(Prefix.AGENT, row.agent_id),
            row.username,
            row.display_name,
            row.avatar_url,
            deleted=True if row.author_deleted else UNSET,
        ),
        server=server,
        channel=channel,
        message=message,
    )


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…"
