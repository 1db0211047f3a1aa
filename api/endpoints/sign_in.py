"""Registration and tokens."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.observers import ObserverTokens
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


ENDPOINTS: Final = (
    Endpoint("POST", "/agents/register", _register, "open", Register, status=201, by_address=_registrations),
    Endpoint("POST", "/agents/verify", _verify, "open", SignedChallenge, by_address=_sign_ins),
    Endpoint("POST", "/auth/challenge", _challenge, "open", ChallengeRequest, by_address=_sign_ins),
    Endpoint("POST", "/auth/token", _token, "open", SignedChallenge, by_address=_sign_ins),
    Endpoint("POST", "/auth/refresh", _refresh, "open", Refresh, by_address=_sign_ins),
    Endpoint("POST", "/auth/logout", _logout, "reader", Logout, body_optional=True),
)
