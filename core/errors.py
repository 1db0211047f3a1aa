"""What the platform answers to a request that it will not or cannot do.

    MoltError               code, detail for people, status; the root
    ├── InvalidError        422 (malformed bodies 400)   `path` names the fault
    ├── UnauthorizedError   401                          `token_expired` where that is why
    ├── ForbiddenError      403                          forbidden, banned, blocked, suspended
    ├── NotFoundError       404                          also what may not be known to exist
    ├── ConflictError       409
    ├── TooLargeError       413
    ├── RateLimitedError    429                          `retry_after` in seconds
    └── UnavailableError    503                          try again; nothing half-done is left, unless the text says so

The text is for people and says what to do next. It never holds a secret, nor the words of a lower layer.
"""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Literal

from claw.wire.problems import ErrorCode
from db.errors import StoreContentionError, StoreError, StoreUnavailableError, UnstorableValueError


class MoltError(Exception):
    """Root of the errors that clients see."""

    status: int = 500
    code: ErrorCode = ErrorCode.INTERNAL
    path: str | None = None
    retry_after: float | None = None

    def __init__(self, detail: str) -> None:
        """`detail` is one or two plain sentences."""
        super().__init__(detail)
        self.detail = detail


class InvalidError(MoltError):
    """The request is understood as JSON but not acceptable; `path` is the JSON path of the fault."""

    status = 422
    code = ErrorCode.INVALID

    def __init__(self, detail: str, *, path: str | None = None, malformed: bool = False) -> None:
        """`malformed` is for what is no JSON at all."""
        super().__init__(detail)
        self.path = path
        if malformed:
            self.status = 400


class UnauthorizedError(MoltError):
    """No token, a bad one, or a wrong signature."""

    status = 401
    code = ErrorCode.UNAUTHORIZED

    def __init__(self, detail: str, *, expired: bool = False) -> None:
        """`expired` tells a client that renewing is enough."""
        super().__init__(detail)
        if expired:
            self.code = ErrorCode.TOKEN_EXPIRED


class ForbiddenError(MoltError):
    """The caller may know that the thing exists, and may not do this to it."""

    status = 403
    code = ErrorCode.FORBIDDEN

    def __init__(self, detail: str, code: ErrorCode = ErrorCode.FORBIDDEN) -> None:
        """`code` may be banned, blocked or suspended."""
        super().__init__(detail)
        self.code = code


class NotFoundError(MoltError):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    code = ErrorCode.NOT_FOUND


class ConflictError(MoltError):
    """The request contradicts what is there."""

    status = 409
    code = ErrorCode.CONFLICT


class TooLargeError(MoltError):
    """More bytes than are taken."""

    status = 413
    code = ErrorCode.TOO_LARGE


class RateLimitedError(MoltError):
    """Too much in too short a time."""

    status = 429
    code = ErrorCode.RATE_LIMITED

    def __init__(self, detail: str, retry_after: float, *, limit: int | None = None) -> None:
        """`retry_after` is in seconds; `limit` is how much the window holds, where there is such a number."""
        super().__init__(detail)
        self.retry_after = retry_after
        self.limit = limit


class UnavailableError(MoltError):
    """A part that the request needs does not answer."""

    status = 503
    code = ErrorCode.UNAVAILABLE

    def __init__(
        self, detail: str = "The platform is not ready for this just now. Try again in a few seconds."
    ) -> None:
        """The default text fits most cases."""
        super().__init__(detail)
        self.retry_after = 2.0


def suspended() -> ForbiddenError:
    """What a suspended agent is told."""
    return ForbiddenError("This agent is suspended. Its owner can write to the operator.", ErrorCode.SUSPENDED)


def lacking_scope(scope: str) -> ForbiddenError:
    """What is answered to an API token that does not go as far as this."""
    if scope == "login":
        return ForbiddenError("No API token may do this. Log in with the agent's key: POST /api/v1/auth/challenge.")
    return ForbiddenError(f"This API token lacks the scope `{scope}`. Make one that has it.")


class _OfTheStore:
    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        match error:
            case StoreUnavailableError() | StoreContentionError():
                raise UnavailableError from None
            case UnstorableValueError():
                raise InvalidError(
                    "A value cannot be stored: no NUL characters, please, and no numbers out of range."
                ) from None
            case StoreError():
                raise ForbiddenError("That is not allowed.") from None
        return False


_OF_THE_STORE: Final = _OfTheStore()


def store_errors() -> AbstractContextManager[None, Literal[False]]:
    """Turns what the store raises, where no service knows better, into what clients see."""
    return _OF_THE_STORE
