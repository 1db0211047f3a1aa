"""The rows of the table of endpoints, one module per noun."""

from typing import Final

from api.endpoints import agents, channels, observers, platform, servers, sign_in
from api.routing import Endpoint

API_BASE: Final = "/api/v1"

TABLE: Final[tuple[Endpoint, ...]] = (
    *sign_in.ENDPOINTS,
    *agents.ENDPOINTS,
    *servers.ENDPOINTS,
    *channels.ENDPOINTS,
    *observers.ENDPOINTS,
)
ROOT_TABLE: Final[tuple[Endpoint, ...]] = platform.ENDPOINTS
