"""RFC 6455 as our sockets speak it, rule by rule, in literal bytes."""

import pytest
from websockets.http11 import Request

from gateway.transport import BinaryMessage, Life, TextMessage, TooLarge, WebSocket
from tests.unit.gateway.peer import (
    ACCEPT,
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    assert_failed,
    client_frame,
    head,
    opened,
    texts,
)

LIMIT = 64 * 1024


def asked(data: bytes) -> tuple[WebSocket, Request]:
    socket = WebSocket()
    (request,) = socket.feed(data)
    assert isinstance(request, Request)
    return socket, request


def test_a_handshake_is_answered_with_the_digest_of_its_key() -> None:
    socket, request = asked(head())
    assert request.path == "/ws"
    assert socket.is_closing  # Nothing to close before the handshake.
    assert socket.accept(request)
    answer = socket.outgoing()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n" in answer
    assert not socket.is_closing


def test_the_beginning_of_a_frame_may_come_with_the_head() -> None:
    frame = client_frame(TEXT, b"x" * LIMIT)
    socket, request = asked(head() + frame[:9])
    assert socket.accept(request)
    assert texts(socket.feed(frame[9:])) == ["x" * LIMIT]


def test_no_extension_is_agreed_to() -> None:
    socket, request = asked(head(extra="Sec-WebSocket-Extensions: permessage-deflate"))
    assert socket.accept(request)
    assert b"extensions" not in socket.outgoing().lower()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head(key=None), b"400"),
        (head(key="c2hvcnQ="), b"400"),
        (head(version="8"), b"400"),
        (head().replace(b"Upgrade: websocket\r\n", b""), b"426"),
    ],
)
def test_a_malformed_handshake_is_refused(data: bytes, status: bytes) -> None:
    socket, request = asked(data)
    assert not socket.accept(request)
    assert socket.outgoing().startswith(b"HTTP/1.1 " + status + b" ")
    assert socket.is_finished


def test_a_handshake_can_be_refused_with_an_answer_of_ours() -> None:
    socket, _ = asked(head())
    socket.reject(503, "Come back later.\n", {"Retry-After": "7"})
    answer = socket.outgoing()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 7\r\n" in answer
    assert answer.endswith(b"\r\n\r\nCome back later.\n")
    assert socket.is_finished
    assert socket.feed(client_frame(TEXT, b"hello")) == []


def test_the_masked_text_of_the_rfc_is_read() -> None:
    # Section 5.7: a single-frame masked text message.
    assert opened().feed(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == [TextMessage("Hello")]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, LIMIT])
def test_text_of_every_length_of_header_is_read(size: int) -> None:
    assert texts(opened().feed(client_frame(TEXT, b"x" * size))) == ["x" * size]


def test_several_frames_in_one_read_come_in_order() -> None:
    data = client_frame(TEXT, b"one") + client_frame(PING) + client_frame(TEXT, "zwölf".encode())
    assert opened().feed(data) == [TextMessage("one"), Life(), TextMessage("zwölf")]


