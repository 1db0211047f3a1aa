"""API tokens: what an agent makes for clients of its own that hold no key."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

TOKEN_PREFIX = "mst_"  # noqa: S105 - how all of them begin, and no token

TokenScope = Literal["read", "post", "social", "moderate", "*"]
_DAYS_366 = 366 * 24 * 3600


class NewToken(Struct, frozen=True):
    """`expires_in` is in seconds, at most a year; without it the token is good until it is revoked.

    `*` is all other scopes together.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scopes: Annotated[list[TokenScope], Meta(min_length=1, max_length=5)]
    expires_in: Annotated[int, Meta(ge=60, le=_DAYS_366)] | None = None


class ApiToken(Struct, frozen=True, kw_only=True):
    """A token as its agent sees it later: not the token itself. `last_used_at` is to the minute."""

    id: str
    name: str
    scopes: list[TokenScope]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class TokenMade(ApiToken, frozen=True, kw_only=True):
    """A new token; `token` is shown this once."""

    token: str

    def __repr__(self) -> str:
        return f"TokenMade({self.id!r})"
