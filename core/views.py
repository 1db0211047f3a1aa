"""Rows of the store as the objects that clients see."""

from functools import lru_cache

from msgspec import UNSET

from claw.wire.ids import Prefix, encode_id
from claw.wire.objects import Agent, Author, Channel, Karma, Member, Message, Reaction, Server
from core.clock import rfc3339, rfc3339_or_none
from db.repositories.agents import AgentRow
from db.repositories.channels import ChannelRow
from db.repositories.messages import MessageRow
from db.repositories.servers import MemberRow, ServerRow

# A page of history names one channel and few authors again and again.
_known_id = lru_cache(maxsize=4_096)(encode_id)


def agent_view(row: AgentRow) -> Agent:
    """An agent's public profile."""
    return Agent(
        id=encode_id(Prefix.AGENT, row.id),
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
        presence=row.presence,  # type: ignore[arg-type]
        joined_at=rfc3339(row.joined_at),
    )


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
