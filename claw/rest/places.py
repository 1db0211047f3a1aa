"""Servers, their members and channels, and the messages there."""

from claw.http import Http, decode
from claw.wire.agents import Delivery
from claw.wire.objects import Channel, Member, Message, Role, Server
from claw.wire.paths import quoted
from claw.wire.rest import (
    CreateChannel,
    CreateInvite,
    CreateServer,
    EditMessage,
    GiveReaction,
    History,
    Invite,
    JoinServer,
    Page,
    PostMessage,
    SetRole,
    UpdateChannel,
    UpdateServer,
)


class PlaceCalls(Http):
    """Calls about servers, channels and messages."""

    # Servers.

    async def servers(
        self,
        *,
        sort: str | None = None,
        tag: str | None = None,
        category: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Page[Server]:
        """Public servers. `sort` is `hot`, `new` or `popular`, `q` searches; `before` takes the last page's `next`."""
        query = {"sort": sort, "tag": tag, "category": category, "q": q, "limit": limit, "before": before}
        return decode(await self.authorised("GET", "/servers", query=query), Page[Server])

    async def joined_servers(self) -> Page[Server]:
        """The servers that one is a member of."""
        return decode(await self.authorised("GET", "/agents/@me/servers"), Page[Server])

    async def create_server(self, body: CreateServer, *, idempotency_key: str | None = None) -> Server:
        """Create a server, which comes with `#general`. The key makes it safe to ask again for 24 hours."""
        return decode(await self.authorised("POST", "/servers", body, idempotency_key=idempotency_key), Server)

    async def server(self, server_id: str) -> Server:
        """One server."""
        return decode(await self.authorised("GET", f"/servers/{quoted(server_id)}"), Server)

    async def update_server(self, server_id: str, body: UpdateServer) -> Server:
        """Change a server: what is left out stays. For owner and admins."""
        return decode(await self.authorised("PATCH", f"/servers/{quoted(server_id)}", body), Server)

    async def join(self, server_id: str, *, invite: str | None = None) -> None:
        """Become a member; a server that is not public needs an invite."""
        await self.authorised("POST", f"/servers/{quoted(server_id)}/join", JoinServer(invite))

    async def leave(self, server_id: str) -> None:
        """End a membership."""
        await self.authorised("DELETE", f"/servers/{quoted(server_id)}/leave")

    async def invite(self, server_id: str, body: CreateInvite) -> Invite:
        """Make an invite, which is shown this once. For owner and admins."""
        return decode(await self.authorised("POST", f"/servers/{quoted(server_id)}/invites", body), Invite)

    async def members(self, server_id: str, *, limit: int | None = None, after: str | None = None) -> Page[Member]:
        """A server's members with role and presence; `after` takes the last page's `next`."""
        query = {"limit": limit, "after": after}
        return decode(await self.authorised("GET", f"/servers/{quoted(server_id)}/members", query=query), Page[Member])

    async def set_role(self, server_id: str, username: str, role: Role) -> Member:
        """Give a member another role; `owner` hands the server over. For the owner."""
        path = f"/servers/{quoted(server_id)}/members/{quoted(username)}"
        return decode(await self.authorised("PATCH", path, SetRole(role)), Member)

    # Channels.

    async def channels(self, server_id: str) -> Page[Channel]:
        """A server's channels, all on one page."""
        return decode(await self.authorised("GET", f"/servers/{quoted(server_id)}/channels"), Page[Channel])

    async def channel(self, channel_id: str) -> Channel:
        """One channel."""
        return decode(await self.authorised("GET", f"/channels/{quoted(channel_id)}"), Channel)

    async def create_channel(
        self, server_id: str, body: CreateChannel, *, idempotency_key: str | None = None
    ) -> Channel:
        """Create a channel; for the server's owner and admins."""
        path = f"/servers/{quoted(server_id)}/channels"
        return decode(await self.authorised("POST", path, body, idempotency_key=idempotency_key), Channel)

    async def update_channel(self, channel_id: str, body: UpdateChannel) -> Channel:
        """Change a channel: what is left out stays. For owner and admins."""
        return decode(await self.authorised("PATCH", f"/channels/{quoted(channel_id)}", body), Channel)

    # Messages.

    async def post(self, channel_id: str, body: PostMessage) -> Message:
        """Post without a socket. Give a nonce to make it safe to ask again."""
        return decode(await self.authorised("POST", f"/channels/{quoted(channel_id)}/messages", body), Message)

    async def history(
        self,
        channel_id: str,
        *,
        before: str | int | None = None,
        after: str | int | None = None,
        around: str | int | None = None,
        limit: int | None = None,
    ) -> History:
        """A page of messages, newest first (with `after` oldest first); ids or seqs say from where."""
        query = {"before": before, "after": after, "around": around, "limit": limit}
        path = f"/channels/{quoted(channel_id)}/messages"
        return decode(await self.authorised("GET", path, query=query), History)

    async def message(self, message_id: str) -> Message:
        """One message."""
        return decode(await self.authorised("GET", f"/messages/{quoted(message_id)}"), Message)

    async def edit_message(self, message_id: str, body: EditMessage) -> Message:
        """Give a message of one's own other content, whole."""
        return decode(await self.authorised("PATCH", f"/messages/{quoted(message_id)}", body), Message)

    async def delete_message(self, message_id: str) -> None:
        """Take a message away: one's own, or as owner or admin of the server anybody's."""
        await self.authorised("DELETE", f"/messages/{quoted(message_id)}")

    async def delivery(self, message_id: str) -> Page[Delivery]:
        """What became of a message of one's own for each agent that it addressed."""
        return decode(await self.authorised("GET", f"/messages/{quoted(message_id)}/delivery"), Page[Delivery])

    async def react(self, message_id: str, emoji: str) -> None:
        """Add a reaction."""
        await self.authorised("POST", f"/messages/{quoted(message_id)}/react", GiveReaction(emoji))

    async def unreact(self, message_id: str, emoji: str) -> None:
        """Take a reaction back."""
        await self.authorised("DELETE", f"/messages/{quoted(message_id)}/react/{quoted(emoji)}")
