"""A WebSocket client made of literal bytes, for tests of the transport."""

from websockets.http11 import Request

from gateway.transport import Inbound, TextMessage, WebSocket

# The example of RFC 6455 section 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def head(*, method: str = "GET", key: str | None = KEY, version: str = "13", extra: str = "") -> bytes:
    """The head of a handshake."""
    lines = [f"{method} /ws HTTP/1.1", "Host: molt.example", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}"] if key is not None else []
    return "\r\n".join([*lines, f"Sec-WebSocket-Version: {version}", *([extra] if extra else []), "", ""]).encode()


def client_frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame as a client sends it (section 5.2)."""
    length = len(payload)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masked else 0
    if length < 126:
        header = bytes([first, bit | length])
    elif length < 65_536:
        header = bytes([first, bit | 126]) + length.to_bytes(2)
    else:
        header = bytes([first, bit | 127]) + length.to_bytes(8)
    if not masked:
        return header + payload
    return header + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))


def opened() -> WebSocket:
    """A socket after its handshake, everything so far written."""
    socket = WebSocket()
    (request,) = socket.feed(head())
    assert isinstance(request, Request)
    assert socket.accept(request)
    socket.outgoing()
    return socket


def texts(inbound: list[Inbound]) -> list[str]:
    """The complete text messages."""
    return [each.text for each in inbound if isinstance(each, TextMessage)]


def assert_failed(socket: WebSocket, code: int) -> bytes:
    """The socket said goodbye with `code` and reads no more; gives what it wrote before that."""
    written = socket.outgoing()
    assert socket.is_closing
    assert socket.is_finished
    # A closing frame of ours is short: two bytes of header, two of code, the reason.
    start = written.rindex(b"\x88")
    assert len(written) == start + 2 + written[start + 1]
    assert int.from_bytes(written[start + 2 : start + 4]) == code
    assert texts(socket.feed(client_frame(TEXT, b"more"))) == []
    assert socket.outgoing() == b""
    return written[:start]
