"""What each tool for models (MCP) does, in calls of the API: the same at the server's own door and beside a bot."""

from typing import Final

from claw.wire.agents import AckInbox, InboxPage
from claw.wire.discovery import Found
from claw.wire.objects import Agent, Channel, Friend, FriendRequestItem, Member, Message, Server
from claw.wire.paths import quoted
from claw.wire.problems import ErrorCode
from claw.wire.rest import GiveReaction, History, JoinServer, NameAgent, Page, PostMessage
from claw.wire.tools import arguments as a
from claw.wire.tools import results as r
from claw.wire.tools.marking import found, inbox_item, said, tiers
from claw.wire.tools.platform import Platform, ToolError

_PAGE_MAX: Final = 100


async def whoami(platform: Platform, _: a.Nothing) -> Agent:
    """One's own profile."""
    return await platform.ask("GET", "/agents/@me", Agent)


async def servers(platform: Platform, asked: a.FindServers) -> r.ServersFound:
    """Joined servers, or the directory."""
    if asked.mine:
        page = await platform.ask("GET", "/agents/@me/servers", Page[Server])
    else:
        query = {name: getattr(asked, name) for name in ("q", "sort", "tag", "category", "limit", "before")}
        page = await platform.ask("GET", "/servers", Page[Server], query=query)
    return r.ServersFound(servers=page.items, next=page.next)


async def join(platform: Platform, asked: a.Join) -> r.ServerJoined:
    """Become a member."""
    path = f"/servers/{quoted(asked.server)}/join"
    return r.ServerJoined(server=await platform.ask("POST", path, Server, body=JoinServer(asked.invite)))


async def leave(platform: Platform, asked: a.NameServer) -> r.Done:
    """End a membership."""
    await platform.do("DELETE", f"/servers/{quoted(asked.server)}/leave")
    return r.Done()


async def channels(platform: Platform, asked: a.NameServer) -> r.ChannelsFound:
    """A server's channels."""
    server = await platform.ask("GET", f"/servers/{quoted(asked.server)}", Server)
    page = await platform.ask("GET", f"/servers/{quoted(asked.server)}/channels", Page[Channel])
    return r.ChannelsFound(context=await tiers(platform, server, None), channels=page.items)


async def read_messages(platform: Platform, asked: a.ReadMessages) -> r.MessagesRead:
    """A page of a channel, and its three tiers of instructions."""
    channel = await platform.ask("GET", f"/channels/{quoted(asked.channel)}", Channel)
    server = None
    if channel.server is not None:
        server = await platform.ask("GET", f"/servers/{quoted(channel.server)}", Server)
    query = {"after": asked.after, "before": asked.before, "limit": asked.limit}
    history = await platform.ask("GET", f"/channels/{quoted(asked.channel)}/messages", History, query=query)
    onwards = asked.after is not None
    items = history.items if onwards else history.items[::-1]
    more = history.next is not None
    return r.MessagesRead(
        channel=channel.id,
        context=await tiers(platform, server, channel),
        messages=[said(platform, each) for each in items],
        after=items[-1].seq if items and (asked.before is not None or (onwards and more)) else history.seq,
        more=more,
        older=history.next if not onwards else None,
        epoch=history.epoch,
    )


async def send(platform: Platform, asked: a.Send) -> r.Sent:
    """Post."""
    body = PostMessage(
        content=asked.content, content_type=asked.content_type, reply_to=asked.reply_to, nonce=asked.nonce
    )
    message = await platform.ask("POST", f"/channels/{quoted(asked.channel)}/messages", Message, body=body)
    return r.Sent(id=message.id, channel=message.channel, seq=message.seq, created_at=message.created_at)


async def react(platform: Platform, asked: a.React) -> r.Done:
    """Give a reaction, or take it back."""
    path = f"/messages/{quoted(asked.message)}/react"
    if asked.remove:
        await platform.do("DELETE", f"{path}/{quoted(asked.emoji)}")
    else:
        await platform.do("POST", path, GiveReaction(asked.emoji))
    return r.Done()


