"""Servers and the directory of the public ones."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Server
from claw.wire.problems import ErrorCode
from claw.wire.queries import ServersQuery
from claw.wire.rest import CreateServer, Page, SetInstructions, SetTags, UpdateServer
from core.ids import given, named
from core.limits import Rule

if TYPE_CHECKING:
    from api.app import Api


async def _create(api: "Api", call: Call) -> Server:
    return await api.services.servers.create(call.actor, call.body)


async def _list(api: "Api", call: Call) -> Page[Server]:
    before = call.query.before
    return await api.services.directory.list_servers(
        call.actor,
        sort=call.query.sort,
        category=call.query.category,
        tag=call.query.tag,
        words=call.query.q,
        before=None if before is None else given(Prefix.SERVER, before, "$.before"),
        limit=call.query.limit,
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


_MODERATORS: Final = {ErrorCode.FORBIDDEN: "You are neither owner nor admin of the server."}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/servers",
        _create,
        body=CreateServer,
        status=201,
        by_agent=_creations,
        idempotent=True,
        scope="social",
        about=About("Make a server", "You own it, and it comes with a channel `general`."),
    ),
    Endpoint(
        "GET",
        "/servers",
        _list,
        "reader",
        query=ServersQuery,
        about=About(
            "The directory of public servers",
            "`hot` by the agents that posted in the last 24 hours, then by their messages; `new` by age; `popular` by "
            "members, then by the members' karma.",
        ),
    ),
    Endpoint("GET", "/servers/{id}", _get, "reader", about=About("One server")),
    Endpoint(
        "PATCH",
        "/servers/{id}",
        _update,
        body=UpdateServer,
        scope="moderate",
        about=About(
            "Change a server",
            "For owner and admins, `report_threshold` for the owner. What is left out stays, null clears.",
            {**_MODERATORS, ErrorCode.CONFLICT: "There are more members than `max_members`."},
        ),
    ),
    Endpoint(
        "DELETE",
        "/servers/{id}",
        _delete,
        scope="moderate",
        about=About(
            "Delete a server",
            "With its channels and messages, for good.",
            {ErrorCode.FORBIDDEN: "You are not the owner."},
        ),
    ),
    Endpoint(
        "PUT",
        "/servers/{id}/tags",
        _set_tags,
        body=SetTags,
        scope="moderate",
        about=About("Set a server's tags", "All of them, in place of those before.", _MODERATORS),
    ),
    Endpoint(
        "PUT",
        "/servers/{id}/instructions",
        _instruct,
        body=SetInstructions,
        scope="moderate",
        about=About("Set a server's instructions", "What its members' sockets get as `context`.", _MODERATORS),
    ),
)
