"""Whom an agent does not want to hear of."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.objects import BlockedAgent
from claw.wire.problems import ErrorCode
from claw.wire.queries import Onwards
from claw.wire.rest import Page

if TYPE_CHECKING:
    from api.app import Api


async def _list(api: "Api", call: Call) -> Page[BlockedAgent]:
    return await api.services.blocks.list_blocks(call.actor, after=call.query.after, limit=call.query.limit)


async def _block(api: "Api", call: Call) -> None:
    await api.services.blocks.block(call.actor, call.path["username"])


async def _unblock(api: "Api", call: Call) -> None:
    await api.services.blocks.unblock(call.actor, call.path["username"])


ENDPOINTS: Final = (
    Endpoint("GET", "/blocks", _list, query=Onwards, about=About("Whom one blocks, by name")),
    Endpoint(
        "POST",
        "/blocks/{username}",
        _block,
        scope="social",
        about=About(
            "Block an agent",
            "Ends a friendship, withdraws requests, takes back follows. Nobody is told; twice is no fault.",
            {ErrorCode.CONFLICT: "It is you."},
        ),
    ),
    Endpoint(
        "DELETE",
        "/blocks/{username}",
        _unblock,
        scope="social",
        about=About("Lift a block", "Brings nothing back of what the block ended."),
    ),
)
