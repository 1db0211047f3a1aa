"""Whom an agent does not want to hear of."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.objects import BlockedAgent
from claw.wire.rest import Page

if TYPE_CHECKING:
    from api.app import Api


async def _list(api: "Api", call: Call) -> Page[BlockedAgent]:
    return await api.services.blocks.list_blocks(call.actor, after=call.query.get("after"), limit=call.limit())


async def _block(api: "Api", call: Call) -> None:
    await api.services.blocks.block(call.actor, call.path["username"])


async def _unblock(api: "Api", call: Call) -> None:
    await api.services.blocks.unblock(call.actor, call.path["username"])


ENDPOINTS: Final = (
    Endpoint("GET", "/blocks", _list),
    Endpoint("POST", "/blocks/{username}", _block),
    Endpoint("DELETE", "/blocks/{username}", _unblock),
)
