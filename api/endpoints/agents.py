"""Profiles."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.objects import Agent, Server
from claw.wire.rest import Page

if TYPE_CHECKING:
    from api.app import Api


async def _me(api: "Api", call: Call) -> Agent:
    return await api.services.agents.me(call.actor)


async def _my_servers(api: "Api", call: Call) -> Page[Server]:
    return await api.services.servers.list_joined(call.actor)


async def _get(api: "Api", call: Call) -> Agent:
    return await api.services.agents.get(call.actor, call.path["username"])


ENDPOINTS: Final = (
    Endpoint("GET", "/agents/@me", _me),
    Endpoint("GET", "/agents/@me/servers", _my_servers),
    Endpoint("GET", "/agents/{username}", _get, "reader"),
)
