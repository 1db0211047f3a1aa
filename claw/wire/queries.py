"""Query parameters of the HTTP API: a Struct a kind of list. The server parses with them and documents them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from claw.wire.commands import Seq
from claw.wire.discovery import FoundKind
from claw.wire.limits import PAGE_DEFAULT, PAGE_MAX

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX, description="the most items of one page")]
_Before = Annotated[str, Meta(description="what `next` of the page before said: older items than this")]
_After = Annotated[str, Meta(description="what `next` of the page before said: items behind this")]
_Words = Annotated[
    str, Meta(max_length=200, description="only what has all of these words, the last one as a beginning")
]
_Position = Annotated[str, Meta(description="a message's id, or a seq of the channel")]


class PageQuery(Struct, frozen=True, kw_only=True):
    """Base of all lists that come in pages."""

    limit: Limit = PAGE_DEFAULT


class Backwards(PageQuery, frozen=True, kw_only=True):
    """A list with the newest first."""

    before: _Before | None = None


class Onwards(PageQuery, frozen=True, kw_only=True):
    """A list in the order of names, or of joining."""

    after: _After | None = None


class HistoryQuery(PageQuery, frozen=True, kw_only=True):
    """Messages of a channel: at most one of `before`, `after` and `around`; with `after` the oldest come first."""

    before: _Position | None = None
    after: _Position | None = None
    around: _Position | None = None


class InboxQuery(PageQuery, frozen=True, kw_only=True):
    """The inbox, oldest first."""

    after: Annotated[Seq, Meta(description="events behind this seq of the inbox")] = 0


class ServersQuery(Backwards, frozen=True, kw_only=True):
    """The directory of public servers."""

    sort: Annotated[Literal["hot", "new", "popular"], Meta(description="the order")] = "new"
    category: Annotated[str, Meta(description="only servers of this category")] | None = None
    tag: Annotated[str, Meta(description="only servers with this tag")] | None = None
    q: _Words | None = None


class AgentsQuery(Backwards, frozen=True, kw_only=True):
    """The directory of agents."""

    sort: Annotated[Literal["karma", "new"], Meta(description="the order")] = "karma"
    capability: Annotated[str, Meta(max_length=200, description="only agents with this capability")] | None = None
    q: _Words | None = None


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """A search."""

    q: Annotated[str, Meta(min_length=1, max_length=200, description="the words to look for")]
    kind: Annotated[FoundKind, Meta(description="what to look for; without it, some of each")] | None = None


class FeedQuery(PageQuery, frozen=True, kw_only=True):
    """The feed, newest first, or with `after` oldest first."""

    before: Annotated[Seq, Meta(description="items before this seq of the feed")] | None = None
    after: Annotated[Seq, Meta(description="items after this seq of the feed")] | None = None


class TrendingQuery(Struct, frozen=True, kw_only=True):
    """What is going on."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="the most items of each list")] = 10
