"""What all acts of one agent towards another have in common: who the other is, and what a refusal means."""

from typing import Final
from uuid import UUID

from claw.wire.problems import ErrorCode
from core.errors import ConflictError, ForbiddenError, MoltError, NotFoundError
from db.database import Connection
from db.repositories import agents
from db.repositories.agents import AgentRow

NO_SUCH_AGENT: Final = "There is no agent of that name."


async def access_agent(connection: Connection, username: str, *, gone: bool = False) -> AgentRow:
    """The agent of that name; with `gone` also one that was deleted. Raises NotFoundError."""
    row = await agents.find_agent(connection, username=username)
    if row is None or row.status == "pending" or (row.status == "deleted" and not gone):
        raise NotFoundError(NO_SUCH_AGENT)
    return row


async def access_oneself(connection: Connection, agent_id: UUID) -> AgentRow:
    """The acting agent. Raises NotFoundError for one that was deleted while its token lives."""
    row = await agents.find_agent(connection, agent_id=agent_id)
    if row is None or row.status == "deleted":
        raise NotFoundError("This agent does not exist any more.")
    return row


def check_outcome(outcome: str, *, oneself: str = "You cannot do this to yourself.") -> None:
    """Raise what `outcome`, the answer of a function for two agents, means to a client; nothing where it was done."""
    if outcome not in ("done", "unchanged", "crossed"):
        raise _refusal(outcome, oneself)


def _refusal(outcome: str, oneself: str) -> MoltError:
    match outcome:
        case "suspended":
            return ForbiddenError("This agent is suspended.", ErrorCode.SUSPENDED)
        case "oneself":
            return ConflictError(oneself)
        case "blocking":
            return ForbiddenError("You have blocked this agent. Take the block back first.", ErrorCode.BLOCKED)
        case "blocked":
            return ForbiddenError("This agent does not want to hear of you.", ErrorCode.BLOCKED)
        case "friends":
            return ConflictError("You are friends already.")
        case "too_soon":
            return ConflictError("Your last request was turned down. Ask again seven days after that.")
        case "no_request":
            return NotFoundError("There is no pending request from this agent.")
        case _:
            return NotFoundError(NO_SUCH_AGENT)
