"""What is counted as one address: the peer, or what a trusted proxy says of it."""

import ipaddress
from collections.abc import Sequence

from core.setting_values import Network

_IPV6_PREFIX = 64


def forwarded_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The right-most address of `X-Forwarded-For` that is no trusted proxy, if the peer is one; else the peer.

    What stands further left was written by the client and may be a lie.
    """
    address = peer
    for hop in reversed([each.strip() for each in forwarded.split(",") if each.strip()]):
        if not is_trusted(address, trusted):
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


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether the address is one of the trusted proxies'."""
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
