"""At a million rows no call of the repositories reads a big table from end to end, with statistics or without.

Every statement is explained, and what calls really read is counted by the server, which also shows what happens inside
functions and policies.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from db.database import NOBODY, Connection, Scope
from db.repositories import (
    agent_config,
    agents,
    api_tokens,
    audit,
    blocks,
    calls,
    changes,
    channels,
    directory,
    door_positions,
    feed,
    figures,
    following,
    follows,
    friends,
    gather,
    housekeeping,
    inbox,
    jobs,
    messages,
    moderation,
    reports,
    search,
    servers,
    sign_in,
    streams,
)
from db.repositories.calls import AttemptRow
from db.repositories.changes import Change
from db.repositories.channels import ChannelRow
from db.repositories.directory import AgentWish, Wish
from db.repositories.door_positions import DoorMove
from db.repositories.friends import FriendLetters
from db.repositories.messages import Span
from db.repositories.moderation import BanLetters
from db.repositories.reports import NewReport
from db.repositories.sign_in import RefreshTokenRow
from db.roles import Role, role_url
from tests.conftest import Stores
from tests.integration.db.multitude import Multitude, agent, channel, message, posts, server

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

_MEMBER = Scope(agent=agent(41))
_OWNER = Scope(agent=agent(1))
_OBSERVER = Scope(observer=True)
_CLAIMANT = Scope(claimant=agent(41))
_SOME_CHANNELS = [channel(n) for n in range(1, 101)]
# Shortly before the last message of the busy channel, see multitude.sql.
_LATELY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=249_990)
_PLANS = ("force_custom_plan", "force_generic_plan")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unanalysed(stores: Stores) -> AsyncIterator[Multitude]:
    """A million rows in a database whose last ANALYZE was when it was empty, as a young installation's."""
    maker = await asyncpg.connect(stores.admin_url)
    await maker.execute("create database molt_multitude template molt_template")
    url = stores.database_url("molt_multitude")
    logins = {role: await asyncpg.connect(role_url(url, role, stores.keys_dir)) for role in Role}
    multitude = Multitude(await asyncpg.connect(url), logins)
    await multitude.fill()
    yield multitude
    for connection in (multitude.admin, *logins.values()):
        await connection.close()
    await maker.execute("drop database molt_multitude with (force)")
    await maker.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def analysed(unanalysed: Multitude) -> Multitude:
    await unanalysed.analyse()
    return unanalysed


class Call(NamedTuple):
    """A call of a repository: whose role, on whose behalf, what, and how many rows of big tables it may read."""

    name: str
    login: Role
    scope: Scope
    make: Callable[[Connection], Awaitable[object]]
    rows: int = 600


def _change(kind: str, number: int, **fields: Any) -> Change:
    return Change(
        kind=kind,
        actor_id=agent(41 * (1 + number % 490)),
        message_id=message(number),
        at=datetime.now(UTC),
        head=b"",
        tail=b"",
        **fields,
    )


async def _found(connection: Connection, sort: str, *, before: UUID | None = None, **wanted: str) -> object:
    return await directory.list_servers(connection, Wish(sort, **wanted), before=before, limit=50)


async def _banned(connection: Connection, number: int) -> object:
    letters = BanLetters([b"{"] * 2, [b"}"] * 2)
    return await moderation.ban(
        connection, server(1), agent(number), reason=None, letters=letters, at=datetime.now(UTC)
    )


async def _reported(connection: Connection, number: int) -> object:
    new = NewReport(
        id=uuid4(),
        channel_id=channel(1),
        target_id=agent(number),
        reason="spam",
        seasoned=timedelta(0),
        letters=BanLetters([b"{"] * 2, [b"}"] * 2),
        at=datetime.now(UTC),
    )
    return await reports.report(connection, new)


async def _cut_off(connection: Connection, number: int) -> object:
    return await channels.delete_channel(connection, server(number), channel(number), b"", b"", datetime.now(UTC))


async def _agents(connection: Connection, sort: str, *, before: UUID | None = None, **wanted: str) -> object:
    return await directory.list_agents(connection, AgentWish(sort, **wanted), before=before, limit=50)


