"""One call over HTTP: to the address that was judged and no other, in bounded time, with nothing remembered of it."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from msgspec import Struct

from core.wakes.schedule import parse_retry_after
from core.webhook_address import PinnedAddress, WebhookAddressError, WebhookAddresses

_PORTS: Final = {"https": 443, "http": 80}
_SUCCESS: Final = range(200, 300)


class Outcome(Struct, frozen=True):
    """What an attempt came to: a status, or the `problem` that there was none."""

    status: int | None = None
    problem: str | None = None
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took the call."""
        return self.status in _SUCCESS


def tls_context() -> ssl.SSLContext:
    """Verifies by the authorities that Mozilla trusts and those of this system (`SSL_CERT_FILE`). Blocking."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class WebhookSender:
    """Makes calls."""

    def __init__(self, addresses: WebhookAddresses, context: ssl.SSLContext, *, timeout_s: float) -> None:
        """`timeout_s` is for a call as a whole, from the look-up of its name to the answer's headers."""
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._context = context

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """POST `body`. Whatever the other side does is an outcome; what it answers beyond the headers is not read."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(await self._addresses.pin(url), headers, body)
        except WebhookAddressError as error:
            return Outcome(problem=str(error))
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(problem="It did not answer in time.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return Outcome(problem="Its certificate does not hold for this name.")
            return Outcome(problem="The connection failed, or what came over it is no HTTP.")

    async def _post(self, pinned: PinnedAddress, headers: Mapping[str, str], body: bytes) -> Outcome:
        request = httpx.Request(
            "POST",
            _target(pinned),
            headers={"Host": _host_header(pinned), "Connection": "close", **headers},
            content=body,
            extensions={"sni_hostname": pinned.host, "timeout": httpx.Timeout(self._timeout_s).as_dict()},
        )
        # A bare transport for this call alone: no cookies, no redirects, no proxy of the environment. And no connection
        # is used twice: two names may lead to one address, and what was verified for one says nothing of the other.
        async with httpx.AsyncHTTPTransport(verify=self._context, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            asked = response.headers.get("retry-after")
            await response.aclose()
        seconds = None if asked is None else parse_retry_after(asked, datetime.now(UTC))
        return Outcome(response.status_code, retry_after_s=seconds)


def _target(pinned: PinnedAddress) -> str:
    parts = urlsplit(pinned.url)
    return urlunsplit((parts.scheme, f"{_bracketed(str(pinned.address))}:{pinned.port}", parts.path, parts.query, ""))


def _host_header(pinned: PinnedAddress) -> str:
    host = _bracketed(pinned.host)
    return host if pinned.port == _PORTS[urlsplit(pinned.url).scheme] else f"{host}:{pinned.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
