"""Bytes of any kind, cut anywhere: the transport never raises, and cutting changes nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.http11 import Request

from gateway.transport import Inbound, TextMessage, WebSocket
from tests.unit.gateway.peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, client_frame, head, opened

ODD_FRAMES = st.builds(
    client_frame,
    st.integers(0, 15),
    st.binary(max_size=200),
    fin=st.booleans(),
    masked=st.sampled_from([True, True, True, False]),
    rsv=st.sampled_from([0, 0, 0, 1, 4]),
)
TEXTS = st.text(max_size=40).map(str.encode)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """One message by the rules, perhaps in fragments with control frames between them."""
    opcode = draw(st.sampled_from([TEXT, TEXT, BINARY]))
    payload = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    data = b""
    for number, piece in enumerate(pieces):
        data += client_frame(opcode if number == 0 else CONT, piece, fin=number == len(pieces) - 1)
        if number < len(pieces) - 1 and draw(st.booleans()):
            data += client_frame(draw(st.sampled_from([PING, PONG])), draw(st.binary(max_size=9)))
    return data


BY_THE_RULES = st.lists(messages() | st.builds(client_frame, st.just(PING), st.binary(max_size=125)), max_size=8)
ENDINGS = st.sampled_from(
    [
        b"",
        client_frame(CLOSE, b"\x03\xe8"),
        client_frame(CLOSE, b"\x03\xf1"),
        client_frame(TEXT, b"\xff"),
        client_frame(TEXT, b"x", masked=False),
        client_frame(0x7),
        client_frame(TEXT, b"x" * 65_537),
    ]
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted(min(cut, len(data)) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def fed(pieces: list[bytes]) -> tuple[list[Inbound], bytes, bool]:
    socket = opened()
    inbound: list[Inbound] = []
    written = b""
    for piece in pieces:
        inbound += socket.feed(piece)
        written += socket.outgoing()
    return inbound, written, socket.is_finished


@given(st.lists(st.binary(max_size=400) | ODD_FRAMES, max_size=12))
@settings(max_examples=500, deadline=None)
def test_no_bytes_behind_a_handshake_make_the_transport_raise(pieces: list[bytes]) -> None:
    socket = opened()
    for piece in pieces:
        for inbound in socket.feed(piece):
            if isinstance(inbound, TextMessage):
                inbound.text.encode()
        socket.outgoing()
    socket.close(4100, "bye")
    socket.outgoing()
    socket.feed_eof()
    assert socket.is_finished


@given(st.lists(st.binary(max_size=100) | st.sampled_from([head(), head(key=None), b"GET / HTTP/1.1\r\n\r\n"])))
@settings(max_examples=200, deadline=None)
def test_no_bytes_in_place_of_a_handshake_make_the_transport_raise(pieces: list[bytes]) -> None:
    socket = WebSocket()
    for piece in pieces:
        for inbound in socket.feed(piece):
            if isinstance(inbound, Request):
                socket.accept(inbound)
        socket.outgoing()
    socket.feed_eof()
    assert socket.is_finished


@given(BY_THE_RULES, ENDINGS, st.lists(st.integers(0, 2_000), max_size=20))
@settings(max_examples=300, deadline=None)
def test_where_the_bytes_are_cut_makes_no_difference(frames: list[bytes], ending: bytes, cuts: list[int]) -> None:
    data = b"".join(frames) + ending
    assert fed(pieces_of(data, cuts)) == fed([data])


@given(BY_THE_RULES, st.lists(ODD_FRAMES, max_size=4))
@settings(max_examples=300, deadline=None)
def test_byte_by_byte_the_same_messages_arrive(frames: list[bytes], odd: list[bytes]) -> None:
    data = b"".join(frames + odd)
    whole, _, ended = fed([data])
    slowly, _, ended_slowly = fed([bytes([byte]) for byte in data])
    assert [each for each in whole if isinstance(each, TextMessage)] == [
        each for each in slowly if isinstance(each, TextMessage)
    ]
    assert ended == ended_slowly