async def _taken(connection: Connection, most: int) -> object:
    limits = {"lease": timedelta(minutes=1), "pause": timedelta(seconds=3)}
    return await calls.claim_calls(connection, [uuid4() for _ in range(most)], capped=True, **limits)


async def _moved(connection: Connection, *numbers: int) -> object:
    epoch = await connection.fetchval("select app.epoch()")
    moves = [DoorMove(agent(number), "pico:inbox", channel(number), 0, 1, epoch) for number in numbers]
    await door_positions.move_positions(connection, moves)
    return moves


def _refresh_token() -> RefreshTokenRow:
    return RefreshTokenRow("agent", agent(41), agent(41), agent(41), "hash", datetime.now(UTC))


async def _asked(connection: Connection, number: int) -> object:
    letters = FriendLetters([b"{"] * 3, [b"}"] * 3)
    return await friends.ask(connection, agent(number), request_id=uuid4(), channel_id=uuid4(), letters=letters)


async def _since(connection: Connection, since: datetime | None) -> object:
    return await gather.messages_since(connection, agent(41), channel(1), since, skip=0, limit=50)


def _channel_row() -> ChannelRow:
    return ChannelRow(uuid4(), server(2), "new", "text", None, None, None, 0)


_API = [
    Call(
        "newest history",
        Role.API,
        _MEMBER,
        lambda c: messages.read_messages(c, _MEMBER, channel(1), Span(2**62, older=51)),
    ),
    Call(
        "old history",
        Role.API,
        _MEMBER,
        lambda c: messages.read_messages(c, _MEMBER, channel(1), Span(900, older=51)),
    ),
    Call(
        "later history",
        Role.API,
        _MEMBER,
        lambda c: messages.read_messages(c, _MEMBER, channel(1), Span(99_000, newer=51)),
    ),
    Call(
        "quiet history",
        Role.API,
        Scope(agent=agent(500)),
        lambda c: messages.read_messages(c, Scope(agent=agent(500)), channel(500), Span(2**62, older=51)),
    ),
    Call(
        "observed history",
        Role.API,
        _OBSERVER,
        lambda c: messages.read_messages(c, _OBSERVER, channel(1), Span(2**62, older=51)),
    ),
    Call("one message", Role.API, _MEMBER, lambda c: messages.read_message(c, _MEMBER, message(123_456))),
    Call(
        "history around a message",
        Role.API,
        _MEMBER,
        lambda c: messages.read_messages(c, _MEMBER, channel(1), Span(message(123_456), newer=25, older=51)),
    ),
    Call("holder of a key", Role.API, Scope(), lambda c: gather.find_by_key(c, "n" * 44)),
    Call("rooms of Gather", Role.API, _MEMBER, lambda c: gather.list_rooms(c, agent(41)), 1_500),
    Call("one room", Role.API, _MEMBER, lambda c: gather.find_room(c, agent(41), channel(1))),
    Call("poll of the newest", Role.API, NOBODY, lambda c: _since(c, None), 12_000),
    Call("poll since a moment", Role.API, NOBODY, lambda c: _since(c, _LATELY)),
    Call("poll since long ago", Role.API, NOBODY, lambda c: _since(c, datetime(2020, 1, 1, tzinfo=UTC)), 12_000),
    Call(
        "heads of what is polled",
        Role.API,
        NOBODY,
        lambda c: gather.poll_heads(c, [(agent(41), each) for each in _SOME_CHANNELS], [-1] * len(_SOME_CHANNELS)),
        1_500,
    ),
    Call("mail", Role.API, _MEMBER, lambda c: gather.list_mail(c, agent(41), unread_only=False, skip=0, limit=50)),
    Call("counts of mail", Role.API, _MEMBER, lambda c: gather.count_mail(c, agent(41), unread_only=True)),
    Call("mail that was read", Role.API, _MEMBER, lambda c: gather.handle_mail(c, 1, deleted=True)),
    Call("an API token", Role.API, Scope(), lambda c: api_tokens.find_token(c, agent(777))),
    Call("an API token used", Role.GATEWAY, Scope(), lambda c: api_tokens.token_used(c, agent(777))),
    Call("one's API tokens", Role.API, _MEMBER, lambda c: api_tokens.list_tokens(c, agent(41))),
    Call("a door's positions", Role.GATEWAY, Scope(), lambda c: door_positions.list_positions(c, agent(41), "pico:x")),
    Call("positions move", Role.GATEWAY, Scope(), lambda c: _moved(c, 41, 42, 43)),
    Call(
        "a position forgotten",
        Role.GATEWAY,
        Scope(),
        lambda c: door_positions.forget_position(c, agent(41), "pico:inbox", channel(1)),
    ),
    Call(
        "an inbox told",
        Role.GATEWAY,
        Scope(),
        lambda c: door_positions.inbox_told(c, agent(41), 2, "another life"),
    ),
    Call("profile by id", Role.API, _MEMBER, lambda c: agents.read_agent(c, _MEMBER, agent_id=agent(777))),
    Call("profile by name", Role.API, _MEMBER, lambda c: agents.read_agent(c, _MEMBER, username="agent-777")),
    Call(
        "what an agent said",
        Role.API,
        _OBSERVER,
        lambda c: messages.list_agent_messages(c, agent(82), before=None, limit=51),
        8_000,
    ),
    Call(
        "what an agent said before that",
        Role.API,
        _MEMBER,
        lambda c: messages.list_agent_messages(c, agent(82), before=(datetime.now(UTC), message(9)), limit=51),
        8_000,
    ),
    Call("outbound cap", Role.API, NOBODY, lambda c: agents.outbound_cap(c, agent(777))),
    Call("agent by id", Role.API, NOBODY, lambda c: agents.find_agent(c, agent_id=agent(777))),
    Call("agent by name", Role.API, NOBODY, lambda c: agents.find_agent(c, username="agent-777")),
    Call("one server", Role.API, _MEMBER, lambda c: servers.find_server(c, server(1))),
    Call("newest servers", Role.API, NOBODY, lambda c: _found(c, "new")),
    Call("older servers", Role.API, _OBSERVER, lambda c: _found(c, "new", before=server(9_001))),
    Call("popular servers", Role.API, NOBODY, lambda c: _found(c, "popular")),
    Call("less popular servers", Role.API, _OBSERVER, lambda c: _found(c, "popular", before=server(9_001))),
    Call("servers of a category", Role.API, NOBODY, lambda c: _found(c, "new", category="none")),
    Call("servers by tag", Role.API, NOBODY, lambda c: _found(c, "new", tag="tag-1")),
    Call("lock", Role.API, _OWNER, lambda c: servers.lock_server(c, server(1))),
    Call("delete a channel", Role.API, Scope(agent=agent(2)), lambda c: _cut_off(c, 2)),
    Call("delete a busy channel", Role.API, _OWNER, lambda c: _cut_off(c, 1)),
    Call("own servers", Role.API, _MEMBER, lambda c: servers.list_joined_servers(c, agent(41))),
    Call("role", Role.API, _MEMBER, lambda c: servers.find_role(c, server(1), agent(41))),
    Call("ban", Role.API, _MEMBER, lambda c: servers.is_banned(c, server(1), agent(41))),
    Call("first members", Role.API, _MEMBER, lambda c: servers.list_members(c, server(1), after=None, limit=50), 3_000),
    Call(
        "later members",
        Role.API,
        _OBSERVER,
        lambda c: servers.list_members(c, server(1), after="agent-5", limit=50),
        3_000,
    ),
    Call("join", Role.API, _MEMBER, lambda c: servers.insert_member(c, server(9_001), agent(41), "member")),
    Call("leave", Role.API, _MEMBER, lambda c: servers.delete_member(c, server(1), agent(41))),
    Call("channels of the busy server", Role.API, _MEMBER, lambda c: channels.list_channels(c, server(1)), 1_500),
    Call("one channel", Role.API, _MEMBER, lambda c: channels.find_channel(c, channel(1))),
    Call("new channel", Role.API, Scope(agent=agent(2)), lambda c: channels.insert_channel(c, _channel_row())),
    Call("append", Role.API, _MEMBER, lambda c: streams.append_event(c, channel(1), b"", b"", datetime.now(UTC))),
    Call(
        "readable", Role.API, _MEMBER, lambda c: streams.readable(c, agent(41), _SOME_CHANNELS, observer=False), 1_500
    ),
    Call("acknowledge", Role.API, _MEMBER, lambda c: streams.acknowledge(c, agent(41), 2)),
]
_SIGN_IN = [
    Call("open challenges", Role.API, _CLAIMANT, lambda c: sign_in.open_challenges(c, agent(41))),
    Call("spend a challenge", Role.API, _CLAIMANT, lambda c: sign_in.spend_challenge(c, agent(41))),
    Call("find a token", Role.API, Scope(token=agent(41)), lambda c: sign_in.find_token(c, agent(41))),
    Call("spend a token", Role.API, _CLAIMANT, lambda c: sign_in.spend_token(c, _refresh_token())),
    Call("log out", Role.API, _MEMBER, lambda c: sign_in.revoke(c, "agent", agent(41), agent(41))),
    Call("log out everywhere", Role.API, _CLAIMANT, lambda c: sign_in.revoke(c, "agent", agent(41), None)),
    Call("log out elsewhere", Role.API, _MEMBER, lambda c: sign_in.revoke_others(c, agent(41), agent(1))),
    Call("void challenges", Role.API, _CLAIMANT, lambda c: sign_in.void_challenges(c, agent(41))),
    Call("revocations", Role.API, NOBODY, lambda c: sign_in.recent_revocations(c, 60)),
]
_OWN = [
    Call("lock oneself", Role.API, _MEMBER, lambda c: agents.lock_agent(c, agent(41))),
    Call("change the key", Role.API, _MEMBER, lambda c: agents.change_key(c, agent(41), old="k" * 44, new="n" * 44)),
    Call("leave for good", Role.API, Scope(agent=agent(39_500)), lambda c: agents.retire_agent(c, b"{}")),
    Call("settings", Role.API, _MEMBER, lambda c: agent_config.lock_config(c, agent(41))),
    Call("inbox position", Role.API, _MEMBER, lambda c: inbox.inbox_position(c, agent(41))),
    Call("own inbox", Role.API, _MEMBER, lambda c: inbox.list_inbox(c, agent(41), after=0, limit=50)),
    Call(
        "delivery",
        Role.API,
        Scope(agent=agent(41 * (1 + 123_456 % 490))),
        lambda c: inbox.message_delivery(c, message(123_456), ("agent-82", "agent-123")),
    ),
]
# Bounded by the searches themselves: the newest or best few thousand, and as many of what is rare. A text index counts
# all that it knows of a word, though that is a few bits each.
_DISCOVERY = [
    Call("search for a common word", Role.API, NOBODY, lambda c: search.search_messages(c, "message", 50), 40_000),
    Call("search for a beginning", Role.API, NOBODY, lambda c: search.search_messages(c, "mess", 50), 40_000),
    Call("search for what is old", Role.API, NOBODY, lambda c: search.search_messages(c, "busy", 50), 300_000),
    Call("search for a rare word", Role.API, NOBODY, lambda c: search.search_messages(c, "123456", 50), 40_000),
    Call("search for nothing", Role.API, NOBODY, lambda c: search.search_messages(c, "nothing", 50), 40_000),
    Call("search for servers", Role.API, NOBODY, lambda c: search.search_servers(c, "server 77", 50), 10_000),
    Call("search for channels", Role.API, NOBODY, lambda c: search.search_channels(c, "general", 50), 50_000),
    Call("search for agents", Role.API, NOBODY, lambda c: search.search_agents(c, "agent 777", 50), 10_000),
    Call("hot servers", Role.API, _OBSERVER, lambda c: _found(c, "hot")),
    Call("less hot servers", Role.API, _OBSERVER, lambda c: _found(c, "hot", before=server(9_001)), 1_500),
    Call("servers with a common word", Role.API, _OBSERVER, lambda c: _found(c, "hot", words="server"), 80_000),
    Call("servers with a rare word", Role.API, _OBSERVER, lambda c: _found(c, "new", words="7777"), 25_000),
    Call("agents by karma", Role.API, _OBSERVER, lambda c: _agents(c, "karma")),
    Call("newest agents", Role.API, _OBSERVER, lambda c: _agents(c, "new")),
    Call("older agents", Role.API, _OBSERVER, lambda c: _agents(c, "new", before=agent(9_001))),
    Call("agents with a word", Role.API, _OBSERVER, lambda c: _agents(c, "karma", words="agent 7777"), 5_000),
    Call("agents with a skill", Role.API, _OBSERVER, lambda c: _agents(c, "karma", capability="none")),
    Call("newest of the feed", Role.API, NOBODY, lambda c: feed.read_feed(c, after=None, before=None, limit=50), 1_500),
    Call("later in the feed", Role.API, NOBODY, lambda c: feed.read_feed(c, after=9, before=None, limit=50), 1_500),
    Call("totals", Role.API, NOBODY, figures.read_totals),
    Call("tell the feed", Role.WORKER, NOBODY, lambda c: feed.take_items(c, 50)),
    Call("index", Role.WORKER, NOBODY, lambda c: search.index_messages(c, 1_000), 2_000),
]
_GATEWAY = [
    Call("replay", Role.GATEWAY, NOBODY, lambda c: streams.read_events(c, channel(1), after=99_000, limit=200), 1_500),
    Call(
        "end of a replay", Role.GATEWAY, NOBODY, lambda c: streams.read_events(c, channel(1), after=249_990, limit=200)
    ),
    Call("inbox", Role.GATEWAY, NOBODY, lambda c: streams.read_inbox(c, agent(41), after=0, limit=200)),
    Call("heads", Role.GATEWAY, NOBODY, lambda c: streams.read_heads(c, _SOME_CHANNELS)),
    Call("look", Role.GATEWAY, NOBODY, lambda c: streams.look(c, _SOME_CHANNELS, since_s=60)),
    Call("session", Role.GATEWAY, NOBODY, lambda c: streams.open_session(c, agent(41))),
    Call(
        "streams",
        Role.GATEWAY,
        NOBODY,
        lambda c: streams.open_streams(c, agent(41), _SOME_CHANNELS, observer=False),
        1_500,
    ),
    Call(
        "streams of an observer",
        Role.GATEWAY,
        NOBODY,
        lambda c: streams.open_streams(c, None, _SOME_CHANNELS, observer=True),
        1_500,
    ),
    Call(
        "may read",
        Role.GATEWAY,
        NOBODY,
        lambda c: streams.readable(c, agent(41), _SOME_CHANNELS, observer=False),
        1_500,
    ),
    Call(
        "lost",
        Role.GATEWAY,
        NOBODY,
        lambda c: following.lost(c, [(reader, one) for reader in (agent(41), None) for one in _SOME_CHANNELS]),
        4_000,
    ),
    Call("instructions", Role.GATEWAY, NOBODY, lambda c: following.read_instructions(c, _SOME_CHANNELS), 1_500),
    Call("locate", Role.GATEWAY, NOBODY, lambda c: changes.locate_message(c, agent(41), message(123_456))),
    Call("react", Role.GATEWAY, NOBODY, lambda c: changes.change_message(c, _change("react", 1_000, emoji="up"))),
    Call("unreact", Role.GATEWAY, NOBODY, lambda c: changes.change_message(c, _change("unreact", 249_000, emoji="up"))),
    Call(
        "edit",
        Role.GATEWAY,
        NOBODY,
        lambda c: changes.change_message(c, _change("edit", 1_000, content="y", content_type="text")),
    ),
    Call("delete", Role.GATEWAY, NOBODY, lambda c: changes.change_message(c, _change("delete", 1_000))),
    Call(
        "one post",
        Role.GATEWAY,
        NOBODY,
        lambda c: streams.post_messages(c, posts(1, mentions=("agent-82", "agent-123"))),
    ),
    Call("hundred posts", Role.GATEWAY, NOBODY, lambda c: streams.post_messages(c, posts(100)), 10_000),
]
_SOCIAL = [
    Call("friends", Role.API, _MEMBER, lambda c: friends.list_friends(c, agent(41), after=None, limit=50)),
    Call("one friend", Role.API, _MEMBER, lambda c: friends.find_friend(c, agent(41), agent(42))),
    Call("requests", Role.API, _MEMBER, lambda c: friends.list_requests(c, agent(41), before=None, limit=50)),
    Call("one request", Role.API, _MEMBER, lambda c: friends.find_request(c, agent(41), agent(52), status="rejected")),
    Call("the pair", Role.API, _MEMBER, lambda c: friends.lock_pair(c, agent(42))),
    Call("ask", Role.API, _MEMBER, lambda c: _asked(c, 5_000)),
    Call("ask the other way round", Role.API, Scope(agent=agent(53)), lambda c: _asked(c, 42)),
    Call("reject", Role.API, Scope(agent=agent(53)), lambda c: friends.reject(c, agent(42))),
    Call("end", Role.API, _MEMBER, lambda c: friends.end(c, agent(42))),
    Call("block", Role.API, _MEMBER, lambda c: blocks.block(c, agent(42))),
    Call("unblock", Role.API, _MEMBER, lambda c: blocks.unblock(c, agent(48))),
    Call("blocks", Role.API, _MEMBER, lambda c: blocks.list_blocks(c, agent(41), after=None, limit=50)),
    Call("follow", Role.API, _MEMBER, lambda c: follows.follow(c, agent(5_000), head=b"", tail=b"")),
    Call("unfollow", Role.API, _MEMBER, lambda c: follows.unfollow(c, agent(42))),
    Call(
        "followers", Role.API, NOBODY, lambda c: follows.list_follows(c, "followers", agent(41), before=None, limit=50)
    ),
    Call(
        "following",
        Role.API,
        NOBODY,
        lambda c: follows.list_follows(c, "following", agent(41), before=(datetime.now(UTC), agent(1)), limit=50),
    ),
    Call("take a job", Role.WORKER, NOBODY, lambda c: jobs.take_job(c, ["tell_followers"])),
    Call(
        "tell followers",
        Role.WORKER,
        NOBODY,
        lambda c: follows.tell_followers(c, agent(42), server(42), after=None, bite=200, head=b"", tail=b""),
    ),
]
_MODERATION = [
    Call("ban a member", Role.API, _OWNER, lambda c: _banned(c, 41), 1_500),
    Call("ban a stranger", Role.API, _OWNER, lambda c: _banned(c, 7_000), 1_500),
    Call("unban", Role.API, _OWNER, lambda c: moderation.unban(c, server(1), agent(6))),
    Call("lift", Role.API, _OWNER, lambda c: moderation.lift(c, channel(1), agent(7))),
    Call("one ban", Role.API, _OWNER, lambda c: moderation.find_ban(c, server(1), agent(6))),
    Call("bans", Role.API, _OWNER, lambda c: moderation.list_server_bans(c, server(1), after=None, limit=50)),
    Call("channel bans", Role.API, _OWNER, lambda c: moderation.list_channel_bans(c, channel(1), after=None, limit=50)),
    # Hundreds of others' reports are weighed, and each one's right to be heard.
    Call("report", Role.API, Scope(agent=agent(82)), lambda c: _reported(c, 41 * 3), 3_000),
    Call("the last report", Role.API, Scope(agent=agent(41 * 450)), lambda c: _reported(c, 41), 8_000),
    Call("reports", Role.API, _OWNER, lambda c: reports.list_reports(c, channel(1), before=None, limit=50)),
    Call("audit", Role.API, _OWNER, lambda c: audit.list_acts(c, server(1), before=None, limit=50)),
]
_ATTEMPT = AttemptRow(agent(41), 0, "delivered", 204, None, None, timedelta())
_CALLING = [
    Call("undecided", Role.WORKER, NOBODY, lambda c: calls.list_undecided(c, limit=5_000)),
    Call("plan calls", Role.WORKER, NOBODY, lambda c: calls.plan_calls(c, [agent(41), agent(42), agent(777)])),
    Call("take calls", Role.WORKER, NOBODY, lambda c: _taken(c, 5)),
    Call("record a call", Role.WORKER, NOBODY, lambda c: calls.record_calls(c, [_ATTEMPT])),
    Call("own calls", Role.API, _MEMBER, lambda c: calls.list_deliveries(c, agent(41), before=None, limit=50)),
    Call("call again", Role.API, _MEMBER, lambda c: calls.queue_call(c, agent(41), test=False)),
    Call("settings have changed", Role.API, _MEMBER, lambda c: calls.configure_calls(c, probe_id=uuid4())),
]
_WORKER = [Call("sweep", Role.WORKER, NOBODY, housekeeping.sweep, 2_000), *_CALLING]
_CALLS = [*_API, *_DISCOVERY, *_SOCIAL, *_MODERATION, *_SIGN_IN, *_OWN, *_GATEWAY, *_WORKER]
# Joins and lists that only statistics can put into the right order; none is on the way of a message.
_IN_NEED_OF_STATISTICS = {
    "servers by tag",
    "own servers",
    "older agents",
    "servers with a common word",
    "delete",
    "sweep",
    "audit",
    "reports",
}


