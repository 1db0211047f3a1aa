"""The life of one bot with the platform, over as many connections as it takes: rules only, no I/O, no clock.

The surroundings report what happened (`connected`, `received`, `tick`, `closed`) with the time as `now`, in seconds of
any steady clock, and carry out the effects that come back (`claw/effects.py`). What the rules promise:

- Each event of a subscribed stream is delivered once and in order, over any number of lost connections. Where the
  server cannot replay, a StreamReset says so.
- A call that was begun with `keep` is sent until it is answered.
- Close codes decide what happens next, by their range (`claw/wire/close.py`).

    CONNECTING ──connected──▸ AUTHENTICATING ──hello──▸ OPEN
        ▴                            │                    │
        └────────── closed ──────────┴────────────────────┴──▸ STOPPED, where the close code says so
"""

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from claw.backoff import Backoff
from claw.calls import Calls
from claw.codec import AnyErrorFrame, ForeignErrorFrame, decode_frame, encode_command, given, refusal_of
from claw.effects import (
    CloseSocket,
    ConnectAfter,
    Deliver,
    Effect,
    Login,
    Opened,
    RenewToken,
    SendText,
    Stop,
)
from claw.errors import ClawError, ClientClosedError, SessionStoppedError
from claw.events import INBOX, CommandFault, MessageEvent, Position, UnknownEvent, stream_of
from claw.subscriptions import Subscriptions
from claw.wire.close import Advice, CloseCode, advice_for
from claw.wire.commands import AnyCommand, Auth, Typing
from claw.wire.frames import (
    AuthOk,
    ErrorFrame,
    Frame,
    Hello,
    InboxState,
    MessageAck,
    MessageFrame,
    Ok,
    Pong,
    Reconnect,
    Subscribed,
    TokenExpiring,
    Unsubscribed,
)

# The server speaks first once the token is checked; it gives a client 10 s for its part, and so do we.
HELLO_WITHIN_SECONDS = 10.0
# A session that lasted this long counts as a success: what ends it later is a new trouble, not more of the old.
STABLE_AFTER_SECONDS = 10.0

InboxStart = Literal["new", "unacknowledged"]


