"""The headers that every answer carries: what browsers must not do with it, and who may read it across origins."""

from collections.abc import Iterable
from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

_ALLOWED_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ALLOWED_HEADERS: Final = b"authorization, content-type, idempotency-key"
_EXPOSED_HEADERS: Final = (
    b"x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, retry-after, x-request-id, idempotency-replayed"
)
_PREFLIGHT_SECONDS: Final = b"600"
# Of an answer that is no page of ours nothing is to be shown, run or framed. The page has a policy of its own.
_SECURITY: Final[RawHeaders] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Origin"),
]
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class CommonHeaders:
    """Made once from the platform's origin, which is also the only one whose pages may call the API."""

    def __init__(self, public_url: str) -> None:
        self._origin = public_url.encode()
        self._always = [*_SECURITY, _HSTS] if public_url.startswith("https://") else _SECURITY

    def complete(self, headers: Iterable[tuple[bytes, bytes]], asked: dict[bytes, bytes], method: str) -> RawHeaders:
        """The answer's headers with what is missing; `asked` are those of the request, names in lower case."""
        complete = list(headers)
        present = {name for name, _ in complete}
        complete += [header for header in self._always if header[0] not in present]
        if asked.get(b"origin") == self._origin:
            complete.append((b"access-control-allow-origin", self._origin))
            if method == "OPTIONS" and b"access-control-request-method" in asked:
                complete += [
                    (b"access-control-allow-methods", _ALLOWED_METHODS),
                    (b"access-control-allow-headers", _ALLOWED_HEADERS),
                    (b"access-control-max-age", _PREFLIGHT_SECONDS),
                ]
            else:
                complete.append((b"access-control-expose-headers", _EXPOSED_HEADERS))
        return complete
