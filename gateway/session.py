"""One authenticated life on a connection, as a state machine without I/O.

Commands and the time go in, effects come out; the connection carries them out. No await, no clock, no socket: every
rule of the contract about order, faults and deadlines can be tested by calling functions.

    NEW ──auth──▶ AUTHENTICATING ──admitted──▶ OPEN ──▶ LEAVING ──▶ CLOSED
      └──────────── refused, deadline ──────────┴──────────────────────▲

LEAVING: the client was told to come back elsewhere. Nothing more is taken in, and what was is finished.

Times are unix seconds.
"""

from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final, Literal
from uuid import UUID

import msgspec

from claw.wire import commands, frames
from claw.wire.close import CloseCode
from claw.wire.commands import Ref
from claw.wire.ids import Prefix, encode_id
from claw.wire.problems import ErrorCode
from core.clock import rfc3339
from core.errors import MoltError
from core.instructions import PLATFORM_INSTRUCTIONS
from core.tokens import Claims
from gateway.effects import Authenticate, Close, Effect, PingPeer, Run, Send
from gateway.intake import Unreadable, read_command
from gateway.wire import error_frame, or_unset

AUTH_DEADLINE_S: Final = 10.0
# Once a session opens its own deadlines begin, which may be nearer than the one for logging in.
_ASK_BEFORE_OPEN_S: Final = 1.0
_TOKEN_WARNING_S: Final = 60.0
_MAX_FAULTS: Final = 20
_FAULT_WINDOW_S: Final = 60.0
_RECONNECT_SPREAD_MS: Final = 5_000
_LEAVING_S: Final = 5.0


class State(Enum):
    """Where a session is in its life; a wrong order of commands is refused by looking here."""

    NEW = auto()
    AUTHENTICATING = auto()
    OPEN = auto()
    LEAVING = auto()
    CLOSED = auto()


# No more is taken in.
_OVER: Final = (State.LEAVING, State.CLOSED)


class Opening(msgspec.Struct, frozen=True):
    """What a session is opened with. `username` and `inbox` are None for observers; `limits` go into `hello`."""

    node: str
    session_id: UUID
    epoch: str
    username: str | None
    inbox: frames.InboxState | None
    limits: dict[str, int] = {}


