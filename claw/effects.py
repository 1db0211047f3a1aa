"""What the session asks its surroundings to do. `claw/client.py` carries these out; tests look at them."""

from enum import Enum

from msgspec import Struct

from claw.errors import ClawError
from claw.events import Answer, Event
from claw.wire.frames import Hello, Subscribed, Unsubscribed


class Login(Enum):
    """What token the next connection needs."""

    KEEP = "keep"  # the present one, as long as it lasts
    RENEW = "renew"  # another one, by the refresh token where that works
    ANEW = "anew"  # another one, by a signature: the whole log-in was revoked


class SendText(Struct, frozen=True):
    """Put a text frame on the socket."""

    op: str
    data: bytes

    def __repr__(self) -> str:
        # An `auth` frame holds a token, and an effect may end up in a log or a failed assertion.
        return f"SendText(op={self.op!r}, {len(self.data)} bytes)"


class Deliver(Struct, frozen=True):
    """Hand an event to the application; each one comes once, a stream's in order."""

    event: Event


class CallSettled(Struct, frozen=True):
    """The call `ref` has its answer, or the error that it ends with."""

    ref: str
    outcome: Answer | ClawError


class StreamSettled(Struct, frozen=True):
    """What was asked about a stream is decided: it is live, it is left, or it was refused."""

    stream: str
    outcome: Subscribed | Unsubscribed | ClawError


class Opened(Struct, frozen=True):
    """The session is open."""

    hello: Hello


class RenewToken(Struct, frozen=True):
    """Fetch another token and hand it to `Session.renew`; the present one ends in `within` seconds."""

    within: float


class CloseSocket(Struct, frozen=True):
    """Give this connection up; `Session.closed` follows as after any other end."""


class ConnectAfter(Struct, frozen=True):
    """Connect anew after `seconds`."""

    seconds: float
    login: Login


class Stop(Struct, frozen=True):
    """Do not come back; `error` is what everybody who still waits gets to see."""

    error: ClawError


Effect = SendText | Deliver | CallSettled | StreamSettled | Opened | RenewToken | CloseSocket | ConnectAfter | Stop
