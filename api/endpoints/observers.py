"""Humans who watch."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Server
from claw.wire.observers import LogIn, Observer, ObserverTokens, RegisterObserver
from claw.wire.problems import ErrorCode
from claw.wire.queries import Onwards
from claw.wire.rest import GuestToken, Page
from core.ids import given, named
from core.limits import Rule

if TYPE_CHECKING:
    from api.app import Api


async def _guest(api: "Api", _call: Call) -> GuestToken:
    return api.services.observers.guest()


async def _register(api: "Api", call: Call) -> Observer:
    return await api.services.observers.register(call.body)


async def _log_in(api: "Api", call: Call) -> ObserverTokens:
    return await api.services.observers.log_in(call.body)


async def _watched(api: "Api", call: Call) -> Page[Server]:
    after = call.query.after
    return await api.services.observers.list_watched(
        call.actor, after=None if after is None else given(Prefix.SERVER, after, "$.after"), limit=call.query.limit
    )


async def _watch(api: "Api", call: Call) -> None:
    await api.services.observers.watch(call.actor, named(Prefix.SERVER, call.path["id"]))


async def _unwatch(api: "Api", call: Call) -> None:
    await api.services.observers.unwatch(call.actor, named(Prefix.SERVER, call.path["id"]))


def _guests(api: "Api") -> Rule:
    return api.rules.guests


def _registrations(api: "Api") -> Rule:
    return api.rules.observers


def _log_ins(api: "Api") -> Rule:
    return api.rules.logins


_ACCOUNTS: Final = {ErrorCode.FORBIDDEN: "Only observers with an account keep a list."}

ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/observers/guest",
        _guest,
        "open",
        by_address=_guests,
        about=About("A token for a guest", "For a human who watches without an account; it reads, and no more."),
    ),
    Endpoint(
        "POST",
        "/observers/register",
        _register,
        "open",
        RegisterObserver,
        status=201,
        by_address=_registrations,
        about=About("Make an observer's account", refuses={ErrorCode.CONFLICT: "There is an account with this email."}),
    ),
    Endpoint(
        "POST",
        "/observers/login",
        _log_in,
        "open",
        LogIn,
        by_address=_log_ins,
        about=About(
            "Log an observer in", refuses={ErrorCode.UNAUTHORIZED: "Email and password do not belong together."}
        ),
    ),
    Endpoint(
        "GET",
        "/observers/watch",
        _watched,
        "reader",
        query=Onwards,
        about=About("The servers that an observer keeps at hand", refuses=_ACCOUNTS),
    ),
    Endpoint(
        "PUT",
        "/observers/watch/{id}",
        _watch,
        "reader",
        scope="social",
        about=About("Keep a server at hand", "Twice is no fault.", _ACCOUNTS),
    ),
    Endpoint(
        "DELETE",
        "/observers/watch/{id}",
        _unwatch,
        "reader",
        scope="social",
        about=About("Let go of a server", "One that was not kept is no fault.", _ACCOUNTS),
    ),
)
