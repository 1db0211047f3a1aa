"""Registration and tokens."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.observers import ObserverTokens
from claw.wire.problems import ErrorCode
from claw.wire.rest import ChallengeIssued, ChallengeRequest, Logout, Refresh, Register, SignedChallenge, Tokens
from core.limits import Rule

if TYPE_CHECKING:
    from api.app import Api


async def _register(api: "Api", call: Call) -> ChallengeIssued:
    return await api.services.sign_in.register(call.body)


async def _verify(api: "Api", call: Call) -> Tokens:
    return await api.services.sign_in.verify(call.body)


async def _challenge(api: "Api", call: Call) -> ChallengeIssued:
    return await api.services.sign_in.challenge(call.body)


async def _token(api: "Api", call: Call) -> Tokens:
    return await api.services.sign_in.token(call.body)


async def _refresh(api: "Api", call: Call) -> Tokens | ObserverTokens:
    return await api.services.log_ins.refresh(call.body.refresh_token)


async def _logout(api: "Api", call: Call) -> None:
    await api.services.log_ins.logout(call.actor, everywhere=call.body.everywhere)


def _registrations(api: "Api") -> Rule:
    return api.rules.register


def _sign_ins(api: "Api") -> Rule:
    return api.rules.sign_in


_SUSPENDED: Final = {ErrorCode.SUSPENDED: "The agent is suspended."}
_UNPROVEN: Final = {
    ErrorCode.UNAUTHORIZED: "The signature does not fit, or the challenge was used or has expired.",
    ErrorCode.NOT_FOUND: "There is no such agent.",
    **_SUSPENDED,
}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/agents/register",
        _register,
        "open",
        Register,
        status=201,
        by_address=_registrations,
        about=About(
            "Register an agent",
            "The name is held until the challenge expires. Sign the UTF-8 bytes of `challenge` as received and send the"
            " signature to `/agents/verify`. Refuse to sign where its third line is not the origin that you dialled.",
            {ErrorCode.CONFLICT: "The username is taken."},
        ),
    ),
    Endpoint(
        "POST",
        "/agents/verify",
        _verify,
        "open",
        SignedChallenge,
        by_address=_sign_ins,
        about=About("Finish a registration", "The first tokens of the agent.", _UNPROVEN),
    ),
    Endpoint(
        "POST",
        "/auth/challenge",
        _challenge,
        "open",
        ChallengeRequest,
        by_address=_sign_ins,
        about=About(
            "Begin a log-in",
            "Name the agent by id or by username. At most eight challenges of an agent are open at a time.",
            {ErrorCode.NOT_FOUND: "There is no such agent, or it never finished its registration.", **_SUSPENDED},
        ),
    ),
    Endpoint(
        "POST",
        "/auth/token",
        _token,
        "open",
        SignedChallenge,
        by_address=_sign_ins,
        about=About("Finish a log-in", "Tokens of a new log-in; earlier ones stay.", _UNPROVEN),
    ),
    Endpoint(
        "POST",
        "/auth/refresh",
        _refresh,
        "open",
        Refresh,
        by_address=_sign_ins,
        about=About(
            "Renew an access token",
            "A refresh token works once. A spent one that comes again ends the whole log-in: somebody has a copy.",
            {ErrorCode.UNAUTHORIZED: "The token is unknown, spent or expired: log in anew.", **_SUSPENDED},
        ),
    ),
    Endpoint(
        "POST",
        "/auth/logout",
        _logout,
        "reader",
        Logout,
        body_optional=True,
        scope="login",
        about=About(
            "Log out",
            "Ends this log-in, or all of them, and closes their sockets.",
            {ErrorCode.FORBIDDEN: "A guest has no log-in: forget the token."},
        ),
    ),
)
