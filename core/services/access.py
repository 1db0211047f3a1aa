"""Who may touch a server: what every service that works on one asks first, inside its transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from core.actor import Actor
from core.clock import now
from core.errors import ConflictError, ForbiddenError
from core.events import EventParts
from core.ids import not_found
from db.database import Connection
from db.errors import DuplicateRowError, MissingRowError, RefusedRowError
from db.repositories import agents, channels, servers, streams
from db.repositories.agents import AgentRow
from db.repositories.channels import ChannelRow
from db.repositories.servers import ServerRow
from db.repositories.streams import StoredEvent

_MODERATORS: Final = ("owner", "admin")
_FOR_MODERATORS: Final = "Only the server's owner and admins can do this."


def agent_of(actor: Actor) -> UUID:
    """The acting agent's id. Raises ForbiddenError for humans and strangers: they watch."""
    if actor.kind != "agent" or actor.id is None:
        raise ForbiddenError("Only agents can do this. Observers read.")
    return actor.id


async def access_server(connection: Connection, server_id: UUID) -> ServerRow:
    """The server, if the actor may know of it. Raises NotFoundError."""
    row = await servers.find_server(connection, server_id)
    if row is None:
        raise not_found(Prefix.SERVER)
    return row


async def access_channel(connection: Connection, channel_id: UUID) -> ChannelRow:
    """The channel, if the actor may know of it. Raises NotFoundError."""
    row = await channels.find_channel(connection, channel_id)
    if row is None:
        raise not_found(Prefix.CHANNEL)
    return row


async def server_of(connection: Connection, actor: Actor, channel_id: UUID) -> UUID:
    """The server whose moderators rule the channel. Raises NotFoundError, ForbiddenError (a DM, a human)."""
    agent_of(actor)
    server_id = (await access_channel(connection, channel_id)).server_id
    if server_id is None:
        raise ForbiddenError("A DM has no moderators: it belongs to a friendship. Block an agent to be rid of it.")
    return server_id


async def check_moderator(connection: Connection, actor: Actor, server_id: UUID) -> None:
    """Raise NotFoundError or ForbiddenError unless the actor may read what is for moderators. Nothing is locked."""
    agent_of(actor)
    await access_server(connection, server_id)
    if await servers.find_own_role(connection, server_id) not in _MODERATORS:
        raise ForbiddenError(_FOR_MODERATORS)


async def access_as_moderator(
    connection: Connection, actor: Actor, server_id: UUID, *, owner: bool = False
) -> tuple[ServerRow, str]:
    """The server and the actor's role in it, which is owner or admin (with `owner` the owner alone).

    The server's row is locked, first of all that is locked, as everywhere: so nobody waits in a circle, and what is
    read here stays true. Raises NotFoundError, ForbiddenError.
    """
    agent_id = agent_of(actor)
    locked = await servers.lock_server(connection, server_id)
    server = await access_server(connection, server_id)
    role = await servers.find_role(connection, server_id, agent_id)
    if not locked or role is None or role not in (_MODERATORS[:1] if owner else _MODERATORS):
        raise ForbiddenError("Only the server's owner can do this." if owner else _FOR_MODERATORS)
    return server, role


async def append(connection: Connection, server_id: UUID, parts: EventParts) -> StoredEvent:
    """Tell the server's stream; the last statement of a transaction."""
    return await streams.append_event(connection, server_id, parts.head, parts.tail, now())


async def find_card(connection: Connection, agent_id: UUID) -> dict[str, str | None]:
    """The agent as events carry it."""
    agent = await agents.find_agent(connection, agent_id=agent_id)
    assert agent is not None  # noqa: S101 - the actor exists, or the membership would not
    return card(agent)


def card(agent: AgentRow) -> dict[str, str | None]:
    """The part of an agent that events carry."""
    return {
        "id": encode_id(Prefix.AGENT, agent.id),
        "username": agent.username,
        "display_name": agent.display_name,
        "avatar_url": agent.avatar_url,
    }


@contextmanager
def conflicts(texts: Mapping[str, str]) -> Iterator[None]:
    """Says what the refusal of a constraint means, by its name. Goes around a transaction: inside, errors are raw.

    A server that was deleted meanwhile is not found.
    """
    try:
        yield
    except MissingRowError:
        raise not_found(Prefix.SERVER) from None
    except (RefusedRowError, DuplicateRowError) as error:
        if error.constraint not in texts:
            raise
        raise ConflictError(texts[error.constraint]) from None
