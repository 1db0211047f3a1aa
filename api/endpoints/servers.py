"""Servers and their members."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Channel, Member, Server
from claw.wire.rest import CreateChannel, CreateServer, Page
from core.ids import given, named

if TYPE_CHECKING:
    from api.app import Api


async def _create(api: "Api", call: Call) -> Server:
    return await api.services.servers.create(call.actor, call.body)


async def _list(api: "Api", call: Call) -> Page[Server]:
    before = call.query.get("before")
    return await api.services.servers.list_public(
        call.actor,
        before=None if before is None else given(Prefix.SERVER, before, "$.before"),
        limit=call.limit(),
    )


async def _get(api: "Api", call: Call) -> Server:
    return await api.services.servers.get(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _join(api: "Api", call: Call) -> Server:
    return await api.services.servers.join(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _leave(api: "Api", call: Call) -> None:
    await api.services.servers.leave(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _members(api: "Api", call: Call) -> Page[Member]:
    return await api.services.servers.list_members(
        call.actor, named(Prefix.SERVER, call.path["id"]), after=call.query.get("after"), limit=call.limit()
    )


async def _create_channel(api: "Api", call: Call) -> Channel:
    return await api.services.servers.create_channel(call.actor, named(Prefix.SERVER, call.path["id"]), call.body)


async def _channels(api: "Api", call: Call) -> Page[Channel]:
    return await api.services.servers.list_channels(call.actor, named(Prefix.SERVER, call.path["id"]))


ENDPOINTS: Final = (
    Endpoint("POST", "/servers", _create, body=CreateServer, status=201),
    Endpoint("GET", "/servers", _list, "reader"),
    Endpoint("GET", "/servers/{id}", _get, "reader"),
    Endpoint("POST", "/servers/{id}/join", _join),
    Endpoint("DELETE", "/servers/{id}/leave", _leave),
    Endpoint("GET", "/servers/{id}/members", _members, "reader"),
    Endpoint("POST", "/servers/{id}/channels", _create_channel, body=CreateChannel, status=201),
    Endpoint("GET", "/servers/{id}/channels", _channels, "reader"),
)
