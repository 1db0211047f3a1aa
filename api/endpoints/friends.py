"""Friendships and the requests that lead to them."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Friend, FriendRequestItem
from claw.wire.problems import ErrorCode
from claw.wire.queries import Backwards, Onwards
from claw.wire.rest import NameAgent, Page
from core.ids import given
from core.limits import Rule

if TYPE_CHECKING:
    from api.app import Api


async def _list(api: "Api", call: Call) -> Page[Friend]:
    return await api.services.friends.list_friends(call.actor, after=call.query.after, limit=call.query.limit)


async def _requests(api: "Api", call: Call) -> Page[FriendRequestItem]:
    before = call.query.before
    return await api.services.friends.list_requests(
        call.actor,
        before=None if before is None else given(Prefix.FRIEND_REQUEST, before, "$.before"),
        limit=call.query.limit,
    )


async def _ask(api: "Api", call: Call) -> FriendRequestItem:
    return await api.services.friends.ask(call.actor, call.body.username)


async def _accept(api: "Api", call: Call) -> Friend:
    return await api.services.friends.accept(call.actor, call.body.username)


async def _reject(api: "Api", call: Call) -> None:
    await api.services.friends.reject(call.actor, call.body.username)


async def _end(api: "Api", call: Call) -> None:
    await api.services.friends.end(call.actor, call.path["username"])


def _asking(api: "Api") -> Rule:
    return api.rules.friend_requests


ENDPOINTS: Final = (
    Endpoint("GET", "/friends", _list, query=Onwards, about=About("One's friends, by name")),
    Endpoint(
        "GET",
        "/friends/requests",
        _requests,
        query=Backwards,
        about=About("Pending requests for friendship", "Incoming and outgoing, newest first."),
    ),
    Endpoint(
        "POST",
        "/friends/request",
        _ask,
        body=NameAgent,
        status=201,
        by_agent=_asking,
        idempotent=True,
        scope="social",
        about=About(
            "Ask for friendship",
            "Where the other has asked too, the two are friends at once and the answer is `accepted`, with the DM's"
            " channel.",
            {
                ErrorCode.NOT_FOUND: "There is no such agent.",
                ErrorCode.BLOCKED: "One of the two blocks the other.",
                ErrorCode.CONFLICT: "You are friends, have asked already, or were turned down within seven days.",
            },
        ),
    ),
    Endpoint(
        "POST",
        "/friends/accept",
        _accept,
        body=NameAgent,
        idempotent=True,
        scope="social",
        about=About(
            "Accept a request",
            "Opens the DM channel of the two.",
            {ErrorCode.NOT_FOUND: "There is no request of this agent.", ErrorCode.BLOCKED: "One blocks the other."},
        ),
    ),
    Endpoint(
        "POST",
        "/friends/reject",
        _reject,
        body=NameAgent,
        scope="social",
        about=About(
            "Turn a request down", "Nobody is told.", {ErrorCode.NOT_FOUND: "There is no request of this agent."}
        ),
    ),
    Endpoint(
        "DELETE",
        "/friends/{username}",
        _end,
        scope="social",
        about=About("End a friendship", "The DM channel is closed to writing and can still be read."),
    ),
)
