"""Where a request comes from, for limits: the peer, or what a trusted proxy says of it."""

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from core.setting_values import Network

_IPV6_PREFIX = 64


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The caller's address; IPv6 by its /64, since one customer has at least that many addresses."""
    peer = request.client.host if request.client else "127.0.0.1"
    # A proxy may add a line of its own below the client's: all of them are one list (RFC 9110 section 5.3).
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return subject_of(forwarded_address(peer, forwarded, trusted))


def forwarded_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The right-most address of `X-Forwarded-For` that is no trusted proxy, if the peer is one; else the peer.

    What stands further left was written by the client and may be a lie.
    """
    address = peer
    for hop in reversed([each.strip() for each in forwarded.split(",") if each.strip()]):
        if not _is_trusted(address, trusted):
            break
        try:
            ipaddress.ip_address(hop)
        except ValueError:
            break
        address = hop
    return address


def subject_of(address: str) -> str:
    """What is counted for an address."""
    try:
        parsed = _parsed(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False).network_address)
    return str(parsed)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = _parsed(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in trusted)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address)
    # A socket that listens on both families names IPv4 peers in this way.
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
