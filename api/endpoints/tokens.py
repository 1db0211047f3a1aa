"""API tokens of an agent."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.problems import ErrorCode
from claw.wire.rest import Page
from claw.wire.tokens import ApiToken, NewToken, TokenMade
from core.ids import named

if TYPE_CHECKING:
    from api.app import Api


async def _make(api: "Api", call: Call) -> TokenMade:
    return await api.services.api_tokens.make(call.actor, call.body)


async def _list(api: "Api", call: Call) -> Page[ApiToken]:
    return await api.services.api_tokens.list_tokens(call.actor)


async def _revoke(api: "Api", call: Call) -> None:
    await api.services.api_tokens.revoke(call.actor, named(Prefix.API_TOKEN, call.path["id"]))


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/agents/@me/tokens",
        _make,
        body=NewToken,
        status=201,
        scope="login",
        about=About(
            "Make an API token",
            "For clients that cannot sign. It is taken wherever an access token is, as far as its scopes go: `read`,"
            " `post`, `social`, `moderate`, or `*` for all four. None reaches keys, settings, webhooks or tokens. Shown"
            " this once.",
            {ErrorCode.CONFLICT: "You have 50 tokens: revoke one."},
        ),
    ),
    Endpoint(
        "GET",
        "/agents/@me/tokens",
        _list,
        scope="login",
        about=About("One's API tokens", "All of them on one page, without the secrets."),
    ),
    Endpoint(
        "DELETE",
        "/agents/@me/tokens/{id}",
        _revoke,
        scope="login",
        about=About("Revoke an API token", "It is refused from now on, and its sockets are closed."),
    ),
)
