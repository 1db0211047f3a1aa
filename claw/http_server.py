"""A small HTTP/1.1 server for what a bot is called by: webhooks, and old claws on the same machine.

Requests and answers are whole and small. What is not a request is answered so and cut off; nobody waits for a caller
who stops in the middle.
"""

import asyncio
import contextlib
import email.utils
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

_log = logging.getLogger("claw")

BODY_MAX_BYTES: Final = 1024 * 1024
_HEAD_MAX_BYTES: Final = 16 * 1024
_CONNECTIONS_MAX: Final = 100
_IDLE_SECONDS: Final = 75.0
_TRANSFER_SECONDS: Final = 10.0
_LINGER_SECONDS: Final = 2.0
_REQUEST_LINE_PARTS: Final = 3


class Request(Struct, frozen=True):
    """A whole request. Header names are in lower case; of a query field that comes twice the last one counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


class Response(Struct, frozen=True):
    """An answer. Length, date and connection are added to the headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


Handler = Callable[[Request], Awaitable[Response]]
Fault = Callable[[int, str], Response]
"""Makes the answer to what is no request that can be handled, from a status and a sentence."""


class _FaultError(Exception):
    """The connection cannot go on behind this."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def plain_fault(status: int, text: str) -> Response:
    """The sentence as text."""
    return Response(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, *, port: int, host: str = "127.0.0.1", fault: Fault = plain_fault
) -> AsyncIterator[int]:
    """Serve until left; gives the port, which 0 leaves to the system. Raises ValueError where it cannot be had.

    The handler may be called for several connections at once. What it raises is logged and answered 500.
    """
    connections = _Connections(handler, fault)
    try:
        server = await asyncio.start_server(connections.serve, host, port, limit=_HEAD_MAX_BYTES)
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await connections.end()


class _Connections:
    def __init__(self, handler: Handler, fault: Fault) -> None:
        self._handler = handler
        self._fault = fault
        self._tasks: set[asyncio.Task[None]] = set()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= _CONNECTIONS_MAX:
            writer.close()
            return
        task = asyncio.create_task(self._run(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # The other side is gone, or too slow (TimeoutError).
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""
        try:
            request, stays = await _read(reader, writer)
        except _FaultError as error:
            await _write(writer, self._fault(error.status, str(error)), stays=False, bare=False)
            await _linger(reader, writer)
            return False
        try:
            response = await self._handler(request)
        except Exception:  # noqa: BLE001 - the border: one caller's trouble must not become the others'
            _log.exception("%s %s failed", request.method, request.path)
            response = self._fault(500, "This is a fault of ours; the log has more.")
        await _write(writer, response, stays=stays, bare=request.method == "HEAD")
        return stays


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Request, bool]:
    try:
        async with asyncio.timeout(_IDLE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise _FaultError(431, f"The head is larger than {_HEAD_MAX_BYTES} bytes.") from None
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = line.split(" ")
    if len(parts) != _REQUEST_LINE_PARTS or not parts[1].startswith("/"):
        raise _FaultError(400, "This is not an HTTP request.")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise _FaultError(505, "Only HTTP/1.1 is spoken here.")
    headers = _headers(fields)
    try:
        url = urlsplit(target)
    except ValueError:
        raise _FaultError(400, "The address cannot be read.") from None
    body = await _body(reader, writer, headers)
    stays = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(method, url.path, query, headers, body), stays


def _headers(fields: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name or name != name.strip():
            raise _FaultError(400, "A header cannot be read.")
        if name.lower() == "content-length" and "content-length" in headers:
            raise _FaultError(400, "There are two lengths.")
        headers[name.lower()] = value.strip()
    return headers


async def _body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise _FaultError(411, "Send the body whole, with a Content-Length.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise _FaultError(400, "The Content-Length is not a number.")
    if len(length) > len(str(BODY_MAX_BYTES)) or int(length) > BODY_MAX_BYTES:
        raise _FaultError(413, f"The body is larger than {BODY_MAX_BYTES} bytes.")
    if int(length) and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(_TRANSFER_SECONDS):
            return await reader.readexactly(int(length))
    except TimeoutError:
        raise _FaultError(408, "The body does not come.") from None


async def _write(writer: asyncio.StreamWriter, response: Response, *, stays: bool, bare: bool) -> None:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = {
        **response.headers,
        "Date": email.utils.formatdate(usegmt=True),
        "Connection": "keep-alive" if stays else "close",
    }
    if response.status != HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(response.body))
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if bare else response.body))
    async with asyncio.timeout(_TRANSFER_SECONDS):
        await writer.drain()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Closed with something unread, the kernel would take the answer back from a caller who has not read it yet.
    writer.write_eof()
    async with asyncio.timeout(_LINGER_SECONDS):
        while await reader.read(_HEAD_MAX_BYTES):
            pass
