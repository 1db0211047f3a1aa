"""uvicorn's HTTP protocol with what it lacks: limits for request heads, and a clean hand-over of sockets.

Seen with uvicorn 0.54: a silent connection stays open for ever, a head of any size is read, and bytes that arrive
behind an upgrade request are lost.
"""

import asyncio
from functools import partial
from typing import Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_HEAD_MAX_BYTES: Final = 32 * 1024
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_HEAD_DEADLINE_S: Final = 15.0
# So long the client may go on sending what nobody reads: closed at once, it would be reset before it reads the answer.
_LINGER_S: Final = 3.0


class _HeadRefusedError(Exception):
    """Ends the parser's work on a head that was answered already."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._in_head = True
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    # uvicorn narrows the parameter in the same way, and is ignored there too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: its head must come in time."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests, or the first ones behind an upgrade."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._head_is_there()
            if self._should_upgrade():
                self._hand_over(data[upgrade.args[0] :])
            else:
                self.send_400_response("This server does not speak that protocol.")
        except httptools.HttpParserError:
            self._head_is_there()
            if not self._refused:
                self.send_400_response("Invalid HTTP request received.")
        else:
            if self._in_head and self._head_bytes > _HEAD_MAX_BYTES:
                self._head_is_there()
                self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_is_there()
        # One that came in a single piece was not counted while it came.
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > _HEAD_MAX_BYTES:
            self._refuse(_TOO_LARGE)
            raise _HeadRefusedError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there; the next head may follow."""
        super().on_message_complete()
        # Bytes of the next, pipelined head count from here.
        self._in_head = True
        self._head_bytes = 0

    def _hand_over(self, behind_head: bytes) -> None:
        # Who takes over depends on where the client dialled, which uvicorn would not say.
        path = self.url.partition(b"?")[0].decode("latin-1")
        self.ws_protocol_class = cast("Any", partial(cast("Any", self.ws_protocol_class), path=path))
        self.handle_websocket_upgrade()
        # Parser and protocol hold each other: without this, each socket would keep both until the next full collection.
        # Its types know no end of the parser; `connection_lost` of uvicorn itself sets the same None.
        self.parser = None  # type: ignore[assignment]
        self.scope = None  # type: ignore[assignment]
        if behind_head and not self.transport.is_closing():
            cast("asyncio.Protocol", self.transport.get_protocol()).data_received(behind_head)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(_HEAD_DEADLINE_S, self._refuse, b"408 Request Timeout")

    def _head_is_there(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self._refused = True
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.write_eof()
            self.loop.call_later(_LINGER_S, self.transport.abort)
