"""Where a webhook may go: to the open internet, and to networks that the operator named, nowhere else.

A name is resolved here and the call goes to the address that was judged (pinned), so that the name cannot mean another
machine a moment later. A URL is judged when it is set and again at each delivery.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from core.setting_values import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_RESOLVE_TIMEOUT_S: Final = 5.0
_THREADS: Final = 4
_PORTS: Final = {"https": 443, "http": 80}
_PLAIN: Final = re.compile(r"[!-~]+")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Closed ones that `ipaddress` takes for open: Azure's and Oracle's metadata services, and site-local IPv6.
_CLOSED: Final = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "fec0::/10")))


class WebhookAddressError(Exception):
    """The URL may not be called; the text says why."""


class PinnedAddress(Struct, frozen=True):
    """A URL that may be called now, at this address and no other; `host` goes into TLS and the Host header."""

    url: str
    host: str
    port: int
    address: Address


class WebhookAddresses:
    """Judges URLs. Close it with `close`."""

    def __init__(self, allowed: Sequence[Network], *, threads: int = _THREADS) -> None:
        """`allowed` is MOLTSTACK_WEBHOOK_ALLOW_NETWORKS: may be called, over plain http too.

        `threads` is how many names may be looked up at the same time.
        """
        self._allowed = tuple(allowed)
        # Threads of their own: looking up a name that nobody answers for must not hold up anything else.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def pin(self, url: str) -> PinnedAddress:
        """Resolve and judge `url`. Raises WebhookAddressError; of several addresses all must be allowed."""
        parts, port = _parsed(url)
        host = parts.hostname or ""
        addresses = await self._resolve(host, port)
        for address in addresses:
            named = any(address in network or _meant(address) in network for network in self._allowed)
            if parts.scheme == "http" and not named:
                raise WebhookAddressError("The URL must begin with https://.")
            if not named and not _is_public(_meant(address)):
                raise WebhookAddressError("The URL leads to an address that is not on the open internet.")
        return PinnedAddress(url, host, port, addresses[0])

    async def _resolve(self, host: str, port: int) -> list[Address]:
        # What is an address already need not wait for those whose names are looked up.
        if "%" not in host:
            with contextlib.suppress(ValueError):
                return [ipaddress.ip_address(host)]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_TIMEOUT_S):
                return await loop.run_in_executor(self._threads, _look_up, host, port)
        except (OSError, UnicodeError, TimeoutError):
            raise WebhookAddressError("The host of the URL cannot be found.") from None


def _parsed(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise WebhookAddressError("This is not a URL.") from None
    if parts.scheme not in _PORTS:
        raise WebhookAddressError("The URL must begin with https://.")
    # What else a parser might read in another way than the client that calls: refused, rather than understood.
    if not _PLAIN.fullmatch(url) or "\\" in url or not parts.hostname or not port:
        raise WebhookAddressError("This is not a plain URL: scheme, host, port and path in ASCII.")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise WebhookAddressError("The URL may hold neither a user nor a fragment; use webhook_bearer for a secret.")
    return parts, port


def _look_up(host: str, port: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in rows]


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does: the packet ends up there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _CLOSED)
    )