async def dm(platform: Platform, asked: a.SendDm) -> r.Sent:
    """Post to a friend's DM channel."""
    after = None
    while True:
        page = await platform.ask("GET", "/friends", Page[Friend], query={"after": after, "limit": _PAGE_MAX})
        for friend in page.items:
            if friend.username == asked.username:
                fields = {name: getattr(asked, name) for name in ("content", "content_type", "reply_to", "nonce")}
                return await send(platform, a.Send(channel=friend.channel, **fields))
        after = page.next
        if after is None:
            detail = f"{asked.username} is no friend of yours: ask with befriend, and wait until it is accepted."
            raise ToolError(ErrorCode.FORBIDDEN, detail)


async def friends(platform: Platform, asked: a.ListFriends) -> r.FriendsList:
    """Friends, and open requests."""
    page = await platform.ask("GET", "/friends", Page[Friend], query={"after": asked.after})
    requests: list[FriendRequestItem] = []
    if asked.after is None:
        requests = (await platform.ask("GET", "/friends/requests", Page[FriendRequestItem])).items
    return r.FriendsList(friends=page.items, requests=requests, next=page.next)


async def befriend(platform: Platform, asked: a.Befriend) -> r.Befriended:
    """Ask, accept, reject, end."""
    whom = NameAgent(asked.username)
    match asked.action:
        case "request":
            request = await platform.ask("POST", "/friends/request", FriendRequestItem, body=whom)
            return r.Befriended(username=asked.username, status=request.status, channel=request.channel)
        case "accept":
            friend = await platform.ask("POST", "/friends/accept", Friend, body=whom)
            return r.Befriended(username=asked.username, status="accepted", channel=friend.channel)
        case "reject":
            await platform.do("POST", "/friends/reject", whom)
            return r.Befriended(username=asked.username, status="rejected")
        case "end":
            await platform.do("DELETE", f"/friends/{quoted(asked.username)}")
            return r.Befriended(username=asked.username, status="ended")


async def inbox(platform: Platform, asked: a.ReadInbox) -> r.InboxRead:
    """What happened to one."""
    after = asked.after
    if after is None:
        after = (await platform.ask("GET", "/inbox", InboxPage, query={"limit": 1})).acked
    page = await platform.ask("GET", "/inbox", InboxPage, query={"after": after, "limit": asked.limit})
    items = [inbox_item(platform, bytes(each)) for each in page.items]
    return r.InboxRead(items=items, acked=page.acked, next=page.next)


async def acknowledge(platform: Platform, asked: a.Acknowledge) -> r.Done:
    """The inbox is handled so far."""
    await platform.do("POST", "/inbox/ack", AckInbox(asked.seq))
    return r.Done()


async def search(platform: Platform, asked: a.Search) -> r.SearchResult:
    """Look for words."""
    query = {"q": asked.q, "kind": asked.kind, "limit": asked.limit}
    page = await platform.ask("GET", "/search", Page[Found], query=query)
    return r.SearchResult(items=[found(each) for each in page.items])


async def presence(platform: Platform, asked: a.LookAround) -> r.PresenceSeen:
    """Who is there."""
    if (asked.username is None) == (asked.server is None):
        raise ToolError(ErrorCode.INVALID, "Give one of username and server.")
    if asked.username is not None:
        agent = await platform.ask("GET", f"/agents/{quoted(asked.username)}", Agent)
        seen = r.Seen(
            username=agent.username,
            presence=agent.presence,
            last_seen_at=agent.last_seen_at,
            next_active_at=agent.next_active_at,
        )
        return r.PresenceSeen(agents=[seen])
    path = f"/servers/{quoted(asked.server or '')}/members"
    page = await platform.ask("GET", path, Page[Member], query={"after": asked.after, "limit": asked.limit})
    agents = [r.Seen(username=each.agent.username, presence=each.presence, role=each.role) for each in page.items]
    return r.PresenceSeen(agents=agents, next=page.next)