async def _reads(multitude: Multitude, call: Call, plan: str) -> tuple[list[str], dict[str, int], int]:
    """What is read from end to end, as planned and as counted; and how many rows in all."""
    scans, rows = await multitude.read(call.login)
    big = set(rows)
    async with multitude.acting(call.login, call.scope, plan) as recorder:
        await call.make(cast("Connection", recorder))
    scans_after, rows_after = await multitude.read(call.login)
    planned: list[str] = []
    for statement, arguments in recorder.asked:
        async with multitude.acting(call.login, call.scope, plan) as explaining:
            lines = [row[0] for row in await explaining.fetch("explain " + statement, *arguments)]
        planned += [
            line.strip() for line in lines if (found := re.search(r"Seq Scan on (\w+)", line)) and found[1] in big
        ]
    return planned, dict(scans_after - scans), sum((rows_after - rows).values())


def _id(call: object) -> str:
    return call.name if isinstance(call, Call) else str(call)


@pytest.mark.parametrize("plan", _PLANS)
@pytest.mark.parametrize("call", [call for call in _CALLS if call.name not in _IN_NEED_OF_STATISTICS], ids=_id)
async def test_without_statistics_no_call_reads_a_big_table_through(
    unanalysed: Multitude, call: Call, plan: str
) -> None:
    planned, scanned, rows = await _reads(unanalysed, call, plan)
    assert (planned, scanned, rows > call.rows) == ([], {}, False), rows


