"""Bytes that no well-behaved client sends, and sessions whose time runs out."""

import asyncio
import base64
import json
from urllib.parse import urlsplit

import pytest

from claw.wire.ids import Prefix, decode_id, uuid7
from core.keys import load_signing_key
from core.tokens import TokenIssuer
from tests.support.bots import Crew
from tests.support.platform import Platform

_MASK = b"\1\2\3\4"


def _frame(first: int, payload: bytes, *, masked: bool = True) -> bytes:
    """One short frame (RFC 6455 section 5.2); `first` is its first byte: FIN, RSV and opcode."""
    body = bytes(byte ^ _MASK[number % 4] for number, byte in enumerate(payload)) if masked else payload
    return bytes([first, len(payload) | (0x80 if masked else 0)]) + (_MASK if masked else b"") + body


_FAULTS = {
    "not masked": (_frame(0x81, b"{}", masked=False), 1002),
    "a reserved bit": (_frame(0xC1, b"{}"), 1002),
    "a reserved opcode": (_frame(0x83, b"{}"), 1002),
    "a control frame in pieces": (_frame(0x09, b""), 1002),
    "a control frame too long": (b"\x89\xfe\x00\x7e" + _MASK + bytes(126), 1002),
    "a continuation of nothing": (_frame(0x80, b"{}"), 1002),
    "a message within a message": (_frame(0x01, b"{") + _frame(0x81, b"{}"), 1002),
    "a close frame of one byte": (_frame(0x88, b"\3"), 1002),
    "a close code that is none": (_frame(0x88, (1005).to_bytes(2)), 1002),
    "a close reason that is not UTF-8": (_frame(0x88, (1000).to_bytes(2) + b"\xff"), 1007),
    "a length beyond all bounds": (b"\x81\xff" + b"\x7f" + b"\xff" * 7 + _MASK, 1009),
    "a message in thousands of pieces": (_frame(0x01, b"x") + _frame(0x00, b"x") * 5_000, 1008),
}


@pytest.mark.parametrize(("data", "code"), _FAULTS.values(), ids=_FAULTS.keys())
async def test_a_fault_of_the_protocol_is_closed_with_its_code(crew: Crew, data: bytes, code: int) -> None:
    socket = await crew.socket(await crew.bot())
    socket.connection.transport.write(data)
    assert await socket.closed() == code


async def test_pings_are_answered_even_within_a_message(crew: Crew) -> None:
    socket = await crew.socket(await crew.bot())
    write = socket.connection.transport.write
    write(_frame(0x01, b'{"op":"pi'))
    async with asyncio.timeout(20):
        await (await socket.connection.ping())
    write(_frame(0x80, b'ng","ref":1}'))
    assert await socket.expect("pong", ref=1)


def _handshake(platform: Platform, *, path: str = "/ws", method: str = "GET", **changed: str | None) -> bytes:
    headers = {
        "Host": urlsplit(platform.url).netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


async def _status(platform: Platform, data: bytes) -> int:
    reader, writer = await asyncio.open_connection(urlsplit(platform.url).hostname, urlsplit(platform.url).port)
    writer.write(data)
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def test_a_handshake_that_is_none_is_refused(platform: Platform) -> None:
    assert await _status(platform, _handshake(platform)) == 101
    assert await _status(platform, _handshake(platform, path="/elsewhere")) == 404
    assert await _status(platform, _handshake(platform, path="/ws/")) == 404
    assert await _status(platform, _handshake(platform, Sec_WebSocket_Key=None)) == 400
    assert await _status(platform, _handshake(platform, Sec_WebSocket_Key="short")) == 400
    assert await _status(platform, _handshake(platform, Sec_WebSocket_Version="8")) in (400, 426)
    assert await _status(platform, _handshake(platform, method="POST")) in (400, 405)
    assert await _status(platform, _handshake(platform, Upgrade="h2c")) < 500
    assert await _status(platform, b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n") in (400, 404, 426)


async def test_frames_right_behind_the_handshake_are_not_lost(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    auth = json.dumps({"op": "auth", "token": bot.token}).encode()
    long_frame = b"\x81\xfe" + len(auth).to_bytes(2) + bytes(4) + auth
    reader, writer = await asyncio.open_connection(urlsplit(platform.url).hostname, urlsplit(platform.url).port)
    writer.write(_handshake(platform) + long_frame)
    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n\r\n")
        assert b'"op":"hello"' in await reader.readuntil(b'"op":"hello"')
    writer.close()


async def test_a_token_that_runs_out_is_announced_then_closed_with_4200(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    issuer = TokenIssuer(load_signing_key(platform.data_dir / "keys"), issuer=platform.url, lifetime_seconds=2)
    agent_id = decode_id(Prefix.AGENT, bot.agent_id)
    doomed = await crew.raw_socket(issuer.issue("agent", agent_id, uuid7(), scope="*").token)
    renewed = await crew.raw_socket(issuer.issue("agent", agent_id, uuid7(), scope="*").token)
    for socket in (doomed, renewed):
        assert (await socket.expect("token_expiring"))["in_s"] <= 2
    await renewed.send(op="auth", token=bot.token, ref=1)
    assert await renewed.expect("auth_ok", ref=1)
    assert (await doomed.expect("error"))["code"] == "token_expired"
    assert await doomed.closed() == 4200
    await renewed.send(op="ping", ref=2)
    assert await renewed.expect("pong", ref=2)


async def test_who_does_not_read_is_closed_as_slow_and_nobody_waits(crew: Crew) -> None:
    room = await crew.room()
    speaker, slow = await crew.socket(room.owner, node="gw-1"), await crew.socket(room.guests[0], node="gw-1")
    quick = await crew.socket(room.guests[0], node="gw-1")
    for socket in (slow, quick):
        await socket.subscribe(room.channel)
    slow.connection.transport.pause_reading()
    count = 0
    # The kernel's own buffers hold some megabytes before the platform has to hold anything.
    for _ in range(3_000):
        await speaker.send(op="message", channel=room.channel, content="x" * 8_000, ref=count)
        count += 1
        if count % 100 == 0:
            await speaker.expect("message_ack", ref=count - 1)
            assert (await quick.expect("message", seq=count))["seq"] == count
    slow.connection.transport.resume_reading()
    # On a busy machine it may not read for so long that it is cut off before it hears why.
    assert await slow.closed() in (4101, 1006)
    seqs = [each["seq"] for each in slow._kept if each["op"] == "message"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) < count
