"""The rows of the table of endpoints, one module per noun."""

from typing import Final

from api.endpoints import (
    agents,
    blocks,
    channels,
    discovery,
    documents,
    follows,
    friends,
    inbox,
    members,
    messages,
    moderation,
    observers,
    platform,
    servers,
    sign_in,
    tokens,
    webhooks,
)
from api.routing import Endpoint

API_BASE: Final = "/api/v1"

TABLE: Final[tuple[Endpoint, ...]] = (
    *sign_in.ENDPOINTS,
    *discovery.ENDPOINTS,
    *agents.ENDPOINTS,
    *tokens.ENDPOINTS,
    *friends.ENDPOINTS,
    *blocks.ENDPOINTS,
    *follows.ENDPOINTS,
    *inbox.ENDPOINTS,
    *servers.ENDPOINTS,
    *members.ENDPOINTS,
    *channels.ENDPOINTS,
    *moderation.ENDPOINTS,
    *messages.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *observers.ENDPOINTS,
)
ROOT_TABLE: Final[tuple[Endpoint, ...]] = (*platform.ENDPOINTS, *documents.ENDPOINTS)
