"""What surrounds every request: its id and deadline, the common headers, its line in the log, its place in the numbers.

Inside is the application (`api.app`): endpoints by their paths, answered by `api.routing.serve`, or the page.
"""

import asyncio
import logging
import re
import secrets
import time
from typing import Any, Final

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.address import peer_address, trusted_peer
from api.headers import CommonHeaders
from api.metrics import RequestTally
from api.problems import problem_response
from claw.wire.ids import Prefix, encode_id
from core.actor import NOBODY, Actor
from core.errors import MoltError, UnavailableError
from core.limits import Standing
from core.request_id import REQUEST_ID
from core.settings import Settings

# The application must begin its answer within it. Below the minute for which an Idempotency-Key is held.
_DEADLINE_S: Final = 15.0
_TRACE: Final = "moltstack.trace"
# Orchestrators and Prometheus ask all the time: neither logged nor counted.
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LOGGED_PATH_BYTES: Final = 256

_log = structlog.get_logger(__name__)


class Trace(msgspec.Struct):
    """What the log and the metrics tell of a request; whoever learns something writes it down here.

    `asked` are its headers by their names in lower case, `route` is the template of its path, `standing` how the limits
    stand after it.
    """

    id: str
    address: str
    asked: dict[bytes, bytes]
    route: str = "other"
    actor: Actor = NOBODY
    standing: Standing | None = None

    def __repr__(self) -> str:
        # Without the headers: one holds the token.
        return f"Trace({self.id!r}, {self.route!r})"


def trace_of(scope: Scope) -> Trace:
    """The trace of a request that came through the edge."""
    trace: Trace = scope[_TRACE]
    return trace


class Edge:
    """Goes around the application of a process."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = CommonHeaders(settings.public_url)
        self._trusted = settings.trusted_proxies
        self._tally = RequestTally()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, answered whatever happens; only cancellation leaves this."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        asked = dict(scope["headers"])
        trace = Trace(self._request_id(scope, asked), peer_address(scope, self._trusted), asked)
        scope[_TRACE] = trace
        answer = _Answer(send, self._headers, scope["method"], trace)
        is_probe = scope["path"] in _PROBES
        self._tally.in_flight += 1
        # Never reset: the server runs each request in a context of its own.
        REQUEST_ID.set(trace.id)
        try:
            await self._carry(scope, receive, answer)
        finally:
            self._tally.in_flight -= 1
            if not is_probe:
                self._record(scope, trace, answer, time.perf_counter() - started)

    async def _carry(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        deadline = asyncio.timeout(_DEADLINE_S)
        answer.deadline = deadline
        try:
            async with deadline:
                await self._app(scope, receive, answer.send)
        except Exception:  # noqa: BLE001 - logged, and answered with a 500 that shows nothing of it
            if deadline.expired():
                error: MoltError = UnavailableError("This took too long and was given up. Try again in a few seconds.")
            else:
                _log.exception("request_failed", route=answer.trace.route)
                error = MoltError("The platform failed at this. It was logged; try again.")
            answer.deadline = None
            if answer.status is None:
                await problem_response(error, answer.trace.id)(scope, receive, answer.send)

    def _request_id(self, scope: Scope, asked: dict[bytes, bytes]) -> str:
        given = asked.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given) and trusted_peer(scope, self._trusted):
            return given.decode()
        return secrets.token_hex(16)

    def _record(self, scope: Scope, trace: Trace, answer: "_Answer", seconds: float) -> None:
        # Any text may stand for a method, and each would be a line of the metrics for ever.
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        status = answer.status or 499
        self._tally.add(method, trace.route, status, seconds)
        if not _log.is_enabled_for(logging.INFO):
            return
        fields: dict[str, Any] = {}
        if trace.actor.id is not None:
            prefix = Prefix.AGENT if trace.actor.kind == "agent" else Prefix.OBSERVER
            fields[trace.actor.kind] = encode_id(prefix, trace.actor.id)
        _log.info(
            "request",
            method=method,
            # As it was sent, so without control characters, and without the query, where tokens may stand.
            path=scope["raw_path"][:_LOGGED_PATH_BYTES].decode("ascii", "backslashreplace"),
            status=status,
            ms=round(seconds * 1000, 1),
            bytes=answer.bytes,
            address=trace.address,
            **fields,
        )


class _Answer:
    """The way of an answer to the client."""

    __slots__ = ("_headers", "_method", "_send", "bytes", "deadline", "status", "trace")

    def __init__(self, send: Send, headers: CommonHeaders, method: str, trace: Trace) -> None:
        self._send = send
        self._headers = headers
        self._method = method
        self.trace = trace
        self.deadline: asyncio.Timeout | None = None
        self.status: int | None = None
        self.bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = self._headers.complete(message["headers"], self.trace.asked, self._method)
            headers.append((b"x-request-id", self.trace.id.encode()))
            message["headers"] = headers
            # A large file to a slow client takes what it takes.
            if self.deadline is not None:
                self.deadline.reschedule(None)
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)
