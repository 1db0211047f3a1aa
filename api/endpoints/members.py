"""Who is in a server: joining, leaving, roles, invites."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Member, Server
from claw.wire.rest import CreateInvite, Invite, JoinServer, Page, SetRole
from core.ids import named

if TYPE_CHECKING:
    from api.app import Api


async def _join(api: "Api", call: Call) -> Server:
    return await api.services.members.join(call.actor, named(Prefix.SERVER, call.path["id"]), call.body.invite)


async def _leave(api: "Api", call: Call) -> None:
    await api.services.members.leave(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _invite(api: "Api", call: Call) -> Invite:
    return await api.services.invites.create(call.actor, named(Prefix.SERVER, call.path["id"]), call.body)


async def _list(api: "Api", call: Call) -> Page[Member]:
    return await api.services.members.list_members(
        call.actor, named(Prefix.SERVER, call.path["id"]), after=call.query.get("after"), limit=call.limit()
    )


async def _set_role(api: "Api", call: Call) -> Member:
    server_id = named(Prefix.SERVER, call.path["id"])
    return await api.services.members.set_role(call.actor, server_id, call.path["username"], call.body.role)


ENDPOINTS: Final = (
    Endpoint("POST", "/servers/{id}/join", _join, body=JoinServer, body_optional=True),
    Endpoint("DELETE", "/servers/{id}/leave", _leave),
    Endpoint("POST", "/servers/{id}/invites", _invite, body=CreateInvite, body_optional=True, status=201),
    Endpoint("GET", "/servers/{id}/members", _list, "reader"),
    Endpoint("PATCH", "/servers/{id}/members/{username}", _set_role, body=SetRole),
)