@pytest.mark.parametrize("plan", _PLANS)
@pytest.mark.parametrize("call", _CALLS, ids=_id)
async def test_with_statistics_no_call_reads_a_big_table_through(analysed: Multitude, call: Call, plan: str) -> None:
    planned, scanned, rows = await _reads(analysed, call, plan)
    assert (planned, scanned, rows > call.rows) == ([], {}, False), rows


async def test_the_multitude_is_one(analysed: Multitude) -> None:
    assert analysed.filling_s < 120
    counts = "select (select count(*) from messages) + (select count(*) from events)"
    assert await analysed.admin.fetchval(counts) == 1_000_000


async def test_the_counters_notice_a_table_that_is_read_through(analysed: Multitude) -> None:
    """Otherwise this file proves nothing."""
    search = Call("search", Role.GATEWAY, NOBODY, lambda c: c.fetch("select from events where frame = 'x'"))
    planned, scanned, rows = await _reads(analysed, search, _PLANS[0])
    assert planned
    assert scanned
    assert rows >= 500_000


async def test_posting_to_a_big_channel_is_no_slower_without_statistics(analysed: Multitude) -> None:
    with_statistics = await analysed.post_seconds()
    assert analysed.post_s_without_statistics < 3 * with_statistics


@pytest.mark.parametrize("sought", ["message", "mess", "m", "busy", "busy channel", "123456", "12", "nothing"])
async def test_a_search_takes_less_than_a_tenth_of_a_second(analysed: Multitude, sought: str) -> None:
    times = []
    async with analysed.acting(Role.API, NOBODY, _PLANS[0]) as api:
        for _ in range(9):
            started = time.perf_counter()
            await search.search_messages(cast("Connection", api), sought, 50)
            times.append(time.perf_counter() - started)
    # The best of some, since other tests may be at work on this machine.
    assert min(times) < 0.1


async def test_a_day_of_the_log_is_dropped_without_reading_it(analysed: Multitude) -> None:
    started = time.perf_counter()
    async with analysed.acting(Role.WORKER, NOBODY, _PLANS[0]) as worker:
        await housekeeping.maintain_partitions(cast("Connection", worker), days_ahead=9, retention=timedelta(days=7))
    assert time.perf_counter() - started < 5
