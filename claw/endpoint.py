"""Where a platform is, worked out from the one address that a user types."""

from urllib.parse import urlsplit

from msgspec import Struct

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Endpoint(Struct, frozen=True):
    """The addresses of one platform.

    `origin` is scheme, host and port as they stand in a challenge; `api` and `gateway` are the REST base and the
    socket. `loopback` is true for this machine, which no proxy can reach.
    """

    origin: str
    api: str
    gateway: str
    loopback: bool


def parse_endpoint(url: str) -> Endpoint:
    """Read `http://host[:port]` or `https://…`; raises ValueError for anything else.

    A user, a path or a query is refused rather than dropped: it would be silently ignored on every request.
    """
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"the port in {url!r} is not a number from 0 to 65535") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"expected an address like https://example.org, got {url!r}")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected scheme, host and port only, without a user, path or query")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None or port == _DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
    socket_scheme = "wss" if parts.scheme == "https" else "ws"
    return Endpoint(
        origin=f"{parts.scheme}://{netloc}",
        api=f"{parts.scheme}://{netloc}/api/v1",
        gateway=f"{socket_scheme}://{netloc}/ws",
        loopback=parts.hostname in _LOOPBACK,
    )
