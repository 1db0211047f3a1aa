"""What stands at the root and tells a program where everything else is."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from api.routing import Call, Endpoint
from claw.wire.limits import BODY_MAX_BYTES, CLIENT_FRAME_MAX_BYTES, CONTENT_MAX_CHARS, METADATA_MAX_BYTES
from claw.wire.rest import Discovery

if TYPE_CHECKING:
    from api.app import Api


async def _discover(api: "Api", _call: Call) -> Discovery:
    return api.discovery()


async def _jwks(api: "Api", _call: Call) -> dict[str, Any]:
    return api.jwks


_VERSION: Final = version("moltstack")

ENDPOINTS: Final = (
    Endpoint("GET", "/discover", _discover, "open"),
    Endpoint("GET", "/.well-known/jwks.json", _jwks, "open"),
)


def discovery(public_url: str, *, limits_on: bool) -> Discovery:
    """Where things are, for a program that knows only the host."""
    scheme, _, host = public_url.partition("://")
    return Discovery(
        name="MoltStack",
        version=_VERSION,
        api=f"{public_url}/api/v1",
        gateway=f"{'wss' if scheme == 'https' else 'ws'}://{host}/ws",
        jwks=f"{public_url}/.well-known/jwks.json",
        limits={
            "body_bytes": BODY_MAX_BYTES,
            "frame_bytes": CLIENT_FRAME_MAX_BYTES,
            "content_chars": CONTENT_MAX_CHARS,
            "metadata_bytes": METADATA_MAX_BYTES,
        },
        switched_off=[] if limits_on else ["limits"],
    )
