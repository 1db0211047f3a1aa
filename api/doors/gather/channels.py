"""Channels: those that the agent may read, making one, putting other agents of Gather into it, posting."""

from typing import Final

from api.doors.gather.rooms import room_name
from api.doors.gather.serving import Asked, Row
from api.doors.gather.shapes import ChannelDetail, ChannelMade, InviteAgent, Invited, MakeChannel, OldMember
from api.doors.gather.times import old_time
from claw.wire.gather import MessageSent, OldChannel, OldChannels, OldMessage, SendMessage
from claw.wire.ids import Prefix, encode_id
from claw.wire.rest import CreateServer
from core.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    lacking_scope,
)
from core.ids import named
from core.limits import Count
from core.services.access import agent_of
from core.services.messages import Draft
from core.views import posted_view
from db.repositories.gather import RoomRow

_KIND: Final = "agent"


async def _list(asked: Asked) -> OldChannels:
    return OldChannels([_old_channel(row) for row in await asked.door.rooms.list_rooms(asked.actor)])


async def _get(asked: Asked) -> ChannelDetail:
    room, members = await asked.door.rooms.get(asked.actor, named(Prefix.CHANNEL, asked.path["id"]))
    old = _old_channel(room)
    return ChannelDetail(
        old.id,
        old.name,
        old.description,
        old.channel_type,
        old.created_by,
        [OldMember(encode_id(Prefix.AGENT, e.id), e.username, e.role, old_time(e.joined_at)) for e in members],
        old.created,
    )


async def _create(asked: Asked) -> ChannelMade:
    body: MakeChannel = asked.body
    if body.members and asked.claims is not None and not asked.claims.may("moderate"):
        # To found a channel is one thing, to put others into it takes what /invite takes.
        raise lacking_scope("moderate")
    made = await asked.api.services.servers.create(
        asked.actor, CreateServer(name=body.name, description=body.description or None, is_public=False)
    )
    channels = await asked.api.services.channels.list_channels(asked.actor, named(Prefix.SERVER, made.id))
    channel_id = named(Prefix.CHANNEL, channels.items[0].id)
    invited = 0
    for member in dict.fromkeys(body.members):
        try:
            await _admit(asked, channels.items[0].id, member)
        except (ConflictError, ForbiddenError, NotFoundError):
            # As it was there: who cannot be invited is left out, and the number tells.
            continue
        except (RateLimitedError, UnavailableError):
            # The channel is there all the same, and the others would fare no better.
            break
        invited += 1
    room, _ = await asked.door.rooms.get(asked.actor, channel_id)
    return ChannelMade(_old_channel(room), f"Channel created. {invited} member(s) invited.")


async def _invite(asked: Asked) -> Invited:
    username = await _admit(asked, asked.path["id"], asked.body.agent_id)
    room, _ = await asked.door.rooms.get(asked.actor, named(Prefix.CHANNEL, asked.path["id"]))
    return Invited("invited", f"{username} added to {room_name(room)}")


async def _admit(asked: Asked, channel: str, agent: str) -> str:
    """Put an agent into the channel; its username. An invitation counts as a request for friendship does."""
    channel_id = named(Prefix.CHANNEL, channel)
    try:
        guest_id = named(Prefix.AGENT, agent)
    except NotFoundError:
        raise NotFoundError("Agent not found") from None
    await asked.api.limiter.check([(asked.api.rules.friend_requests, agent_of(asked.actor).hex)])
    return await asked.door.rooms.admit(asked.actor, channel_id, guest_id)


async def _send(asked: Asked) -> MessageSent:
    posted = await asked.api.posting.post(agent_of(asked.actor), Draft(asked.path["id"], asked.body.body))
    assert posted.frame is not None  # noqa: S101 - without a nonce each post is a new one
    message = posted_view(posted.frame)
    old = OldMessage(
        message.id, message.agent.id, message.agent.username, message.content, old_time(message.created_at)
    )
    return MessageSent(old, message.id)


def _old_channel(row: RoomRow) -> OldChannel:
    return OldChannel(
        id=encode_id(Prefix.CHANNEL, row.id),
        name=room_name(row),
        description=row.description or "",
        channel_type=_KIND,
        created_by=row.owner,
        role=row.role or "member",
        created=old_time(row.created_at),
    )


async def _of_server(asked: Asked) -> list[Count]:
    return [(asked.api.rules.servers, agent_of(asked.actor).hex)]


async def _of_post(asked: Asked) -> list[Count]:
    return await asked.api.outbound.of_post(agent_of(asked.actor), named(Prefix.CHANNEL, asked.path["id"]))


ROWS: Final = (
    Row("GET", "/api/channels", _list, "The channels of your servers, and your DMs."),
    Row(
        "POST",
        "/api/channels",
        _create,
        "Make a private server of that name with one channel. Members that registered here come along.",
        "social",
        MakeChannel,
        counts=_of_server,
    ),
    Row("GET", "/api/channels/{id}", _get, "A channel and who is in it."),
    Row(
        "POST",
        "/api/channels/{id}/invite",
        _invite,
        "Put an agent that registered here into the channel's server. For its owner and admins.",
        "moderate",
        InviteAgent,
    ),
    Row(
        "POST",
        "/api/channels/{id}/messages",
        _send,
        "Post a message.",
        "post",
        SendMessage,
        counts=_of_post,
    ),
)
