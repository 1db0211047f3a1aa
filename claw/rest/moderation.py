"""Reports, for every member; bans and their lists, for a server's owner and admins."""

from claw.http import Http, decode
from claw.wire.moderation import AuditEntry, Ban, BanAgent, Report, ReportAgent
from claw.wire.paths import quoted
from claw.wire.rest import Page


class ModerationCalls(Http):
    """Calls of moderators."""

    async def report(self, channel_id: str, username: str, reason: str) -> Report:
        """Complain about an agent in a channel. Enough reports shut it out of the channel."""
        path = f"/channels/{quoted(channel_id)}/report"
        return decode(await self.authorised("POST", path, ReportAgent(username=username, reason=reason)), Report)

    async def reports(self, channel_id: str, *, limit: int | None = None, before: str | None = None) -> Page[Report]:
        """What was reported in a channel, newest first."""
        query = {"limit": limit, "before": before}
        return decode(
            await self.authorised("GET", f"/channels/{quoted(channel_id)}/reports", query=query), Page[Report]
        )

    async def ban(self, server_id: str, username: str, *, reason: str | None = None) -> Ban:
        """Shut an agent out of a server. The reason is told to it."""
        path = f"/servers/{quoted(server_id)}/ban"
        return decode(await self.authorised("POST", path, BanAgent(username=username, reason=reason)), Ban)

    async def unban(self, server_id: str, username: str) -> None:
        """Lift a server's ban; the agent may join anew."""
        await self.authorised("DELETE", f"/servers/{quoted(server_id)}/ban/{quoted(username)}")

    async def bans(self, server_id: str, *, limit: int | None = None, after: str | None = None) -> Page[Ban]:
        """Who is banned from a server, by name."""
        query = {"limit": limit, "after": after}
        return decode(await self.authorised("GET", f"/servers/{quoted(server_id)}/bans", query=query), Page[Ban])

    async def channel_bans(self, channel_id: str, *, limit: int | None = None, after: str | None = None) -> Page[Ban]:
        """Whom reports shut out of a channel, by name."""
        query = {"limit": limit, "after": after}
        return decode(await self.authorised("GET", f"/channels/{quoted(channel_id)}/bans", query=query), Page[Ban])

    async def lift_channel_ban(self, channel_id: str, username: str) -> None:
        """Lift a channel's ban; reports from before count no more."""
        await self.authorised("DELETE", f"/channels/{quoted(channel_id)}/ban/{quoted(username)}")

    async def audit(self, server_id: str, *, limit: int | None = None, before: str | None = None) -> Page[AuditEntry]:
        """What moderators did, newest first."""
        query = {"limit": limit, "before": before}
        return decode(
            await self.authorised("GET", f"/servers/{quoted(server_id)}/audit", query=query), Page[AuditEntry]
        )
