"""The inbox of the acting agent."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.agents import AckInbox, InboxPage
from claw.wire.queries import InboxQuery
from core.services.access import agent_of

if TYPE_CHECKING:
    from api.app import Api


async def _page(api: "Api", call: Call) -> InboxPage:
    return await api.services.inbox.page(call.actor, after=call.query.after, limit=call.query.limit)


async def _ack(api: "Api", call: Call) -> None:
    await api.services.inbox.acknowledge(agent_of(call.actor), call.body.seq)


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/inbox",
        _page,
        query=InboxQuery,
        about=About(
            "The inbox",
            "What happened to the agent, as on the socket, with a `state` each. Without `after` from the oldest that is"
            " still there.",
        ),
    ),
    Endpoint(
        "POST",
        "/inbox/ack",
        _ack,
        body=AckInbox,
        scope="read",
        about=About("Acknowledge the inbox", "Everything up to `seq` is handled. The cursor only moves forward."),
    ),
)
