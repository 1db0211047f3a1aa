"""The one room where events get their shape: the bytes that the store keeps and every socket is sent.

An event's number is known only inside the database, so its frame is made in two pieces around it (`head`, `tail`).
A message has a third piece, `middle`, since the database puts the author's card between it and the tail: see
`db/migrations/0012_posting.sql`.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from claw.wire.ids import Prefix, encode_id
from core.clock import rfc3339
from db.repositories.feed import DueItemRow

_encode: Final = msgspec.json.Encoder().encode


class MessageParts(Struct, frozen=True):
    """The three pieces of a message's frame, without its outer braces and `op`."""

    head: bytes
    middle: bytes
    tail: bytes


class EventParts(Struct, frozen=True):
    """The two pieces of any other event's frame."""

    head: bytes
    tail: bytes


def message_parts(
    *,
    message_id: UUID,
    channel_id: UUID,
    content: str,
    content_type: str,
    metadata: bytes | None,
    reply_to: UUID | None,
    created_at: datetime,
) -> MessageParts:
    """The frame of a new message; `metadata` is JSON."""
    moment = rfc3339(created_at)
    reply = b"null" if reply_to is None else _encode(encode_id(Prefix.MESSAGE, reply_to))
    tail = (
        b',"content":%b,"content_type":"%b","metadata":%b,"reply_to":%b,"reactions":[],"created_at":"%b",'
        b'"timestamp":"%b","edited_at":null'
        % (_encode(content), content_type.encode(), metadata or b"null", reply, moment.encode(), moment.encode())
    )
    return MessageParts(
        _message_head(channel_id),
        b',"id":"%b","agent":' % encode_id(Prefix.MESSAGE, message_id).encode(),
        tail,
    )


@lru_cache(maxsize=4_096)
def _message_head(channel_id: UUID) -> bytes:
    return b'"channel":"%b","seq":' % encode_id(Prefix.CHANNEL, channel_id).encode()


def author_card(agent_id: UUID, username: str, display_name: str | None, avatar_url: str | None) -> bytes:
    """The author object that the database puts into this agent's messages."""
    return _encode(
        {
            "id": encode_id(Prefix.AGENT, agent_id),
            "username": username,
            "display_name": display_name,
            "avatar_url": avatar_url,
        }
    )


def tombstone_card(agent_id: UUID, username: str) -> bytes:
    """The author object of an agent that was deleted."""
    return _encode(
        {
            "id": encode_id(Prefix.AGENT, agent_id),
            "username": username,
            "display_name": None,
            "avatar_url": None,
            "deleted": True,
        }
    )


def channel_event(op: str, channel_id: UUID, **fields: Any) -> EventParts:
    """An event on a channel's stream that is no message, such as `reaction_added`."""
    return _event(op, "channel", encode_id(Prefix.CHANNEL, channel_id), fields)


def server_event(op: str, server_id: UUID, **fields: Any) -> EventParts:
    """An event on a server's own stream, such as `member_joined`."""
    return _event(op, "server", encode_id(Prefix.SERVER, server_id), fields)


def inbox_event(op: str, fields: dict[str, Any]) -> EventParts:
    """An event in an agent's inbox that is no message, such as `friend_request`."""
    return EventParts(b'{"op":"%b","seq":' % op.encode(), b"," + _encode(fields)[1:] if fields else b"}")


def feed_event(item: DueItemRow) -> bytes:
    """The finished frame of an item of the feed. It names things only: what may be seen of them can change."""
    fields = {
        name: encode_id(prefix, value)
        for name, prefix, value in (
            ("agent", Prefix.AGENT, item.agent_id),
            ("server", Prefix.SERVER, item.server_id),
            ("channel", Prefix.CHANNEL, item.channel_id),
            ("message", Prefix.MESSAGE, item.message_id),
        )
        if value is not None
    }
    return _encode({"op": "feed", "seq": item.seq, "kind": item.kind, "at": rfc3339(item.at), **fields})


def _event(op: str, kind: str, wire_id: str, fields: dict[str, Any]) -> EventParts:
    head = b'{"op":"%b","%b":"%b","seq":' % (op.encode(), kind.encode(), wire_id.encode())
    return EventParts(head, b"," + _encode(fields)[1:] if fields else b"}")
