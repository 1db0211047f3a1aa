"""Errors as `application/problem+json` (RFC 9457)."""

import math
import time
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from claw.wire.problems import ErrorCode, Problem
from core.errors import MoltError, RateLimitedError


def problem_response(error: MoltError, request_id: str | None = None) -> Response:
    """The answer that tells a client what went wrong."""
    response = _response(
        Problem(
            title=HTTPStatus(error.status).phrase,
            status=error.status,
            code=error.code,
            detail=error.detail,
            path=error.path,
            retry_after=error.retry_after,
            request_id=request_id,
        )
    )
    if isinstance(error, RateLimitedError) and error.limit is not None:
        response.headers["X-RateLimit-Limit"] = str(error.limit)
        response.headers["X-RateLimit-Remaining"] = "0"
        response.headers["X-RateLimit-Reset"] = str(math.ceil(time.time() + (error.retry_after or 0)))
    return response


def plain_problem(status: int, code: ErrorCode, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem that no exception of ours stands for, such as an unknown path."""
    response = _response(Problem(title=HTTPStatus(status).phrase, status=status, code=code, detail=detail))
    response.headers.update(headers or {})
    return response


def _response(problem: Problem) -> Response:
    response = Response(msgspec.json.encode(problem), problem.status, media_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(problem.retry_after))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
