"""RFC 6455 for one socket: bytes in, whole messages out.

The sans-I/O library does the protocol; what it leaves open is here.

It leaves open: that text is UTF-8 (section 8.1), how many pieces a message may come in, and putting them together.
"""

import logging
from http import HTTPStatus
from typing import Final

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol

from claw.wire.close import CloseCode
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES

_MAX_PIECES: Final = 256

# The library logs whole requests at debug level, and with them tokens in query strings: never for us.
_quiet = logging.getLogger("gateway.websocket")
_quiet.setLevel(logging.WARNING)


class TextMessage(msgspec.Struct, frozen=True):
    """A complete text message."""

    text: str


class BinaryMessage(msgspec.Struct, frozen=True):
    """A complete binary message; nobody wants its content."""


class Life(msgspec.Struct, frozen=True):
    """A frame that carries no message but shows that the peer is there."""


class TooLarge(msgspec.Struct, frozen=True):
    """The peer sent more than a message may hold; the closing frame is already queued."""


Inbound = Request | TextMessage | BinaryMessage | Life | TooLarge


class WebSocket:
    """The protocol state of one socket. Reading yields `Inbound`, `outgoing` what must be written."""

    __slots__ = ("_ends_with_head", "_failed", "_is_text", "_pieces", "_protocol", "_too_large_told", "_unsent")

    def __init__(self) -> None:
        self._protocol: Protocol = ServerProtocol(max_size=CLIENT_FRAME_MAX_BYTES, extensions=None, logger=_quiet)
        self._ends_with_head = False
        self._unsent = b""
        self._pieces: list[bytes] | None = None
        self._is_text = False
        self._failed = False
        self._too_large_told = False

    def feed(self, data: bytes) -> list[Inbound]:
        """Take bytes from the peer."""
        if self._protocol.reader.eof:
            return []
        self._protocol.receive_data(data)
        inbound: list[Inbound] = []
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._ends_with_head = data.endswith(b"\r\n\r\n")
                inbound.append(event)
            elif isinstance(event, Frame) and not self._failed:
                self._take(event, inbound)
        closing = self._protocol.close_sent
        # A peer may close with this code too, and is then answered in kind.
        ours = closing if self._protocol.close_rcvd is None else None
        if ours is not None and ours.code == CloseCode.TOO_LARGE and not self._too_large_told:
            self._too_large_told = True
            inbound.append(TooLarge())
        return inbound

    def feed_eof(self) -> None:
        """The peer will send nothing more."""
        self._protocol.receive_eof()

    def accept(self, request: Request, subprotocol: str | None = None) -> bool:
        """Answer the handshake; False where it was refused as malformed. `subprotocol` is one that the client named."""
        handshake = self._handshake
        response = handshake.accept(request)
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        handshake.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        if self._ends_with_head:
            # The library's handshake keeps the request for as long as it lives, 2 KB of headers and token a socket.
            self._unsent = b"".join(handshake.data_to_send())
            self._protocol = Protocol(Side.SERVER, max_size=CLIENT_FRAME_MAX_BYTES, logger=_quiet)
        return True

    def reject(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Refuse the handshake with an HTTP answer."""
        response = self._handshake.reject(HTTPStatus(status), text)
        for name, value in (headers or {}).items():
            response.headers[name] = value
        self._handshake.send_response(response)

    @property
    def _handshake(self) -> ServerProtocol:
        assert isinstance(self._protocol, ServerProtocol)  # noqa: S101 - until it is accepted
        return self._protocol

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        if not self.is_closing:
            self._protocol.send_ping(b"")

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; a reason longer than a control frame holds is cut."""
        if not self.is_closing:
            self._protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))

    @property
    def is_closing(self) -> bool:
        """Whether a closing frame was sent, or there never was a handshake to close."""
        return self._protocol.close_sent is not None or self._protocol.state.name != "OPEN"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will be read: the transport may be closed once all is written."""
        return self._protocol.eof_sent

    def outgoing(self) -> bytes:
        """What the library wants written: handshake, pongs, closing frames."""
        # An empty piece stands for the end of the stream, which `is_finished` tells.
        unsent, self._unsent = self._unsent, b""
        return unsent + b"".join(self._protocol.data_to_send())

    def _take(self, frame: Frame, inbound: list[Inbound]) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
            if frame.fin:
                self._finish(bytes(frame.data), inbound)
            else:
                self._pieces = [bytes(frame.data)]
                inbound.append(Life())
        elif frame.opcode is Opcode.CONT and self._pieces is not None:
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                whole, self._pieces = b"".join(self._pieces), None
                self._finish(whole, inbound)
            elif len(self._pieces) > _MAX_PIECES:
                self._fail(CloseCode.POLICY_VIOLATION, "a message in too many pieces")
            else:
                inbound.append(Life())
        else:
            inbound.append(Life())

    def _finish(self, data: bytes, inbound: list[Inbound]) -> None:
        if not self._is_text:
            inbound.append(BinaryMessage())
            return
        try:
            inbound.append(TextMessage(data.decode()))
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_PAYLOAD, "text that is not UTF-8")

    def _fail(self, code: CloseCode, reason: str) -> None:
        # Section 7.1.7: nothing that follows is processed, also where the library has parsed it already.
        self._failed = True
        self._protocol.fail(code, reason)
