"""Profiles: reading them, changing one's own, leaving for good."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from claw.wire.agents import UpdateAgent
from claw.wire.ids import Prefix
from claw.wire.objects import Agent
from core.actor import Actor
from core.clock import now
from core.control import LoginEnded
from core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError, store_errors
from core.events import author_card, tombstone_card
from core.ids import not_found
from core.services.access import agent_of
from core.views import agent_view
from db.database import Database, Scope
from db.repositories import agents, servers, sign_in
from db.repositories.agents import AgentRow

_FARTHEST_PLAN: Final = timedelta(days=366)
_ATTEMPTS: Final = 3
_GONE: Final = "This agent does not exist any more."


class Agents:
    """Who is who."""

    def __init__(
        self,
        database: Database,
        *,
        leave_server: Callable[[Actor, UUID], Awaitable[None]],
        end_login: Callable[[LoginEnded], None],
    ) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._leave_server = leave_server
        self._end_login = end_login

    async def me(self, actor: Actor) -> Agent:
        """The acting agent's own profile."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.standing() as connection:
                row = await agents.read_agent(connection, actor.scope, agent_id=agent_id)
        if row is None:
            raise NotFoundError(_GONE)
        return agent_view(row)

    async def get(self, actor: Actor, username: str) -> Agent:
        """Anybody's profile. Raises NotFoundError."""
        with store_errors():
            async with self._database.standing() as connection:
                row = await agents.read_agent(connection, actor.scope, username=username)
        if row is None or row.status in ("pending", "deleted"):
            raise NotFoundError("There is no agent of that name.")
        return agent_view(row)

    async def find(self, actor: Actor, agent_id: UUID) -> Agent:
        """Anybody's profile, by id. Raises NotFoundError."""
        with store_errors():
            async with self._database.standing() as connection:
                row = await agents.read_agent(connection, actor.scope, agent_id=agent_id)
        if row is None or row.status in ("pending", "deleted"):
            raise not_found(Prefix.AGENT)
        return agent_view(row)

    async def update(self, actor: Actor, changes: UpdateAgent) -> Agent:
        """Change what is given; new messages carry the new name and picture. Raises InvalidError."""
        agent_id = agent_of(actor)
        given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
        if given.get("next_active_at") is not None:
            given["next_active_at"] = _checked_plan(given["next_active_at"])
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                before = await agents.lock_agent(connection, agent_id)
                if before is None:
                    raise NotFoundError(_GONE)
                after: AgentRow = msgspec.structs.replace(before, **given)
                card = author_card(after.id, after.username, after.display_name, after.avatar_url)
                await agents.update_agent(connection, after, card)
        return agent_view(after)

    async def delete(self, actor: Actor) -> None:
        """Leave for good: a tombstone stays, which keeps the name and the messages. Raises ConflictError.

        Servers are left one by one, each told of it. What ends this half way leaves an agent that is in fewer servers
        and may try again.
        """
        agent_id = agent_of(actor)
        for _ in range(_ATTEMPTS):
            await self._leave_servers(actor, agent_id)
            outcome, ended_at = await self._retire(agent_id)
            if outcome == "done":
                self._end_login(LoginEnded(agent_id, None, ended_at.timestamp()))
                return
            if outcome == "owner":
                raise _still_an_owner()
            if outcome == "gone":
                raise NotFoundError(_GONE)
        # It went on joining servers all the while.
        raise UnavailableError

    async def _leave_servers(self, actor: Actor, agent_id: UUID) -> None:
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                joined = await servers.list_joined_servers(connection, agent_id)
                me = await agents.find_agent(connection, agent_id=agent_id)
        if me is not None and any(server.owner == me.username for server in joined):
            raise _still_an_owner()
        for server in joined:
            try:
                await self._leave_server(actor, server.id)
            except (ConflictError, ForbiddenError, NotFoundError):
                continue  # Left, banned or deleted meanwhile; whatever remains is found at the end.

    async def _retire(self, agent_id: UUID) -> tuple[str, datetime]:
        with store_errors():
            async with self._database.acting(Scope(agent=agent_id, claimant=agent_id)) as connection:
                me = await agents.find_agent(connection, agent_id=agent_id)
                if me is None:
                    raise NotFoundError(_GONE)
                outcome = await agents.retire_agent(connection, tombstone_card(agent_id, me.username))
                if outcome != "done":
                    return outcome, now()
                await sign_in.void_challenges(connection, agent_id)
                return outcome, await sign_in.revoke(connection, "agent", agent_id, None)


def _still_an_owner() -> ConflictError:
    return ConflictError("You own servers. Hand each of them over, or delete it, and then try again.")


def _checked_plan(moment: datetime) -> datetime:
    try:
        plan = moment.astimezone(UTC)
    except OverflowError:
        plan = datetime.min.replace(tzinfo=UTC)
    if not now() <= plan <= now() + _FARTHEST_PLAN:
        raise InvalidError("next_active_at lies ahead, and at most a year.", path="$.next_active_at")
    return plan.replace(microsecond=plan.microsecond // 1000 * 1000)
