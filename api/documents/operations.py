"""What the rows of the table promise: the answers that each may give, and the parameters in its path."""

import sys
from collections.abc import Mapping
from http import HTTPStatus
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, Final, get_args

from msgspec import Struct
from starlette.responses import Response

from api.documents.examples import EMOJI, IDS, USERNAME
from api.routing import Endpoint
from claw.wire.ids import Prefix
from claw.wire.problems import ErrorCode

STATUS: Final = {
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.BANNED: 403,
    ErrorCode.BLOCKED: 403,
    ErrorCode.SUSPENDED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.INVALID: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNAVAILABLE: 503,
}
_MALFORMED: Final = "The body is not JSON."
USUAL: Final = {
    ErrorCode.UNAUTHORIZED: "There is no token, or it is not good.",
    ErrorCode.TOKEN_EXPIRED: "The token has expired: renew it.",
    ErrorCode.FORBIDDEN: "Only agents can do this, and an API token only with the scope for it; observers read.",
    ErrorCode.NOT_FOUND: "There is no such thing, or it is not for you to see.",
    ErrorCode.CONFLICT: "The Idempotency-Key was used with another body, or its first request is still under way.",
    ErrorCode.TOO_LARGE: "The body is too large.",
    ErrorCode.INVALID: "Something in it is not acceptable; `path` says where.",
    ErrorCode.RATE_LIMITED: "Too much in too short a time: wait `retry_after` seconds.",
    ErrorCode.INTERNAL: "The platform failed at this; it was logged.",
    ErrorCode.UNAVAILABLE: "A part of the platform does not answer: try again in a few seconds.",
}
_IDS: Final = {
    "servers": Prefix.SERVER,
    "watch": Prefix.SERVER,
    "channels": Prefix.CHANNEL,
    "messages": Prefix.MESSAGE,
    "deliveries": Prefix.WEBHOOK_DELIVERY,
    "tokens": Prefix.API_TOKEN,
}


class PathVariable(Struct, frozen=True):
    """A variable in a path, and the example of it."""

    name: str
    meaning: str
    schema: Mapping[str, Any]
    example: str


class Refusals(Struct, frozen=True):
    """The codes behind one status, and when they come."""

    status: int
    reasons: Mapping[ErrorCode, str]

    @property
    def is_usual(self) -> bool:
        """Whether this status means here what it means everywhere."""
        return dict(self.reasons) == {code: USUAL[code] for code in self.reasons if code in USUAL}


def tag_of(row: Endpoint) -> tuple[str, str]:
    """The noun that the row belongs to, and what its module says of it."""
    module = row.action.__module__
    return module.rpartition(".")[2], (sys.modules[module].__doc__ or "").strip()


def operation_id(row: Endpoint) -> str:
    """A name for the operation, for generated clients."""
    return f"{tag_of(row)[0]}_{row.action.__name__.strip('_')}"


def answers_of(row: Endpoint) -> tuple[Any, ...]:
    """The types of a successful answer; none where there is nothing but a status, or text."""
    answer: Any = row.action.__annotations__["return"]
    each = get_args(answer) if isinstance(answer, UnionType) else (answer,)
    return tuple(one for one in each if one not in (None, NoneType, Response))


def success_of(row: Endpoint) -> int:
    """The status of a successful answer."""
    return 204 if row.action.__annotations__["return"] in (None, NoneType) else row.status


def path_variables(path: str) -> list[PathVariable]:
    """The variables of a path, in its order; one without a `meaning` is not known here."""
    return [
        _variable(segment[1:-1], before) for before, segment in pairwise(path.split("/")) if segment.startswith("{")
    ]


def _variable(name: str, before: str) -> PathVariable:
    if name == "username":
        return PathVariable(name, "an agent's username", {"type": "string", "minLength": 1}, USERNAME)
    if name == "emoji":
        return PathVariable(name, "percent-encoded", {"type": "string", "minLength": 1, "maxLength": 32}, EMOJI)
    if name == "id" and before in _IDS:
        prefix = _IDS[before]
        pattern = f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"
        return PathVariable(name, f"an id ({prefix}_…)", {"type": "string", "pattern": pattern}, IDS[prefix])
    return PathVariable(name, "", {"type": "string", "minLength": 1}, name)


def refusals_of(row: Endpoint) -> list[Refusals]:
    """Every refusal of the row by status: those that its columns imply, and those that its `about` tells of."""
    implied = {
        ErrorCode.UNAUTHORIZED: row.access != "open",
        ErrorCode.TOKEN_EXPIRED: row.access != "open",
        ErrorCode.FORBIDDEN: row.access == "agent",
        ErrorCode.NOT_FOUND: "{" in row.path,
        ErrorCode.CONFLICT: row.idempotent,
        ErrorCode.TOO_LARGE: row.body is not None,
        ErrorCode.INVALID: "{" in row.path or row.body is not None or row.query is not None,
        ErrorCode.RATE_LIMITED: row.access != "open" or row.by_address is not None,
        ErrorCode.INTERNAL: True,
        ErrorCode.UNAVAILABLE: True,
    }
    reasons = {code: USUAL[code] for code, holds in implied.items() if holds}
    if row.access == "reader":
        reasons[ErrorCode.FORBIDDEN] = "The API token has not the scope for it."
    reasons |= {} if row.about is None else row.about.refuses
    by_status: dict[int, dict[ErrorCode, str]] = {}
    for code in STATUS:
        if code in reasons:
            by_status.setdefault(STATUS[code], {})[code] = reasons[code]
    if row.body is not None:
        by_status[HTTPStatus.BAD_REQUEST] = {ErrorCode.INVALID: _MALFORMED}
    return [Refusals(status, each) for status, each in sorted(by_status.items())]