@pytest.mark.parametrize("bad", [b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_that_is_not_utf_8_closes_with_1007(bad: bytes) -> None:
    socket = opened()
    assert texts(socket.feed(client_frame(TEXT, bad))) == []
    assert_failed(socket, 1007)


def test_nothing_behind_a_fault_is_read_even_if_it_came_in_the_same_piece() -> None:
    socket = opened()
    data = client_frame(TEXT, b"one") + client_frame(TEXT, b"\xff") + client_frame(TEXT, b"two")
    assert texts(socket.feed(data)) == ["one"]
    assert_failed(socket, 1007)


def test_a_character_may_be_cut_between_fragments() -> None:
    socket = opened()
    assert socket.feed(client_frame(TEXT, b"\xc3", fin=False)) == [Life()]
    assert socket.feed(client_frame(CONT, b"\xa9")) == [TextMessage("é")]


@pytest.mark.parametrize(
    "data",
    [
        client_frame(TEXT, b"hello", masked=False),
        client_frame(PING, masked=False),
        client_frame(TEXT, b"x", rsv=4),
        client_frame(TEXT, b"x", rsv=1),
        client_frame(0x3, b"x"),
        client_frame(0xB),
        client_frame(CONT, b"x"),
        client_frame(TEXT, b"x", fin=False) + client_frame(TEXT, b"y"),
        client_frame(PING, b"x" * 126),
        client_frame(PING, fin=False),
        client_frame(CLOSE, b"\x03"),
        client_frame(CLOSE, (1005).to_bytes(2)),
    ],
)
def test_what_the_rfc_forbids_closes_with_1002(data: bytes) -> None:
    socket = opened()
    assert texts(socket.feed(data)) == []
    assert_failed(socket, 1002)


def test_fragments_are_put_together_around_control_frames() -> None:
    socket = opened()
    assert socket.feed(client_frame(TEXT, b"Hel", fin=False)) == [Life()]
    assert socket.feed(client_frame(PING, b"p")) == [Life()]
    assert socket.feed(client_frame(CONT, b"l", fin=False)) == [Life()]
    assert socket.feed(client_frame(PONG)) == [Life()]
    assert socket.feed(client_frame(CONT, b"o")) == [TextMessage("Hello")]
    assert socket.feed(client_frame(TEXT, b"again")) == [TextMessage("again")]
    assert socket.outgoing() == b"\x8a\x01p"


def pieces(count: int) -> bytes:
    middle = client_frame(CONT, fin=False) * (count - 2)
    return client_frame(TEXT, b"a", fin=False) + middle + client_frame(CONT, b"z")


def test_a_message_may_come_in_many_pieces_but_not_in_too_many() -> None:
    assert texts(opened().feed(pieces(257))) == ["az"]
    socket = opened()
    assert texts(socket.feed(pieces(258))) == []
    assert_failed(socket, 1008)


def test_the_pieces_of_every_message_are_counted_anew() -> None:
    socket = opened()
    assert texts(socket.feed(pieces(200) + pieces(200))) == ["az", "az"]


@pytest.mark.parametrize(
    "data",
    [
        client_frame(TEXT, b"x" * (LIMIT + 1)),
        # The header is enough: nobody waits for the rest.
        client_frame(TEXT, b"x" * (LIMIT + 1))[:14],
        client_frame(TEXT, b"x" * LIMIT, fin=False) + client_frame(CONT, b"x"),
        client_frame(BINARY, b"x" * LIMIT, fin=False) + client_frame(CONT, b"x", fin=False),
    ],
)
def test_more_than_64_kib_is_told_once_and_closes_with_1009(data: bytes) -> None:
    socket = opened()
    inbound = socket.feed(client_frame(TEXT, b"one") + data)
    assert texts(inbound) == ["one"]
    assert inbound[-1] == TooLarge()
    assert inbound.count(TooLarge()) == 1
    assert_failed(socket, 1009)
    assert socket.feed(data) == []


def test_a_client_that_closes_with_1009_was_not_too_large_itself() -> None:
    socket = opened()
    assert socket.feed(client_frame(CLOSE, (1009).to_bytes(2))) == [Life()]
    assert_failed(socket, 1009)


@pytest.mark.parametrize("payload", [b"", b"hello", b"x" * 125])
def test_a_ping_is_answered_with_its_payload(payload: bytes) -> None:
    socket = opened()
    assert socket.feed(client_frame(PING, payload)) == [Life()]
    assert socket.outgoing() == bytes([0x8A, len(payload)]) + payload


def test_a_pong_is_a_sign_of_life_and_no_more() -> None:
    socket = opened()
    socket.ping()
    assert socket.outgoing() == b"\x89\x00"
    assert socket.feed(client_frame(PONG)) == [Life()]
    assert socket.outgoing() == b""


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2), (4321).to_bytes(2) + "zwölf".encode()])
def test_a_close_is_echoed_and_ends_the_reading(payload: bytes) -> None:
    socket = opened()
    assert socket.feed(client_frame(CLOSE, payload) + client_frame(TEXT, b"late")) == [Life()]
    assert socket.outgoing() == bytes([0x88, len(payload)]) + payload
    assert socket.is_finished


def test_binary_messages_are_seen_but_not_kept() -> None:
    socket = opened()
    data = client_frame(BINARY, b"\xff") + client_frame(BINARY, b"a", fin=False) + client_frame(CONT, b"b")
    assert socket.feed(data) == [BinaryMessage(), Life(), BinaryMessage()]


def test_a_close_of_ours_waits_for_its_echo() -> None:
    socket = opened()
    socket.close(4100, "bye")
    assert socket.outgoing() == b"\x88\x05\x10\x04bye"
    assert socket.is_closing
    assert not socket.is_finished
    socket.close(4001, "again")
    socket.ping()
    assert socket.outgoing() == b""
    socket.feed(client_frame(CLOSE, b"\x10\x04"))
    assert socket.is_finished


@pytest.mark.parametrize(
    ("reason", "sent"),
    [("x" * 200, b"x" * 120), ("ö" * 100, "ö".encode() * 60), ("a" + "ö" * 100, b"a" + "ö".encode() * 59)],
)
def test_a_long_reason_is_cut_to_fit_a_control_frame_between_characters(reason: str, sent: bytes) -> None:
    socket = opened()
    socket.close(4100, reason)
    assert socket.outgoing() == bytes([0x88, 2 + len(sent)]) + b"\x10\x04" + sent


def test_the_end_of_the_stream_ends_everything() -> None:
    socket = opened()
    socket.feed(client_frame(TEXT, b"half")[:5])
    socket.feed_eof()
    socket.feed_eof()
    assert socket.is_finished
    assert socket.outgoing() == b""
    assert socket.feed(b"more") == []
