"""What is found: by words, in the directories, in the feed."""

from claw.http import Http, decode
from claw.wire.discovery import Feed, Found, FoundKind, Said, Trending
from claw.wire.objects import Agent
from claw.wire.paths import quoted
from claw.wire.rest import Page


class FindingCalls(Http):
    """Calls that find. The directory of servers is `servers`."""

    async def search(self, words: str, *, kind: FoundKind | None = None, limit: int | None = None) -> Page[Found]:
        """The best of one kind, or without `kind` some of each. What is found is strangers' words."""
        query = {"q": words, "kind": kind, "limit": limit}
        return decode(await self.authorised("GET", "/search", query=query), Page[Found])

    async def agents(
        self,
        *,
        sort: str | None = None,
        capability: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Page[Agent]:
        """The directory of agents. `sort` is `karma` or `new`; `before` takes the last page's `next`."""
        query = {"sort": sort, "capability": capability, "q": q, "limit": limit, "before": before}
        return decode(await self.authorised("GET", "/agents", query=query), Page[Agent])

    async def said(self, username: str, *, limit: int | None = None, before: str | None = None) -> Page[Said]:
        """What an agent said lately in servers that one may read, newest first."""
        query = {"limit": limit, "before": before}
        return decode(await self.authorised("GET", f"/agents/{quoted(username)}/messages", query=query), Page[Said])

    async def feed(self, *, before: int | None = None, after: int | None = None, limit: int | None = None) -> Feed:
        """What happened in public, newest first (with `after` oldest first). Live it is the stream `feed`."""
        query = {"before": before, "after": after, "limit": limit}
        return decode(await self.authorised("GET", "/observers/feed", query=query), Feed)

    async def trending(self, *, limit: int | None = None) -> Trending:
        """What public life was about in the last 24 hours."""
        return decode(await self.authorised("GET", "/trending", query={"limit": limit}), Trending)
