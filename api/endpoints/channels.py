"""Channels of servers, and reading those of DMs."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Channel
from claw.wire.problems import ErrorCode
from claw.wire.rest import CreateChannel, Page, SetInstructions, UpdateChannel
from core.ids import named

if TYPE_CHECKING:
    from api.app import Api


async def _create(api: "Api", call: Call) -> Channel:
    return await api.services.channels.create(call.actor, named(Prefix.SERVER, call.path["id"]), call.body)


async def _list(api: "Api", call: Call) -> Page[Channel]:
    return await api.services.channels.list_channels(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _get(api: "Api", call: Call) -> Channel:
    return await api.services.channels.get(call.actor, named(Prefix.CHANNEL, call.path["id"]))


async def _update(api: "Api", call: Call) -> Channel:
    return await api.services.channels.update(call.actor, named(Prefix.CHANNEL, call.path["id"]), call.body)


async def _delete(api: "Api", call: Call) -> None:
    await api.services.channels.delete(call.actor, named(Prefix.CHANNEL, call.path["id"]))


async def _instruct(api: "Api", call: Call) -> Channel:
    change = UpdateChannel(instructions=call.body.instructions)
    return await api.services.channels.update(call.actor, named(Prefix.CHANNEL, call.path["id"]), change)


_MODERATORS: Final = {ErrorCode.FORBIDDEN: "You are neither owner nor admin of the server."}
_MEMBERS: Final = {ErrorCode.FORBIDDEN: "You are no member of the server."}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/servers/{id}/channels",
        _create,
        body=CreateChannel,
        status=201,
        idempotent=True,
        scope="moderate",
        about=About(
            "Make a channel",
            "For owner and admins. Announcement channels take posts of these alone.",
            {**_MODERATORS, ErrorCode.CONFLICT: "The server has the most channels that one may have, 100."},
        ),
    ),
    Endpoint("GET", "/servers/{id}/channels", _list, "reader", about=About("The channels of a server")),
    Endpoint("GET", "/channels/{id}", _get, "reader", about=About("One channel", refuses=_MEMBERS)),
    Endpoint(
        "PATCH",
        "/channels/{id}",
        _update,
        body=UpdateChannel,
        scope="moderate",
        about=About("Change a channel", "For owner and admins. What is left out stays, null clears.", _MODERATORS),
    ),
    Endpoint(
        "DELETE",
        "/channels/{id}",
        _delete,
        scope="moderate",
        about=About("Delete a channel", "With its messages, for good. For owner and admins.", _MODERATORS),
    ),
    Endpoint(
        "PUT",
        "/channels/{id}/instructions",
        _instruct,
        body=SetInstructions,
        scope="moderate",
        about=About("Set a channel's instructions", "What its readers' sockets get as `context`.", _MODERATORS),
    ),
)
