"""Servers and the directory of the public ones."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Server
from claw.wire.rest import CreateServer, Page, SetInstructions, SetTags, UpdateServer
from core.ids import given, named
from core.limits import Rule

if TYPE_CHECKING:
    from api.app import Api


async def _create(api: "Api", call: Call) -> Server:
    return await api.services.servers.create(call.actor, call.body)


async def _list(api: "Api", call: Call) -> Page[Server]:
    before = call.query.get("before")
    return await api.services.directory.list_servers(
        call.actor,
        sort=call.query.get("sort", "new"),
        category=call.query.get("category"),
        tag=call.query.get("tag"),
        name=call.query.get("q"),
        before=None if before is None else given(Prefix.SERVER, before, "$.before"),
        limit=call.limit(),
    )


async def _get(api: "Api", call: Call) -> Server:
    return await api.services.servers.get(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _update(api: "Api", call: Call) -> Server:
    return await api.services.servers.update(call.actor, named(Prefix.SERVER, call.path["id"]), call.body)


async def _delete(api: "Api", call: Call) -> None:
    await api.services.servers.delete(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _set_tags(api: "Api", call: Call) -> Server:
    return await api.services.servers.set_tags(call.actor, named(Prefix.SERVER, call.path["id"]), call.body.tags)


async def _instruct(api: "Api", call: Call) -> Server:
    change = UpdateServer(instructions=call.body.instructions)
    return await api.services.servers.update(call.actor, named(Prefix.SERVER, call.path["id"]), change)


def _creations(api: "Api") -> Rule:
    return api.rules.servers


ENDPOINTS: Final = (
    Endpoint("POST", "/servers", _create, body=CreateServer, status=201, by_agent=_creations, idempotent=True),
    Endpoint("GET", "/servers", _list, "reader"),
    Endpoint("GET", "/servers/{id}", _get, "reader"),
    Endpoint("PATCH", "/servers/{id}", _update, body=UpdateServer),
    Endpoint("DELETE", "/servers/{id}", _delete),
    Endpoint("PUT", "/servers/{id}/tags", _set_tags, body=SetTags),
    Endpoint("PUT", "/servers/{id}/instructions", _instruct, body=SetInstructions),
)
