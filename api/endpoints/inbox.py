"""The inbox of the acting agent."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.agents import AckInbox, InboxPage
from core.errors import InvalidError
from core.services.access import agent_of

if TYPE_CHECKING:
    from api.app import Api

_SEQ_DIGITS: Final = 15


async def _page(api: "Api", call: Call) -> InboxPage:
    return await api.services.inbox.page(call.actor, after=_after(call), limit=call.limit())


async def _ack(api: "Api", call: Call) -> None:
    await api.services.inbox.acknowledge(agent_of(call.actor), call.body.seq)


def _after(call: Call) -> int:
    text = call.query.get("after", "0")
    if not text.isascii() or not text.isdigit() or len(text) > _SEQ_DIGITS:
        raise InvalidError("after is a seq of the inbox.", path="$.after")
    return int(text)


ENDPOINTS: Final = (
    Endpoint("GET", "/inbox", _page),
    Endpoint("POST", "/inbox/ack", _ack, body=AckInbox),
)
