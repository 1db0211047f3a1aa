"""Channels of servers, and reading those of DMs."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Channel
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


ENDPOINTS: Final = (
    Endpoint("POST", "/servers/{id}/channels", _create, body=CreateChannel, status=201, idempotent=True),
    Endpoint("GET", "/servers/{id}/channels", _list, "reader"),
    Endpoint("GET", "/channels/{id}", _get, "reader"),
    Endpoint("PATCH", "/channels/{id}", _update, body=UpdateChannel),
    Endpoint("DELETE", "/channels/{id}", _delete),
    Endpoint("PUT", "/channels/{id}/instructions", _instruct, body=SetInstructions),
)
