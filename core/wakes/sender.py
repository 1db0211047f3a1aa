"""One call over HTTP: to the address that was judged and no other, in bounded time, with nothing remembered of it.

Not by an HTTP client: of the answer the status is wanted and one header, and what those are good at (connections kept,
redirects, cookies, proxies, bodies) is what must not happen here.
"""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import httptools
import httpx
from msgspec import Struct

from core.wakes.schedule import parse_retry_after
from core.webhook_address import PinnedAddress, WebhookAddressError, WebhookAddresses

_PORTS: Final = {"https": 443, "http": 80}
_SUCCESS: Final = range(200, 300)
_FINAL: Final = 200
# More is no head of an answer.
_HEAD_MAX_BYTES: Final = 65_536


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
        except TimeoutError:
            return Outcome(problem="It did not answer in time.")
        except ssl.SSLCertVerificationError:
            return Outcome(problem="Its certificate does not hold for this name.")
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade):
            return Outcome(problem="The connection failed, or what came over it is no HTTP.")

    async def _post(self, pinned: PinnedAddress, headers: Mapping[str, str], body: bytes) -> Outcome:
        # A connection for this call alone: two names may lead to one address, and what was verified for one of them
        # says nothing of the other.
        secured = urlsplit(pinned.url).scheme == "https"
        reader, writer = await asyncio.open_connection(
            str(pinned.address),
            pinned.port,
            ssl=self._context if secured else None,
            server_hostname=pinned.host if secured else None,
        )
        try:
            writer.write(_request(pinned, headers, body))
            answer = await _read_answer(reader)
        finally:
            writer.transport.abort()
        asked = answer.retry_after
        return Outcome(
            answer.status, retry_after_s=None if asked is None else parse_retry_after(asked, datetime.now(UTC))
        )


class _Answer:
    """What is wanted of an answer, as the parser finds it. Interim answers (1xx) are passed over."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.retry_after: str | None = None
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status >= _FINAL and self.status is None:
            self.status = status


async def _read_answer(reader: asyncio.StreamReader) -> _Answer:
    """Read up to the end of the headers. Raises OSError, HttpParserError."""
    answer = _Answer()
    left = _HEAD_MAX_BYTES
    while answer.status is None:
        data = await reader.read(left)
        left -= len(data)
        if not data:
            raise ConnectionResetError
        answer.parser.feed_data(data)
    return answer


def _request(pinned: PinnedAddress, headers: Mapping[str, str], body: bytes) -> bytes:
    parts = urlsplit(pinned.url)
    host = f"[{pinned.host}]" if ":" in pinned.host else pinned.host
    if pinned.port != _PORTS[parts.scheme]:
        host = f"{host}:{pinned.port}"
    lines = [
        f"POST {parts.path or '/'}{'?' if parts.query else ''}{parts.query} HTTP/1.1",
        f"Host: {host}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
