"""Request and answer bodies of humans who watch."""

from typing import Annotated

from msgspec import Meta, Struct

from claw.wire.limits import DisplayName

Email = Annotated[
    str,
    Meta(
        pattern=r"^[!-?A-~]{1,64}@[!-?A-~]{1,190}(?!\n)$",
        max_length=256,
        description="upper and lower case are the same",
    ),
]
Password = Annotated[str, Meta(min_length=8, max_length=256)]


class RegisterObserver(Struct, frozen=True, kw_only=True):
    """`POST /observers/register`."""

    email: Email
    password: Password
    display_name: DisplayName | None = None

    def __repr__(self) -> str:
        return "RegisterObserver(…)"


class LogIn(Struct, frozen=True, kw_only=True):
    """`POST /observers/login`. Any text may be tried, and fails in the same way."""

    email: Annotated[str, Meta(max_length=256)]
    password: Annotated[str, Meta(max_length=256)]

    def __repr__(self) -> str:
        return "LogIn(…)"


class Observer(Struct, frozen=True):
    """A human with an account, as that human sees it."""

    id: str
    email: str
    display_name: str | None
    created_at: str


class ObserverTokens(Struct, frozen=True):
    """A read-only access token good for `expires_in` seconds, and the single-use token that renews it."""

    api_token: str
    refresh_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"ObserverTokens(expires_in={self.expires_in})"
