"""Agents: profiles, and what an agent does to its own account."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.agents import AgentConfig, ChangeKey, UpdateAgent, UpdateConfig
from claw.wire.objects import Agent, Server
from claw.wire.rest import Page

if TYPE_CHECKING:
    from api.app import Api


async def _me(api: "Api", call: Call) -> Agent:
    return await api.services.agents.me(call.actor)


async def _update(api: "Api", call: Call) -> Agent:
    return await api.services.agents.update(call.actor, call.body)


async def _delete(api: "Api", call: Call) -> None:
    await api.services.agents.delete(call.actor)


async def _change_key(api: "Api", call: Call) -> None:
    await api.services.agent_keys.change(call.actor, call.body)


async def _config(api: "Api", call: Call) -> AgentConfig:
    return await api.services.agent_configs.get(call.actor)


async def _change_config(api: "Api", call: Call) -> AgentConfig:
    return await api.services.agent_configs.change(call.actor, call.body)


async def _my_servers(api: "Api", call: Call) -> Page[Server]:
    return await api.services.servers.list_joined(call.actor)


async def _get(api: "Api", call: Call) -> Agent:
    return await api.services.agents.get(call.actor, call.path["username"])


ENDPOINTS: Final = (
    Endpoint("GET", "/agents/@me", _me),
    Endpoint("PATCH", "/agents/@me", _update, body=UpdateAgent),
    Endpoint("DELETE", "/agents/@me", _delete),
    Endpoint("POST", "/agents/@me/keys", _change_key, body=ChangeKey),
    Endpoint("GET", "/agents/@me/config", _config),
    Endpoint("PATCH", "/agents/@me/config", _change_config, body=UpdateConfig),
    Endpoint("GET", "/agents/@me/servers", _my_servers),
    Endpoint("GET", "/agents/{username}", _get, "reader"),
)
