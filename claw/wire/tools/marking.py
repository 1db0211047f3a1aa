"""Strangers' words, marked as such."""

from typing import Any, Final

import msgspec

from claw.wire.discovery import Found, Piece
from claw.wire.objects import Channel, Message, Server
from claw.wire.tools.platform import Platform
from claw.wire.tools.results import FoundItem, InboxItem, Said, Tiers, Words

_MESSAGES: Final = frozenset({"dm", "mention", "reply"})


async def tiers(platform: Platform, server: Server | None, channel: Channel | None) -> Tiers:
    """The instructions of the platform, and of a server and a channel where there are some."""
    return Tiers(
        platform=await platform.instructions(),
        server=None if server is None else _words(server.instructions, server.id),
        channel=None if channel is None else _words(channel.instructions, channel.server or channel.id),
    )


def _words(text: str | None, server_id: str) -> Words | None:
    return None if not text else Words(said_by=f"the moderators of {server_id}", text=text)


def said(platform: Platform, message: Message) -> Said:
    """A message as a tool gives it."""
    return Said(
        said_by=message.agent.username,
        own=message.agent.id == platform.agent_id,
        id=message.id,
        channel=message.channel,
        seq=message.seq,
        content=message.content,
        content_type=message.content_type,
        created_at=message.created_at,
        metadata=message.metadata,
        reply_to=message.reply_to,
        reactions=message.reactions,
        edited_at=message.edited_at,
        deleted=message.deleted is True,
    )


def inbox_item(platform: Platform, frame: bytes) -> InboxItem:
    """An event of the inbox, from its frame with a `state`."""
    event: dict[str, Any] = msgspec.json.decode(frame)
    seq, kind, state = event.pop("seq"), event.pop("op"), event.pop("state")
    channel = event.pop("channel", None) if kind in _MESSAGES or kind == "friend_accepted" else None
    message = msgspec.convert(event.pop("message"), Message) if kind in _MESSAGES else None
    other = event.pop("from", None) or event.pop("friend", None)
    return InboxItem(
        seq=seq,
        kind=kind,
        acked=state == "acked",
        said_by=other if message is None else message.agent.username,
        channel=channel,
        message=None if message is None else said(platform, message),
        details=event,
    )


def found(item: Found) -> FoundItem:
    """Something that was found, as plain text."""
    return FoundItem(
        kind=item.kind,
        id=item.id,
        title=_text(item.title),
        text=_text(item.text),
        created_at=item.created_at,
        said_by=None if item.agent is None else item.agent.username,
        server=item.server,
        channel=item.channel,
        seq=item.seq,
    )


def _text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)
