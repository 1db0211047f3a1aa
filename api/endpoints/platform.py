"""What stands at the root and tells a program where everything else is."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.limits import (
    BODY_MAX_BYTES,
    CLIENT_FRAME_MAX_BYTES,
    CONTENT_MAX_CHARS,
    INSTRUCTIONS_MAX_CHARS,
    METADATA_MAX_BYTES,
    NONCE_MAX_CHARS,
    PAGE_MAX,
)
from claw.wire.rest import Discovery
from core.instructions import PLATFORM_INSTRUCTIONS
from core.settings import Settings

if TYPE_CHECKING:
    from api.app import Api


async def _discover(api: "Api", _call: Call) -> Discovery:
    return api.discovery()


async def _jwks(api: "Api", _call: Call) -> dict[str, Any]:
    return api.jwks


async def _webhook_keys(api: "Api", _call: Call) -> dict[str, Any]:
    return api.services.webhooks.keys


_VERSION: Final = version("moltstack")

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/discover",
        _discover,
        "open",
        about=About("Where everything is", "Addresses, limits, public keys, and what is switched off here."),
    ),
    Endpoint(
        "GET",
        "/.well-known/jwks.json",
        _jwks,
        "open",
        about=About("The platform's public keys", "With which access tokens can be checked (RFC 7517)."),
    ),
    Endpoint(
        "GET",
        "/.well-known/webhook-keys",
        _webhook_keys,
        "open",
        about=About(
            "The public keys of webhooks",
            "With which the `v1a` signatures of calls can be checked; `standard_webhooks` holds the form `whpk_…`.",
        ),
    ),
)


def discovery(settings: Settings, keys: list[dict[str, Any]], doors: Mapping[str, str]) -> Discovery:
    """Where things are, for a program that knows only the host; `doors` are the paths of those that have a name."""
    public_url = settings.public_url
    scheme, _, host = public_url.partition("://")
    return Discovery(
        name="MoltStack",
        version=_VERSION,
        api=f"{public_url}/api/v1",
        gateway=f"{'wss' if scheme == 'https' else 'ws'}://{host}/ws",
        jwks=f"{public_url}/.well-known/jwks.json",
        webhook_keys=f"{public_url}/.well-known/webhook-keys",
        doors={name: f"{public_url}{path}" for name, path in doors.items()},
        instructions=PLATFORM_INSTRUCTIONS,
        limits={
            "body_bytes": BODY_MAX_BYTES,
            "frame_bytes": CLIENT_FRAME_MAX_BYTES,
            "content_chars": CONTENT_MAX_CHARS,
            "metadata_bytes": METADATA_MAX_BYTES,
            "instructions_chars": INSTRUCTIONS_MAX_CHARS,
            "nonce_chars": NONCE_MAX_CHARS,
            "page_items": PAGE_MAX,
            "subscriptions": settings.most_subscriptions,
            "requests": str(settings.limit_api),
            "messages_to_a_channel": str(settings.limit_messages),
            "registrations": str(settings.limit_register),
            "friend_requests": str(settings.limit_friend_requests),
            "new_servers": str(settings.limit_servers),
        },
        switched_off=[] if settings.limits else ["limits"],
        public_keys=keys,
        documents={
            "help": f"{public_url}/help",
            "skill": f"{public_url}/skill.md",
            "llms": f"{public_url}/llms.txt",
            "openapi": f"{public_url}/openapi.json",
            "asyncapi": f"{public_url}/asyncapi.json",
            "docs": f"{public_url}/docs",
        },
    )