class State(Enum):
    """Where the session stands."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    STOPPED = "stopped"


class Session:
    """See the module. One object per client, for as long as the client lives."""

    def __init__(self, *, inbox: InboxStart | Position = "new", backoff: Backoff | None = None) -> None:
        """`inbox` says where the inbox begins: with what is new, with what was not acknowledged, or at a position."""
        self.state = State.CONNECTING
        self.hello: Hello | None = None
        self.error: ClawError | None = None
        self._inbox_start = inbox
        self._backoff = backoff or Backoff()
        self._subscriptions = Subscriptions()
        self._calls = Calls()
        self._hello_by: float | None = None
        self._opened_at: float | None = None
        self._come_back_in: float | None = None
        self._refused: AnyErrorFrame | None = None
        self._logged_in_anew = False

    @property
    def calls_waiting(self) -> int:
        """How many calls have no answer yet."""
        return len(self._calls)

    def position(self, stream: str) -> Position | None:
        """How far the stream was delivered, None where that is not known (yet)."""
        return self._subscriptions.position(stream)

    def begin_inbox_at(self, position: Position) -> None:
        """Begin the inbox there, before the first connection."""
        self._inbox_start = position

    def inbox_begin(self, inbox: InboxState, epoch: str) -> Position:
        """Where the inbox begins at a first connection that found it so."""
        if isinstance(self._inbox_start, Position):
            return self._inbox_start
        return Position(inbox.acked if self._inbox_start == "unacknowledged" else inbox.seq, epoch)

    def deadline(self) -> float | None:
        """When `tick` is due, None where nothing waits for its time."""
        times = (self._hello_by, self._calls.deadline(), self._subscriptions.deadline())
        return min((time for time in times if time is not None), default=None)

    # What the application wants.

    def call(self, command: AnyCommand, *, keep: bool) -> tuple[str, list[Effect]]:
        """Begin a command that is answered; a CallSettled with the returned ref follows.

        With `keep` it is sent again over connections until it is answered. Raises TooLargeError where it does not
        fit a frame, and the stopping error after the end.
        """
        self._refuse_after_the_end()
        return self._calls.begin(command, keep=keep, connected=self.state is State.OPEN)

    def forget(self, ref: str) -> None:
        """Nobody waits for this call any more; it is not sent again, but may have been done."""
        self._calls.forget(ref)

    def typing(self, channel: str) -> list[Effect]:
        """Show that a message is being written. Worth nothing later, so nothing is sent unless the session is open."""
        if self.state is not State.OPEN:
            return []
        return [SendText("typing", encode_command(Typing(channel=channel)))]

    def renew(self, token: str) -> list[Effect]:
        """Show another token on the open socket, the answer to RenewToken."""
        return self.call(Auth(token=token), keep=False)[1] if self.state is State.OPEN else []

    def subscribe(self, wishes: Iterable[tuple[str, Position | None]], now: float) -> list[Effect]:
        """Want streams, each from a position or (None) from its head; a StreamSettled follows for each.

        Raises ValueError, and wants none of them, where one is wanted already and another position is named.
        """
        self._refuse_after_the_end()
        wishes = list(wishes)
        for stream, position in wishes:
            self._subscriptions.check(stream, position)
        effects = [effect for stream, position in wishes for effect in self._subscriptions.want(stream, position)]
        return [*effects, *self._subscriptions.ask(now)] if self.state is State.OPEN else effects

    def unsubscribe(self, stream: str) -> list[Effect]:
        """Stop wanting a stream; a StreamSettled follows, but no event of it any more."""
        return self._subscriptions.unwant(stream, connected=self.state is State.OPEN)

    # What happens to the connection.

    def connected(self, now: float) -> list[Effect]:
        """A connection stands, its handshake carried the token."""
        self._refuse_after_the_end()
        self.state = State.AUTHENTICATING
        self._hello_by = now + HELLO_WITHIN_SECONDS
        return []

    def tick(self, now: float) -> list[Effect]:
        """The time of `deadline` has come."""
        if self._hello_by is not None and now >= self._hello_by:
            self._hello_by = None
            return [CloseSocket()]
        if self.state is not State.OPEN:
            return []
        return [*self._subscriptions.ask(now), *self._calls.send_due(now)]

    def closed(self, code: int | None, reason: str, now: float, *, retry_after: float | None = None) -> list[Effect]:
        """The connection ended with close code `code`, was lost (None), or did not come about (None as well).

        `retry_after` is the wait that an HTTP refusal asked for. The last effect is ConnectAfter or Stop.
        """
        if self.state is State.STOPPED:
            return []
        if self._opened_at is not None and now - self._opened_at >= STABLE_AFTER_SECONDS:
            self._backoff.succeeded()
            self._logged_in_anew = False
        refused, self._refused = self._refused, None
        at_least, self._come_back_in = self._come_back_in, None
        self._hello_by = self._opened_at = None
        if at_least is None:
            at_least = given(refused.retry_after) if refused is not None else retry_after
        advice = advice_for(code)
        login = Login.RENEW if code == CloseCode.TOKEN_EXPIRED else Login.KEEP
        if code == CloseCode.UNAUTHORIZED and not self._logged_in_anew:
            # "Log in anew first" (protocol.md section 4): whoever holds the key may come back, but tries that once.
            self._logged_in_anew = True
            advice, login = Advice.RETRY_WITH_BACKOFF, Login.ANEW
        if code is not None and advice is Advice.STOP:
            return self.stop(SessionStoppedError(code, reason or (refused.message if refused else "")))
        self.state = State.CONNECTING
        return [
            *self._subscriptions.disconnected(),
            *self._calls.disconnected(),
            ConnectAfter(self._backoff.wait(advice, at_least=at_least), login),
        ]

    def stop(self, error: ClawError | None = None) -> list[Effect]:
        """End for good: by the server's word, or (without `error`) because the client is closed."""
        if self.state is State.STOPPED:
            return []
        self.state = State.STOPPED
        self.error = error or ClientClosedError("the client is closed")
        self._hello_by = None
        effects = [*self._calls.stopped(self.error), *self._subscriptions.stopped(self.error)]
        self._subscriptions = Subscriptions()
        return [*effects, Stop(self.error)]

    def received(self, data: str | bytes, now: float) -> list[Effect]:  # noqa: C901, PLR0911, PLR0912 - a table
        """A frame came in."""
        frame = decode_frame(data)
        if self.state is State.AUTHENTICATING:
            # Before its hello the server has nothing to say but why there will be none.
            if isinstance(frame, Hello):
                return self._open(frame, now)
            if isinstance(frame, ErrorFrame | ForeignErrorFrame):
                self._refused = frame
            return []
        if self.state is not State.OPEN:
            return []
        match frame:
            case UnknownEvent(op=op, data=fields):
                return [Deliver(frame)] if self._subscriptions.is_new_unknown(op, fields) else []
            case Subscribed():
                return self._subscriptions.granted(frame)
            case Unsubscribed():
                return self._subscriptions.ended(frame, now)
            case MessageAck() | Ok() | Pong() | AuthOk():
                return self._calls.answered(frame)
            case ErrorFrame() | ForeignErrorFrame():
                return self._error(frame, now)
            case TokenExpiring(in_s=within):
                return [RenewToken(within)]
            case Reconnect(after_ms=wait):
                self._come_back_in = wait / 1000
                return []
            case Hello():
                return []
            case _:
                return self._event(frame)

    # The rules that need more than a line.

    def _open(self, hello: Hello, now: float) -> list[Effect]:
        self.state = State.OPEN
        self.hello = hello
        self._hello_by = None
        self._opened_at = now
        if hello.inbox is not None and not self._subscriptions.wanted(INBOX):
            # The inbox is asked for by a position always, so that nothing falls between the hello and the request.
            self._subscriptions.want(INBOX, self.inbox_begin(hello.inbox, hello.epoch))
        return [Opened(hello), *self._subscriptions.ask(now), *self._calls.send_all()]

    def _error(self, frame: AnyErrorFrame, now: float) -> list[Effect]:
        effects = self._subscriptions.refused(frame, now)
        if effects is None:
            effects = self._calls.refused(frame, now)
        if effects is None:
            self._refused = frame
            return [Deliver(CommandFault(refusal_of(frame), given(frame.channel)))]
        return effects

    def _event(self, frame: Frame) -> list[Effect]:
        if self.hello is None:
            return []
        place = stream_of(frame)
        if place is not None and not self._subscriptions.is_new(*place, self.hello.epoch):
            return []
        if isinstance(frame, MessageFrame):
            return [Deliver(MessageEvent(frame, own=frame.agent.username == self.hello.agent))]
        return [Deliver(frame)]

    def _refuse_after_the_end(self) -> None:
        if self.error is not None:
            raise self.error
