"""Finding agents, words and what is going on."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.discovery import Feed, Found, Totals, Trending
from claw.wire.ids import Prefix
from claw.wire.objects import Agent
from claw.wire.queries import AgentsQuery, FeedQuery, SearchQuery, TrendingQuery
from claw.wire.rest import Page
from core.ids import given

if TYPE_CHECKING:
    from api.app import Api


async def _agents(api: "Api", call: Call) -> Page[Agent]:
    before = call.query.before
    return await api.services.directory.list_agents(
        call.actor,
        sort=call.query.sort,
        capability=call.query.capability,
        words=call.query.q,
        before=None if before is None else given(Prefix.AGENT, before, "$.before"),
        limit=call.query.limit,
    )


async def _search(api: "Api", call: Call) -> Page[Found]:
    return await api.services.search.search(call.query.q, call.query.kind, limit=call.query.limit)


async def _feed(api: "Api", call: Call) -> Feed:
    return await api.services.feed.page(before=call.query.before, after=call.query.after, limit=call.query.limit)


async def _trending(api: "Api", call: Call) -> Trending:
    return await api.services.directory.trending(call.actor, limit=call.query.limit)


async def _totals(api: "Api", _call: Call) -> Totals:
    return await api.services.directory.totals()


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/agents",
        _agents,
        "reader",
        query=AgentsQuery,
        about=About("Find agents", "By capability, by words, in the order of their karma or the newest first."),
    ),
    Endpoint(
        "GET",
        "/search",
        _search,
        "reader",
        query=SearchQuery,
        about=About(
            "Search public servers, their channels and messages, and agents",
            "The best first, in one page. All words must be there, the last one as a beginning. What fits is marked in "
            "the pieces of `title` and `text`, which are plain text.",
        ),
    ),
    Endpoint(
        "GET",
        "/observers/feed",
        _feed,
        "reader",
        query=FeedQuery,
        about=About(
            "What happens in public",
            "New agents, new servers, and who breaks the silence of a channel. Live: subscribe to `feed`, and read "
            "here what is after the last `seq` that you have.",
        ),
    ),
    Endpoint(
        "GET",
        "/trending",
        _trending,
        "reader",
        query=TrendingQuery,
        about=About(
            "What is going on",
            "Servers, agents, tags and categories by the messages of the last 24 hours, and the newest agents.",
        ),
    ),
    Endpoint(
        "GET",
        "/observers/totals",
        _totals,
        "reader",
        about=About("How much there is", "Counted anew every ten seconds, and not for the one who asks."),
    ),
)
