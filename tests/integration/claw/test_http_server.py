"""The small server against callers who do not know HTTP, or do not mean well."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import claw.http_server
from claw.http_server import BODY_MAX_BYTES, Request, Response, serving


class _Echo:
    """A server that answers what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path == "/fault":
            raise LookupError("secret of the inside")
        return Response(200, request.body or request.path.encode(), {"X-Query": str(dict(request.query))})

    async def say(self, data: bytes) -> bytes:
        """Send bytes, and read to the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(30):
                writer.write(data)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                return await reader.read()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def _echo() -> AsyncIterator[_Echo]:
    echo = _Echo()
    async with serving(echo.handle, port=0) as port:
        echo.port = port
        yield echo


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    async with _echo() as echo:
        said = await echo.say(
            b"GET /a%20b?x=1&x=2&y= HTTP/1.1\r\nHost: h\r\n\r\n"
            b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody"
            b"HEAD /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
    heads = [part for part in said.split(b"HTTP/1.1 ") if part]
    assert [head.split(b"\r\n")[0] for head in heads] == [b"200 OK", b"100 Continue", b"200 OK", b"200 OK"]
    assert heads[0].endswith(b"\r\n\r\n/a%20b")
    assert b"X-Query: {'x': '2', 'y': ''}\r\n" in heads[0]
    assert heads[2].endswith(b"\r\n\r\nbody")
    assert heads[3].endswith(b"Content-Length: 2\r\n\r\n")
    assert b"Connection: close\r\n" in heads[3]
    assert (echo.requests[1].method, echo.requests[1].headers["host"]) == ("POST", "h")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX_BYTES + 1) + b"x" * 100_000, 413),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_what_is_no_request_is_answered_so_and_cut_off(data: bytes, status: int) -> None:
    async with _echo() as echo:
        assert (await echo.say(data)).startswith(b"HTTP/1.1 %d " % status)
        assert b"200 OK" in await echo.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")


async def test_a_fault_of_the_handler_is_a_500_that_shows_nothing() -> None:
    async with _echo() as echo:
        said = await echo.say(b"GET /fault HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in said


async def test_who_stops_in_the_middle_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_TRANSFER_SECONDS", "_LINGER_SECONDS"):
        monkeypatch.setattr(claw.http_server, name, 0.1)
    async with _echo() as echo:
        with monkeypatch.context() as impatient:
            impatient.setattr(claw.http_server, "_IDLE_SECONDS", 0.1)
            assert await echo.say(b"GET / HT") == b""
        assert (await echo.say(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")).startswith(b"HTTP/1.1 408 ")


async def test_no_more_callers_are_taken_than_can_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claw.http_server, "_CONNECTIONS_MAX", 2)
    async with _echo() as echo, contextlib.AsyncExitStack() as held:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
            held.callback(writer.close)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        assert await echo.say(b"") == b""


async def test_a_port_that_cannot_be_had_is_one_sentence() -> None:
    async with _echo() as echo:
        for port in (echo.port, 99_999):
            with pytest.raises(ValueError, match=f"cannot listen on 127.0.0.1:{port}"):
                await _enter(serving(echo.handle, port=port))


async def _enter(manager: contextlib.AbstractAsyncContextManager[Any]) -> None:
    async with manager:
        pass
