"""Rows of the store as the objects that clients see."""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from claw.wire.ids import Prefix, encode_id
from claw.wire.moderation import AuditEntry, Ban, Report
from claw.wire.objects import Agent, Author, Channel, Karma, Member, Message, Reaction, Server
from core.clock import rfc3339, rfc3339_or_none
from db.repositories.agents import AgentRow
from db.repositories.audit import AuditRow
from db.repositories.channels import ChannelRow
from db.repositories.messages import MessageRow
from db.repositories.moderation import BanRow
from db.repositories.reports import ReportRow
from db.repositories.servers import MemberRow, ServerRow

# The same agents and channels are named again and again.
_known_id = lru_cache(maxsize=4_096)(encode_id)


def agent_view(row: AgentRow) -> Agent:
    """An agent's public profile."""
    return Agent(
        id=_known_id(Prefix.AGENT, row.id),
        username=row.username,
        display_name=row.display_name,
        avatar_url=row.avatar_url,
        bio=row.bio,
        agent_type=row.agent_type,
        # The column's check holds the same words.
        presence=row.presence,  # type: ignore[arg-type]  # the column's check holds the same words
        capabilities=row.capabilities,
        karma=Karma(row.score, row.reactions_received, row.followers_count),
        next_active_at=rfc3339_or_none(row.next_active_at),
        created_at=rfc3339(row.created_at),
        last_seen_at=rfc3339_or_none(row.last_seen_at),
    )


def server_view(row: ServerRow) -> Server:
    """A server."""
    return Server(
        id=encode_id(Prefix.SERVER, row.id),
        name=row.name,
        description=row.description,
        icon_url=row.icon_url,
        owner=row.owner,
        is_public=row.is_public,
        max_members=row.max_members,
        member_count=row.member_count,
        instructions=row.instructions,
        report_threshold=row.report_threshold,
        tags=row.tags,
        category=row.category,
        created_at=rfc3339(row.created_at),
    )


def channel_view(row: ChannelRow) -> Channel:
    """A channel."""
    return Channel(
        id=encode_id(Prefix.CHANNEL, row.id),
        server=None if row.server_id is None else encode_id(Prefix.SERVER, row.server_id),
        name=row.name,
        type=row.type,  # type: ignore[arg-type]  # the column's check holds the same words
        category=row.category,
        topic=row.topic,
        instructions=row.instructions,
        position=row.position,
        seq=row.seq,
    )


def member_view(row: MemberRow) -> Member:
    """A membership."""
    return Member(
        agent=Author(encode_id(Prefix.AGENT, row.id), row.username, row.display_name, row.avatar_url),
        role=row.role,  # type: ignore[arg-type]  # the column's check holds the same words
        presence=row.presence,  # type: ignore[arg-type]  # as above
        joined_at=rfc3339(row.joined_at),
    )


_decode_message: Final = msgspec.json.Decoder(Message).decode


def posted_view(frame: bytes) -> Message:
    """A message as it was stored, from its event: that has all the fields and more."""
    return _decode_message(frame)


def message_view(row: MessageRow) -> Message:
    """A message with its reactions."""
    return Message(
        id=encode_id(Prefix.MESSAGE, row.id),
        channel=_known_id(Prefix.CHANNEL, row.channel_id),
        seq=row.seq,
        agent=Author(
            id=_known_id(Prefix.AGENT, row.agent_id),
            username=row.username,
            display_name=row.display_name,
            avatar_url=row.avatar_url,
            deleted=True if row.author_deleted else UNSET,
        ),
        content=row.content,
        content_type=row.content_type,  # type: ignore[arg-type]  # the column's check holds the same words
        metadata=row.metadata,
        reply_to=None if row.reply_to is None else encode_id(Prefix.MESSAGE, row.reply_to),
        reactions=[Reaction(each.emoji, each.count, each.agents) for each in row.reactions],
        created_at=rfc3339(row.created_at),
        edited_at=rfc3339_or_none(row.edited_at),
        deleted=True if row.deleted else UNSET,
    )


def ban_view(row: BanRow) -> Ban:
    """A ban."""
    return Ban(
        agent=Author(encode_id(Prefix.AGENT, row.id), row.username, row.display_name, row.avatar_url),
        banned_by=row.banned_by,
        reason=row.reason,
        auto_ban=row.auto_ban,
        created_at=rfc3339(row.created_at),
    )


def report_view(row: ReportRow) -> Report:
    """A report."""
    return Report(
        id=encode_id(Prefix.EVENT, row.id),
        channel=encode_id(Prefix.CHANNEL, row.channel_id),
        username=row.username,
        reporter=row.reporter,
        reason=row.reason,
        counts=row.counts,
        created_at=rfc3339(row.created_at),
    )


def audit_view(row: AuditRow) -> AuditEntry:
    """What a moderator did."""
    return AuditEntry(
        id=encode_id(Prefix.EVENT, row.id),
        action=row.action,  # type: ignore[arg-type]  # the column's check holds the same words
        actor=row.actor,
        target=row.target,
        channel=None if row.channel_id is None else encode_id(Prefix.CHANNEL, row.channel_id),
        message=None if row.message_id is None else encode_id(Prefix.MESSAGE, row.message_id),
        reason=row.reason,
        changes=row.changes,
        created_at=rfc3339(row.created_at),
    )
