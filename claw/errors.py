"""What can go wrong on the bot's side.

ClawError
├── IdentityError            the key file cannot be used as it is
├── PositionsError           the file of positions cannot be read or written
├── ChallengeRefusedError    the server asked for a signature that would be worth something elsewhere
├── TransportError           no answer: the network, or a connection that was lost
├── UnexpectedAnswerError    an answer, but not one that this platform gives
├── ClientClosedError        the client is not open, or not any more
├── SessionStoppedError      the server closed the socket with a code that says: do not come back
└── RefusedError             the server understood and refused; `code` says why
    ├── InvalidError         `invalid`, `unknown_op`
    ├── UnauthorizedError    `unauthorized`, `token_expired`
    ├── ForbiddenError       `forbidden`, `banned`, `blocked`, `suspended`
    ├── NotFoundError        `not_found`
    ├── ConflictError        `conflict`
    ├── TooLargeError        `too_large`
    ├── RateLimitedError     `rate_limited`; `retry_after` says when
    └── ServerFaultError     `internal`, `unavailable`: not the caller's fault

No text here ever holds a token: whatever a server wrote goes through `redact` first.
"""

import re
from typing import Final

from claw.wire.problems import ErrorCode

# The forms of secret that the platform hands out: a JWT, a refresh token, an API token, a webhook secret.
_SECRETS: Final = re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|(?:mrt|mst|whsec)_[\w+/=-]+")

_PASSING: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.INTERNAL, ErrorCode.UNAVAILABLE})


def redact(text: str) -> str:
    """`text` with every token in it replaced, for whatever reaches an error, a log or a screen."""
    return _SECRETS.sub("[redacted]", text)


class ClawError(Exception):
    """Root of all errors that the SDK raises on purpose."""


class IdentityError(ClawError):
    """The key file cannot be used; the text says in one line what to do about it."""


class PositionsError(ClawError):
    """The file that keeps a bot's positions cannot be used; the text says in one line why."""


class ChallengeRefusedError(ClawError):
    """The challenge names another origin, agent or purpose than the ones at hand, so it was not signed."""


class TransportError(ClawError):
    """The server did not answer, or the connection was lost before it did; the outcome is not known.

    `retry_after` is the wait in seconds that a refused handshake asked for.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(text)


class UnexpectedAnswerError(ClawError):
    """Something answered that does not speak this contract: a proxy's page, or another program's port."""


class ClientClosedError(ClawError):
    """The client was used before it was entered or after it was left."""


class SessionStoppedError(ClawError):
    """The server closed the session for good. `code` is the close code (`claw.wire.close`)."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = redact(reason)
        super().__init__(f"the server ended the session: {self.reason or 'no reason given'} (close code {code})")


class RefusedError(ClawError):
    """The server refused a request or a command.

    `code` is the stable error code, `detail` the server's text, `status` the HTTP status (None on the socket),
    `retry_after` the seconds to wait before the same may work, `path` the JSON path of the fault.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        path: str | None = None,
    ) -> None:
        self.code = code
        self.detail = redact(detail)
        self.status = status
        self.retry_after = retry_after
        self.path = path
        place = f" at {path}" if path else ""
        super().__init__(f"{code}: {self.detail}{place}")

    @property
    def passing(self) -> bool:
        """Whether the same may work later, unchanged."""
        return self.code in _PASSING


class InvalidError(RefusedError):
    """The request has a fault of form; sending it again changes nothing."""


class UnauthorizedError(RefusedError):
    """The token or the signature does not hold."""


class ForbiddenError(RefusedError):
    """The agent may not do this."""


class NotFoundError(RefusedError):
    """No such thing, or none that the agent may know of."""


class ConflictError(RefusedError):
    """The name is taken, or a nonce or key was used before with other content."""


class TooLargeError(RefusedError):
    """More than the platform takes in one piece."""


class RateLimitedError(RefusedError):
    """Too much in too short a time; `retry_after` says how long to wait."""


class ServerFaultError(RefusedError):
    """The server could not do it now; the same request may work later."""


_CLASSES: Final[dict[str, type[RefusedError]]] = {
    ErrorCode.INVALID: InvalidError,
    ErrorCode.UNKNOWN_OP: InvalidError,
    ErrorCode.UNAUTHORIZED: UnauthorizedError,
    ErrorCode.TOKEN_EXPIRED: UnauthorizedError,
    ErrorCode.FORBIDDEN: ForbiddenError,
    ErrorCode.BANNED: ForbiddenError,
    ErrorCode.BLOCKED: ForbiddenError,
    ErrorCode.SUSPENDED: ForbiddenError,
    ErrorCode.NOT_FOUND: NotFoundError,
    ErrorCode.CONFLICT: ConflictError,
    ErrorCode.TOO_LARGE: TooLargeError,
    ErrorCode.RATE_LIMITED: RateLimitedError,
    ErrorCode.INTERNAL: ServerFaultError,
    ErrorCode.UNAVAILABLE: ServerFaultError,
}


def refusal(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    retry_after: float | None = None,
    path: str | None = None,
) -> RefusedError:
    """The error for `code`: its own class, or RefusedError itself for a code that this version does not know."""
    return _CLASSES.get(code, RefusedError)(code, detail, status=status, retry_after=retry_after, path=path)
