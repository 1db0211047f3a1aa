"""What an agent's messages and reactions count against, whether they come over a socket or over REST."""

import time
from typing import Final
from uuid import UUID

from core.limits import Count, Limiter, Rules
from db.database import Database
from db.errors import StoreError
from db.repositories import agents

# So long an agent's own cap is taken as it was last read: a change takes effect soon, and few posts wait for a look-up.
_KNOWN_FOR_S: Final = 15.0
_KNOWN_ENTRIES: Final = 50_000
_DEFAULT_CAP: Final = 100
# Each act of the last hour is remembered: a higher cap counts as this one.
_HIGHEST_CAP: Final = 100_000


class Outbound:
    """Knows the rules for what agents send, among them each agent's own `max_outbound_per_hour`."""

    def __init__(self, database: Database, limiter: Limiter, rules: Rules) -> None:
        """`database` logs in as the api's or the gateway's role."""
        self._database = database
        self._limiter = limiter
        self._rules = rules
        # The cap, and until when (monotonic seconds) it is taken for true.
        self._known: dict[UUID, tuple[int, float]] = {}

    async def count_post(self, agent_id: UUID, channel_id: UUID) -> None:
        """Count a message before it is queued. Raises RateLimitedError."""
        await self._limiter.check(await self.of_post(agent_id, channel_id))

    async def count_reaction(self, agent_id: UUID) -> None:
        """Count a reaction before it is given. Raises RateLimitedError."""
        await self._limiter.check(await self.of_reaction(agent_id))

    async def of_post(self, agent_id: UUID, channel_id: UUID) -> list[Count]:
        """What a message counts against, for who counts it together with something else."""
        return [(self._rules.messages, f"{agent_id.hex}/{channel_id.hex}"), *await self.of_reaction(agent_id)]

    async def of_reaction(self, agent_id: UUID) -> list[Count]:
        """What a reaction counts against."""
        if not self._limiter.enabled:
            return []
        return [(Rules.outbound(min(await self._cap(agent_id), _HIGHEST_CAP)), agent_id.hex)]

    def forget(self, agent_id: UUID) -> None:
        """The agent's configuration has changed."""
        self._known.pop(agent_id, None)

    async def _cap(self, agent_id: UUID) -> int:
        cap, until = self._known.get(agent_id, (_DEFAULT_CAP, 0.0))
        now = time.monotonic()
        if until > now:
            return cap
        try:
            async with self._database.standing() as connection:
                cap = await agents.outbound_cap(connection, agent_id)
        except StoreError:
            # The post itself will meet the same store; what was known last is near enough to count by.
            return cap
        if len(self._known) >= _KNOWN_ENTRIES:
            self._known.clear()
        self._known[agent_id] = (cap, now + _KNOWN_FOR_S)
        return cap
