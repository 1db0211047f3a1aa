"""The handshake of a Pico client: answered only when all was checked, so that a refusal is an HTTP status.

On the socket itself a `pico_client` understands messages alone, and dials anew at once where it was let in before.
"""

import time
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request

from claw.wire import frames
from claw.wire.close import CloseCode
from claw.wire.ids import InvalidIdError, Prefix, decode_id
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES
from claw.wire.problems import ErrorCode
from gateway.connection import Connection, token_of
from gateway.doors.pico.outbound import INBOX
from gateway.node import Node

_SUBPROTOCOL: Final = "token."
_LATER_S: Final = 5.0
_STATUS: Final = {
    ErrorCode.INVALID: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.SUSPENDED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
}
_NO_TOKEN: Final = "Send your token with the handshake: Authorization: Bearer <token>."  # noqa: S105 - a text
_NO_CHANNEL: Final = "The session_id of the address is no channel's id (ch_…). Leave it out to listen to your inbox."


class Entrance(Connection):
    """A connection until it is let in. `home` is what the client's address tells it to listen to."""

    __slots__ = ("_early", "_request", "_subprotocol", "home")

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.home = INBOX
        # What waits for the answer: the handshake, and what the client sent behind it.
        self._request: Request | None = None
        self._early = b""
        self._subprotocol: str | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the client; those that do not wait for the answer to its handshake are kept until then."""
        if self._request is None:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > CLIENT_FRAME_MAX_BYTES:
            self.cut()

    @property
    def is_held(self) -> bool:
        """Whether the handshake was not answered yet."""
        return self._request is not None

    def let_in(self) -> None:
        """Complete the handshake; once done, this does nothing."""
        request, self._request = self._request, None
        if request is None or self._socket.is_finished:
            return
        self._socket.accept(request, self._subprotocol)
        self._write_protocol()
        early, self._early = self._early, b""
        if early:
            self.data_received(early)

    def turn_away(self, error: frames.ErrorFrame) -> None:
        """Refuse the handshake for what keeps it from being completed."""
        wait_s = error.retry_after if isinstance(error.retry_after, float | int) else None
        self._refuse(_STATUS.get(error.code, 500), error.message, wait_s)

    def _shake_hands(self, request: Request) -> None:
        if not self._is_let_in(request):
            return
        self._request = request
        query = urlsplit(request.path).query
        token = token_of(request, query) or self._token_of_subprotocol(request)
        self.home = parse_qs(query).get("session_id", [INBOX])[0]
        if token is None:
            self._refuse(401, _NO_TOKEN)
        elif self.home != INBOX and not _is_channel(self.home):
            self._refuse(404, _NO_CHANNEL)
        else:
            self._node.wheel.plan(self, time.time())
            self.apply(self.session.begin_with_token(token))

    def _token_of_subprotocol(self, request: Request) -> str | None:
        for each in ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(","):
            name = each.strip()
            if name.startswith(_SUBPROTOCOL):
                self._subprotocol = name
                return name.removeprefix(_SUBPROTOCOL)
        return None

    def _refuse(self, status: int, text: str, wait_s: float | None = None) -> None:
        self._request = None
        if self._socket.is_finished:
            return
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        if wait_s is not None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            headers["Retry-After"] = str(max(1, round(wait_s or _LATER_S)))
        self._socket.reject(status, f"{text}\n", headers)
        self._write_protocol()

    def _close(self, code: CloseCode, reason: str) -> None:
        if self._request is not None:
            self._refuse(503, f"{reason}.")
        super()._close(code, reason)


def _is_channel(text: str) -> bool:
    try:
        decode_id(Prefix.CHANNEL, text)
    except InvalidIdError:
        return False
    return True
