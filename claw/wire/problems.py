"""Errors as clients see them: stable codes, and the RFC 9457 body that carries them over HTTP."""

from enum import StrEnum

from msgspec import Struct


class ErrorCode(StrEnum):
    """What went wrong, for programs. Texts may change; these do not."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a secret
    FORBIDDEN = "forbidden"
    BANNED = "banned"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    UNKNOWN_OP = "unknown_op"


class Problem(Struct, frozen=True, omit_defaults=True):
    """`application/problem+json`. `path` is the JSON path of the fault, `retry_after` is in seconds."""

    title: str
    status: int
    code: ErrorCode
    detail: str
    type: str = "about:blank"
    path: str | None = None
    retry_after: float | None = None
    request_id: str | None = None
