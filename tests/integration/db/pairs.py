"""Two agents, what they have been through with each other, and what they do next."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from claw.wire.ids import uuid7
from core.events import inbox_event
from db.database import Connection, Database, Scope
from db.repositories import blocks, follows, friends
from db.repositories.friends import FriendLetters
from tests.support.town import Town

_LETTERS = [inbox_event(op, {"to": to}) for op, to in (("ask", "other"), ("accepted", "other"), ("accepted", "me"))]
_STANDING = """
select (select count(*) from friendships where $1 in (agent_a_id, agent_b_id) and $2 in (agent_a_id, agent_b_id)),
       (select count(*) from friend_requests
        where status = 'pending' and $1 in (from_agent_id, to_agent_id) and $2 in (from_agent_id, to_agent_id)),
       (select count(*) from agent_follows
        where $1 in (follower_id, following_id) and $2 in (follower_id, following_id)),
       (select coalesce(sum(followers_count), 0) from agent_karma where agent_id in ($1, $2))
"""
_DMS = """
select id from channels where $1 in (dm_agent_a_id, dm_agent_b_id) and $2 in (dm_agent_a_id, dm_agent_b_id)
"""
Acted = tuple[str, int]


class Pair:
    """`me` acts, `other` is acted upon; each act gives its outcome and how many events it told."""

    def __init__(self, town: Town, api: Database, me: UUID, other: UUID) -> None:
        self.town = town
        self.api = api
        self.me = me
        self.other = other

    @classmethod
    async def of(cls, town: Town, api: Database) -> "Pair":
        return cls(town, api, *await town.agents(2))

    @property
    def scope(self) -> Scope:
        return Scope(agent=self.me)

    def turned(self) -> "Pair":
        return Pair(self.town, self.api, self.other, self.me)

    async def act(self, name: str) -> Acted:
        acts: dict[str, Callable[[Connection], Awaitable[Any]]] = {
            "ask": self._ask,
            "accept": self._accept,
            "reject": lambda c: friends.reject(c, self.other),
            "end": lambda c: friends.end(c, self.other),
            "block": lambda c: blocks.block(c, self.other),
            "unblock": lambda c: blocks.unblock(c, self.other),
            "follow": lambda c: follows.follow(c, self.other, head=b'{"seq":', tail=b"}"),
            "unfollow": lambda c: follows.unfollow(c, self.other),
        }
        async with self.api.acting(self.scope) as connection:
            answer = await acts[name](connection)
        outcome, events = (answer, []) if isinstance(answer, str) else answer
        return outcome, len(events)

    async def live_through(self, *acts: str) -> None:
        """Acts by name; those that the other did begin with `their_`."""
        for act in acts:
            pair = self.turned() if act.startswith("their_") else self
            outcome, _ = await pair.act(act.removeprefix("their_"))
            assert outcome in ("done", "crossed"), (act, outcome)

    async def standing(self) -> tuple[int, int, int, int]:
        """How many friendships, pending requests and follows there are between the two; followers by their karma."""
        row = await self.town.admin.fetchrow(_STANDING, self.me, self.other)
        assert row is not None
        return tuple(row)

    async def dms(self) -> list[UUID]:
        return [row[0] for row in await self.town.admin.fetch(_DMS, self.me, self.other)]

    async def inbox(self, agent: UUID) -> list[dict[str, Any]]:
        """The frames in an agent's inbox; their numbers have no gap."""
        async with self.town.gateway.connection() as connection:
            frames = [json.loads(event.frame) for event in await self.town.replay(connection, agent)]
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        return frames

    async def at_once(self, *acts: str) -> list[Acted]:
        pairs = [(self.turned() if act.startswith("their_") else self, act.removeprefix("their_")) for act in acts]
        return await asyncio.gather(*[pair.act(act) for pair, act in pairs])

    async def _ask(self, connection: Connection) -> Any:
        channel = await friends.lock_pair(connection, self.other) or uuid7()
        return await friends.ask(connection, self.other, request_id=uuid7(), channel_id=channel, letters=_letters())

    async def _accept(self, connection: Connection) -> Any:
        channel = await friends.lock_pair(connection, self.other) or uuid7()
        return await friends.accept(connection, self.other, channel_id=channel, letters=_letters())


def _letters() -> FriendLetters:
    return FriendLetters([each.head for each in _LETTERS], [each.tail for each in _LETTERS])
