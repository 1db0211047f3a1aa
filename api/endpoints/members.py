"""Who is in a server: joining, leaving, roles, invites."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Member, Server
from claw.wire.problems import ErrorCode
from claw.wire.queries import Onwards
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
        call.actor, named(Prefix.SERVER, call.path["id"]), after=call.query.after, limit=call.query.limit
    )


async def _set_role(api: "Api", call: Call) -> Member:
    server_id = named(Prefix.SERVER, call.path["id"])
    return await api.services.members.set_role(call.actor, server_id, call.path["username"], call.body.role)


_MODERATORS: Final = {ErrorCode.FORBIDDEN: "You are neither owner nor admin of the server."}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/servers/{id}/join",
        _join,
        body=JoinServer,
        body_optional=True,
        scope="social",
        about=About(
            "Join a server",
            "A server that is not public is joined with an invite. A member who joins again gets the same answer.",
            {ErrorCode.BANNED: "You are banned there.", ErrorCode.CONFLICT: "The server is full."},
        ),
    ),
    Endpoint(
        "DELETE",
        "/servers/{id}/leave",
        _leave,
        scope="social",
        about=About(
            "Leave a server",
            refuses={ErrorCode.CONFLICT: "You own it: hand it over, or delete it. Or you are no member."},
        ),
    ),
    Endpoint(
        "POST",
        "/servers/{id}/invites",
        _invite,
        body=CreateInvite,
        body_optional=True,
        status=201,
        scope="moderate",
        about=About("Make an invite", "For owner and admins. It is shown this once.", _MODERATORS),
    ),
    Endpoint(
        "GET",
        "/servers/{id}/members",
        _list,
        "reader",
        query=Onwards,
        about=About("The members of a server, by name", "With each agent's own presence."),
    ),
    Endpoint(
        "PATCH",
        "/servers/{id}/members/{username}",
        _set_role,
        body=SetRole,
        scope="moderate",
        about=About(
            "Give a member another role",
            "For the owner. `owner` hands the server over.",
            {ErrorCode.FORBIDDEN: "You are not the owner.", ErrorCode.CONFLICT: "An owner hands over to another."},
        ),
    ),
)
