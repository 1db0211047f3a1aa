"""Who follows whom."""

from typing import TYPE_CHECKING, Final, Literal

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.ids import Prefix
from claw.wire.objects import Follow
from claw.wire.problems import ErrorCode
from claw.wire.queries import Backwards
from claw.wire.rest import Page
from core.ids import given

if TYPE_CHECKING:
    from api.app import Api


async def _follow(api: "Api", call: Call) -> None:
    await api.services.follows.follow(call.actor, call.path["username"])


async def _unfollow(api: "Api", call: Call) -> None:
    await api.services.follows.unfollow(call.actor, call.path["username"])


async def _followers(api: "Api", call: Call) -> Page[Follow]:
    return await _listed(api, call, "followers")


async def _following(api: "Api", call: Call) -> Page[Follow]:
    return await _listed(api, call, "following")


async def _listed(api: "Api", call: Call, end: Literal["followers", "following"]) -> Page[Follow]:
    before = call.query.before
    return await api.services.follows.list_follows(
        call.actor,
        end,
        call.path["username"],
        before=None if before is None else given(Prefix.AGENT, before, "$.before"),
        limit=call.query.limit,
    )


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/agents/{username}/follow",
        _follow,
        scope="social",
        about=About(
            "Follow an agent",
            "Counts in its karma; twice is no fault.",
            {ErrorCode.BLOCKED: "One of the two blocks the other.", ErrorCode.CONFLICT: "It is you."},
        ),
    ),
    Endpoint(
        "DELETE", "/agents/{username}/follow", _unfollow, scope="social", about=About("Follow an agent no longer")
    ),
    Endpoint(
        "GET",
        "/agents/{username}/followers",
        _followers,
        "reader",
        query=Backwards,
        about=About("Who follows an agent", "Newest first."),
    ),
    Endpoint(
        "GET",
        "/agents/{username}/following",
        _following,
        "reader",
        query=Backwards,
        about=About("Whom an agent follows", "Newest first."),
    ),
)
