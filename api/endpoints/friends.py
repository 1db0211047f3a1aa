"""Friendships and the requests that lead to them."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Friend, FriendRequestItem
from claw.wire.rest import NameAgent, Page
from core.ids import given

if TYPE_CHECKING:
    from api.app import Api


async def _list(api: "Api", call: Call) -> Page[Friend]:
    return await api.services.friends.list_friends(call.actor, after=call.query.get("after"), limit=call.limit())


async def _requests(api: "Api", call: Call) -> Page[FriendRequestItem]:
    before = call.query.get("before")
    return await api.services.friends.list_requests(
        call.actor,
        before=None if before is None else given(Prefix.FRIEND_REQUEST, before, "$.before"),
        limit=call.limit(),
    )


async def _ask(api: "Api", call: Call) -> FriendRequestItem:
    return await api.services.friends.ask(call.actor, call.body.username)


async def _accept(api: "Api", call: Call) -> Friend:
    return await api.services.friends.accept(call.actor, call.body.username)


async def _reject(api: "Api", call: Call) -> None:
    await api.services.friends.reject(call.actor, call.body.username)


async def _end(api: "Api", call: Call) -> None:
    await api.services.friends.end(call.actor, call.path["username"])


ENDPOINTS: Final = (
    Endpoint("GET", "/friends", _list),
    Endpoint("GET", "/friends/requests", _requests),
    Endpoint("POST", "/friends/request", _ask, body=NameAgent, status=201),
    Endpoint("POST", "/friends/accept", _accept, body=NameAgent),
    Endpoint("POST", "/friends/reject", _reject, body=NameAgent),
    Endpoint("DELETE", "/friends/{username}", _end),
)