class Session:
    """The state of one session. `heartbeat_s` and `session_s` are settings."""

    __slots__ = (
        "_farewell",
        "_faults",
        "_faults_since",
        "_heard_at",
        "_heartbeat_s",
        "_pinged",
        "_session_ends",
        "_session_s",
        "_token_warned",
        "_waits_since",
        "claims",
        "state",
    )

    def __init__(self, now: float, *, heartbeat_s: float, session_s: float) -> None:
        self.state = State.NEW
        self.claims: Claims | None = None
        self._farewell: Close | None = None
        self._heartbeat_s = heartbeat_s
        self._session_s = session_s
        self._session_ends = 0.0
        self._waits_since = now
        self._heard_at = now
        self._pinged = False
        self._token_warned = False
        self._faults = 0
        self._faults_since = now

    def heard(self, now: float) -> None:
        """Any inbound frame counts as life."""
        self._heard_at = now
        self._pinged = False

    def receive(self, text: str, now: float) -> list[Effect]:
        """Take one text frame."""
        if self.state in _OVER:
            return []
        command = read_command(text)
        if isinstance(command, Unreadable):
            return self._unreadable(command, now)
        match self.state, command:
            case State.NEW, commands.Auth(token=token, ref=ref):
                self.state = State.AUTHENTICATING
                self._waits_since = now
                return [Authenticate(token, ref)]
            case State.NEW, _:
                self.state = State.CLOSED
                text = 'Log in first: send {"op":"auth","token":…} before anything else.'
                return [
                    Send(error_frame(ErrorCode.UNAUTHORIZED, text, ref=command.ref)),
                    Close(CloseCode.UNAUTHORIZED, "log in first"),
                ]
            case _, commands.Auth(token=token, ref=ref):
                return [Authenticate(token, ref)]
            case _, commands.Ping(ref=ref):
                return [Send(frames.Pong(ref=or_unset(ref)))]
        # While the token is being checked, commands wait behind it in the connection's queue.
        return [Run(command)]

    def receive_binary(self, now: float) -> list[Effect]:
        """Take a binary frame: a fault."""
        if self.state in _OVER:
            return []
        return self._fault(ErrorCode.INVALID, "Send text frames with one JSON object each, not binary ones.", now)

    def begin_with_token(self, token: str) -> list[Effect]:
        """A token came with the handshake."""
        self.state = State.AUTHENTICATING
        return [Authenticate(token, None)]

    def admit(self, claims: Claims, opening: Opening, now: float) -> list[Effect]:
        """The token is good: the session is open, unless it was closed meanwhile."""
        if self.state is not State.AUTHENTICATING:
            return []
        self.claims = claims
        self.state = State.OPEN
        self._session_ends = now + self._session_s
        hello = frames.Hello(
            node=opening.node,
            session=encode_id(Prefix.SESSION, opening.session_id),
            kind=claims.kind,
            agent=opening.username,
            heartbeat_ms=int(self._heartbeat_s * 1000),
            epoch=opening.epoch,
            inbox=opening.inbox,
            token_expires_at=_time(claims.expires_at),
            session_expires_at=_time(self._session_ends),
            limits=opening.limits,
        )
        return [Send(hello), Send(frames.Context(platform=PLATFORM_INSTRUCTIONS))]

    def renew(self, claims: Claims, ref: Ref | None) -> list[Effect]:
        """A fresh token came over the open socket."""
        if self.state is State.CLOSED:
            return []
        assert self.claims is not None  # noqa: S101 - the state is OPEN
        # Guests have no identity to keep: any guest's token renews a guest's session.
        same = claims.kind == self.claims.kind and (claims.kind == "observer" or claims.subject == self.claims.subject)
        if not same:
            text = "This token belongs to somebody else. Open another socket for it."
            return [Send(error_frame(ErrorCode.FORBIDDEN, text, ref=ref))]
        self.claims = claims
        self._token_warned = False
        return [Send(frames.AuthOk(token_expires_at=_time(claims.expires_at), ref=or_unset(ref)))]

    def refuse(self, error: MoltError, ref: Ref | None) -> list[Effect]:
        """The token is not good. An open session survives a bad renewal as long as its own token lasts."""
        if self.state is State.CLOSED:
            return []
        answer = Send(error_frame(error.code, error.detail, ref=ref, retry_after=error.retry_after))
        if self.claims is not None:
            return [answer]
        self.state = State.CLOSED
        match error.code:
            case ErrorCode.TOKEN_EXPIRED:
                code = CloseCode.TOKEN_EXPIRED
            case ErrorCode.SUSPENDED:
                code = CloseCode.SUSPENDED
            case ErrorCode.UNAVAILABLE:
                code = CloseCode.RESTART
            case ErrorCode.RATE_LIMITED:
                code = CloseCode.RATE_LIMITED
            case _:
                code = CloseCode.UNAUTHORIZED
        return [answer, Close(code, error.code)]

    def end(self, code: CloseCode, text: str, *, error: ErrorCode | None = None) -> list[Effect]:
        """Close for a reason from outside, telling it in a frame first where `error` is given."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        effects: list[Effect] = [] if error is None else [Send(error_frame(error, text))]
        return [*effects, Close(code, text)]

    def drain(self, after_ms: int, now: float) -> list[Effect]:
        """This process is stopping: tell the client to come back after so long. `finish` closes."""
        return self._send_away("drain", after_ms, Close(CloseCode.RESTART, "this node is stopping; connect anew"), now)

    def finish(self) -> list[Effect]:
        """What a client that was sent away had sent before is done: close."""
        if self.state is not State.LEAVING or self._farewell is None:
            return []
        self.state = State.CLOSED
        return [self._farewell]

    def tick(self, now: float, jitter: float) -> tuple[list[Effect], float]:
        """What is due at `now`, and when to ask again. `jitter` is from 0 to 1, to spread reconnects."""
        if self.state is State.CLOSED:
            return [], now + self._heartbeat_s
        if self.state is State.LEAVING:
            until = self._waits_since + _LEAVING_S
            return (self.finish(), now) if now >= until else ([], until)
        if self.state is not State.OPEN or self.claims is None:
            deadline = self._waits_since + AUTH_DEADLINE_S
            if now < deadline:
                return [], min(deadline, now + _ASK_BEFORE_OPEN_S)
            if self.state is State.AUTHENTICATING:
                # The token came, and it is us who are late: the client has nothing to mend.
                return self.end(CloseCode.RESTART, "logging in took too long", error=ErrorCode.UNAVAILABLE), now
            return self.end(CloseCode.UNAUTHORIZED, "no token came in time", error=ErrorCode.UNAUTHORIZED), now
        if now >= self._session_ends:
            farewell = Close(CloseCode.SESSION_LIMIT, "the longest session is over; connect anew")
            return self._send_away("session_limit", int(jitter * _RECONNECT_SPREAD_MS), farewell, now), now + _LEAVING_S
        if now >= self.claims.expires_at:
            text = "the token has expired; connect with a fresh one"
            return self.end(CloseCode.TOKEN_EXPIRED, text, error=ErrorCode.TOKEN_EXPIRED), now
        if now >= self._heard_at + 2 * self._heartbeat_s:
            return self.end(CloseCode.NO_HEARTBEAT, "nothing was heard from you"), now
        return self._tick_open(now, self.claims)

    def _tick_open(self, now: float, claims: Claims) -> tuple[list[Effect], float]:
        effects: list[Effect] = []
        warning_at = claims.expires_at - _TOKEN_WARNING_S
        if now >= warning_at and not self._token_warned:
            self._token_warned = True
            effects.append(Send(frames.TokenExpiring(in_s=max(0, int(claims.expires_at - now)))))
        if now >= self._heard_at + self._heartbeat_s and not self._pinged:
            self._pinged = True
            effects.append(PingPeer())
        silence_at = self._heard_at + self._heartbeat_s * (2 if self._pinged else 1)
        due = [self._session_ends, claims.expires_at, silence_at]
        if not self._token_warned:
            due.append(warning_at)
        return effects, min(due)

    def _send_away(
        self, reason: Literal["drain", "session_limit"], after_ms: int, farewell: Close, now: float
    ) -> list[Effect]:
        if self.state in _OVER:
            return []
        told = Send(frames.Reconnect(reason=reason, after_ms=after_ms))
        if self.state is not State.OPEN:
            self.state = State.CLOSED
            return [told, farewell]
        self.state = State.LEAVING
        self._farewell = farewell
        self._waits_since = now
        return [told]

    def _unreadable(self, found: Unreadable, now: float) -> list[Effect]:
        if found.fault:
            return self._fault(found.code, found.text, now, ref=found.ref)
        return [Send(error_frame(found.code, found.text, ref=found.ref, channel=found.channel, nonce=found.nonce))]

    def _fault(self, code: ErrorCode, text: str, now: float, *, ref: Ref | None = None) -> list[Effect]:
        if now - self._faults_since > _FAULT_WINDOW_S:
            self._faults_since = now
            self._faults = 0
        self._faults += 1
        effects: list[Effect] = [Send(error_frame(code, text, ref=ref))]
        if self._faults >= _MAX_FAULTS:
            self.state = State.CLOSED
            effects.append(Close(CloseCode.PROTOCOL_VIOLATION, "too many faults"))
        return effects


def _time(unix: float) -> str:
    return rfc3339(datetime.fromtimestamp(unix, UTC))
