"""Where the agent may read: the channels of its servers, and its DMs. Read when a claw asks, and kept for a while."""

import asyncio
import time
from typing import Final

from msgspec import Struct

from claw.client import Client
from claw.errors import TransportError
from claw.wire.ids import Prefix, decode_id
from claw.wire.objects import Channel, Friend, Server

# Old claws learn of a channel by its id, and ask for the list when they are told to; it changes rarely.
_KEPT_SECONDS: Final = 600.0
# What a server begins with, and what its own name is told for.
_FIRST_CHANNEL: Final = "general"


class Place(Struct, frozen=True):
    """A channel by the names that an old claw knows; `created` is in unix milliseconds."""

    id: str
    name: str
    description: str
    created_by: str
    role: str
    created: int


class Directory:
    """See the module."""

    def __init__(self, client: Client) -> None:
        """`client` says who asks."""
        self._client = client
        self._places: list[Place] | None = None
        self._read_at = 0.0
        self._turn = asyncio.Lock()

    async def places(self) -> list[Place]:
        """All of them; while the platform is away those known from before. Raises TransportError, RefusedError."""
        async with self._turn:
            if self._places is None or time.monotonic() > self._read_at + _KEPT_SECONDS:
                try:
                    self._places = await self._read()
                    self._read_at = time.monotonic()
                except TransportError:
                    if self._places is None:
                        raise
            return self._places

    async def _read(self) -> list[Place]:
        rest = self._client.rest
        places: list[Place] = []
        for server in (await rest.joined_servers()).items:
            places += [self._in_server(server, channel) for channel in (await rest.channels(server.id)).items]
        places += [_with_friend(friend) async for friend in rest.all_friends()]
        return places

    def _in_server(self, server: Server, channel: Channel) -> Place:
        name = server.name if channel.name == _FIRST_CHANNEL else f"{server.name}/{channel.name}"
        role = "owner" if server.owner == self._client.username else "member"
        return Place(channel.id, name, channel.topic or "", server.owner, role, _made(channel.id))


def _with_friend(friend: Friend) -> Place:
    return Place(friend.channel, friend.username, "", friend.username, "member", _made(friend.channel))


def _made(channel_id: str) -> int:
    # An id begins with the time at which it was given (RFC 9562, section 5.7).
    return decode_id(Prefix.CHANNEL, channel_id).int >> 80
