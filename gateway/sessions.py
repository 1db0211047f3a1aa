"""Which sessions each agent has in this process, and how many it may have."""

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from gateway.connection import Connection


class Sessions:
    """The open sessions of agents, by agent. Observers are not counted."""

    def __init__(self, most_each: int | None) -> None:
        """`most_each` is how many one agent may have in this process, None for as many as it likes."""
        self.most_each = most_each
        self._of: dict[UUID, set[Connection]] = {}

    def is_full(self, agent: UUID) -> bool:
        """Whether the agent may open no other."""
        return self.most_each is not None and len(self._of.get(agent, ())) >= self.most_each

    def add(self, agent: UUID, connection: "Connection") -> None:
        """A session is open."""
        self._of.setdefault(agent, set()).add(connection)

    def discard(self, agent: UUID, connection: "Connection") -> None:
        """It is gone."""
        sessions = self._of.get(agent)
        if sessions is not None:
            sessions.discard(connection)
            if not sessions:
                del self._of[agent]

    def of(self, agent: UUID) -> "list[Connection]":
        """The agent's sessions."""
        return list(self._of.get(agent, ()))
