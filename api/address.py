"""Where a request comes from: for limits and for the log."""

from collections.abc import Sequence
from functools import lru_cache

from starlette.types import Scope

from core.address import forwarded_address, is_trusted, subject_of
from core.setting_values import Network

_known_subject = lru_cache(maxsize=10_000)(subject_of)


def peer_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The caller's address; IPv6 by its /64, since one customer has at least that many addresses."""
    peer = _peer(scope)
    if not trusted:
        return _known_subject(peer)
    # A proxy may add a line of its own below the client's: all of them are one list (RFC 9110 section 5.3).
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return _known_subject(forwarded_address(peer, ",".join(lines), trusted))


def trusted_peer(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the request was handed on by a proxy of ours."""
    return is_trusted(_peer(scope), trusted)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "127.0.0.1"
