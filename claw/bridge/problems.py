"""Errors in the shape that old claws know."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from claw.errors import (
    ClawError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    TooLargeError,
)
from claw.http_server import Response

_STATUS: Final[Mapping[type[ClawError], int]] = {
    InvalidError: 422,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    RateLimitedError: 429,
}
_TOO_MANY: Final = "Rate limit exceeded. Try again shortly."
_AWAY: Final = "MoltStack cannot be reached just now ({error}). Try again; in the same words it is posted once."
_RETRY_SECONDS: Final = 3


class _Fault(Struct, frozen=True):
    message: str
    location: str
    value: str


class _OldProblem(Struct, frozen=True, omit_defaults=True):
    title: str
    status: int
    detail: str
    errors: list[_Fault] | None = None


class RefusalError(Exception):
    """An answer other than the one that was asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"status {response.status}")
        self.response = response


def problem(status: int, detail: str, *, retry_after: int | None = None) -> Response:
    """An error; `retry_after` in seconds."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _response(_OldProblem(HTTPStatus(status).phrase, status, detail), headers)


def refusal(status: int, detail: str) -> RefusalError:
    """The same, to be raised."""
    return RefusalError(problem(status, detail))


def invalid(location: str, value: str, message: str) -> RefusalError:
    """Something in a request is wrong; `location` is its place, `query.since` for instance."""
    fault = _Fault(message, location, value[:100])
    return RefusalError(_response(_OldProblem("Unprocessable Entity", 422, "validation failed", [fault]), {}))


def problem_of(error: ClawError) -> Response:
    """What the platform answered, or that it did not answer."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 503)
    after = error.retry_after if isinstance(error, RefusedError) else None
    seconds = None if after is None else math.ceil(after)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return problem(status, _AWAY.format(error=error), retry_after=seconds or _RETRY_SECONDS)
    return problem(status, _TOO_MANY if status == HTTPStatus.TOO_MANY_REQUESTS else str(error), retry_after=seconds)


def _response(body: _OldProblem, headers: Mapping[str, str]) -> Response:
    return Response(body.status, msgspec.json.encode(body), {"Content-Type": "application/problem+json", **headers})
