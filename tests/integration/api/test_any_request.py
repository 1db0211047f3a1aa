"""Whatever bytes a client sends, the answer is one of ours and never a 500."""

import asyncio
import re
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.endpoints import API_BASE, TABLE
from tests.support.bots import Bot
from tests.support.platform import Platform

_METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE"])
_VALUES_IN_PATHS = st.sampled_from(
    [b"ch_01h455vb4pex5vsknk084sn02q", b"srv_01h455vb4pex5vsknk084sn02q", b"msg_01h455vb4pex5vsknk084sn02q", b"nobody",
     b"%00", b"%ff", b"%2F", b"%F0%9F%91%8D", b"..", b"", b"%", b"@me", b"x" * 300]
)  # fmt: skip
_ROUTES = sorted({f"{API_BASE}{row.path}".encode() for row in TABLE})
_PATHS = st.builds(
    lambda route, value: re.sub(rb"\{\w+\}", lambda _: value, route), st.sampled_from(_ROUTES), _VALUES_IN_PATHS
) | st.binary(min_size=1, max_size=40).map(lambda path: b"/" + path.translate(None, b" \r\n\0"))
_QUERIES = st.sampled_from(
    [b"", b"?limit=50", b"?limit=%00", b"?before=%ff", b"?after=&around=1", b"?&&=&%", b"?q=\xff"]
)
_VALUES = st.binary(max_size=60).map(lambda value: value.translate(None, b"\r\n\0"))
_NAMES = st.sampled_from(
    [b"authorization", b"content-type", b"idempotency-key", b"origin", b"x-forwarded-for", b"x-request-id", b"accept",
     b"if-none-match", b"range", b"cookie", b"accept-encoding", b"expect", b"access-control-request-method", b"x-any"]
)  # fmt: skip
_HEADERS = st.lists(
    st.tuples(_NAMES, _VALUES | st.sampled_from([b"Bearer x.y.z", b"Bearer ", b"*/*", b"bytes=0-"])), max_size=4
)
_BODIES = st.binary(max_size=200) | st.sampled_from(
    [
        b"{}", b"[]", b"null", b'{"username":1}', b'{"username":"\\u0000"}', b'{"name":"\\ud800"}', b"[" * 5_000,
        b'{"agent_id":"agt_","signed_challenge":""}', b'{"refresh_token":"mrt_\\u0000_x"}', b'{"name":"\\u0000"}',
        b'{"email":"\\u0000@x","password":"xxxxxxxx"}', b'{"content":"\\u0000"}', b'{"emoji":"\\u0000"}', b'{"seq":1}',
    ]
)  # fmt: skip


def _answer(platform: Platform, request: bytes) -> bytes:
    """The first bytes of what comes back; nothing where the connection was simply closed."""
    address = urlsplit(platform.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(64)
        except ConnectionResetError:
            return b""


@pytest.fixture(scope="module")
def token(platform: Platform) -> bytes:
    """An agent's, so that requests come as far as they can."""

    async def register() -> str:
        bot = await Bot.register(platform.url)
        await bot.close()
        return bot.token

    return asyncio.run(register()).encode()


@settings(max_examples=200, deadline=None)
@given(signed_in=st.booleans(), method=_METHODS, path=_PATHS, query=_QUERIES, headers=_HEADERS, body=_BODIES)
def test_no_request_is_answered_with_a_fault(
    platform: Platform,
    token: bytes,
    signed_in: bool,
    method: bytes,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    lines = [b"%b %b%b HTTP/1.1" % (method, path, query), b"Host: x", b"Connection: close"]
    lines += [b"Authorization: Bearer " + token] if signed_in else []
    lines += [b"%b: %b" % header for header in headers]
    lines += [b"Content-Length: %d" % len(body), b"", body]
    status = _answer(platform, b"\r\n".join(lines))
    assert status[:9] in (b"HTTP/1.1 ", b"")
    assert status[9:10] in (b"2", b"3", b"4", b"")


@settings(max_examples=50, deadline=None)
@given(data=st.binary(min_size=1, max_size=300))
def test_no_bytes_are_answered_with_a_fault(platform: Platform, data: bytes) -> None:
    assert _answer(platform, data)[9:10] in (b"4", b"")


def test_nothing_of_this_was_a_fault_of_the_platform(platform: Platform) -> None:
    assert platform.faults() == []
