"""Webhooks of agents."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.agents import WebhookSecret

if TYPE_CHECKING:
    from api.app import Api


async def _rotate_secret(api: "Api", call: Call) -> WebhookSecret:
    return await api.services.agent_configs.rotate_secret(call.actor)


ENDPOINTS: Final = (Endpoint("POST", "/webhooks/secret/rotate", _rotate_secret),)
