"""Edits, deletions and reactions: who may, what is told, and what is left of what was deleted."""

import asyncio
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.rest import EditMessage
from core.actor import Actor
from core.errors import MoltError
from core.group_commit import GroupCommit
from core.services.changes import Changes
from core.services.messages import Messages
from db.repositories.streams import StoredEvent
from tests.conftest import Store
from tests.support.town import Town, post_row

_KINDS = ("edit", "delete", "react", "unreact")


class Told:
    """The service, and the frames that it announced."""

    def __init__(self, town: Town) -> None:
        self.events: list[StoredEvent] = []
        self.changes = Changes(town.gateway, self.events.extend)

    async def does(self, kind: str, actor: UUID, message: UUID) -> str:
        """`done`, `unchanged` or the code of the refusal."""
        before = len(self.events)
        try:
            match kind:
                case "edit":
                    await self.changes.edit(actor, message, EditMessage(content="changed"))
                case "delete":
                    await self.changes.delete(actor, message)
                case "react":
                    await self.changes.react(actor, message, "👍")
                case _:
                    await self.changes.unreact(actor, message, "👍")
        except MoltError as error:
            return str(error.code)
        return "done" if len(self.events) > before else "unchanged"

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(event.frame) for event in self.events]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("author", {"edit": "done", "delete": "done", "react": "done", "unreact": "done"}),
        ("member", {"edit": "forbidden", "delete": "forbidden", "react": "done", "unreact": "done"}),
        ("admin", {"edit": "forbidden", "delete": "done", "react": "done", "unreact": "done"}),
        ("owner", {"edit": "forbidden", "delete": "done", "react": "done", "unreact": "done"}),
        ("stranger", dict.fromkeys(_KINDS, "not_found")),
        ("exiled", dict.fromkeys(_KINDS, "not_found")),
        ("muted", dict.fromkeys(_KINDS, "not_found")),
        ("nobody", dict.fromkeys(_KINDS, "not_found")),
        ("suspended", dict.fromkeys(_KINDS, "suspended")),
    ],
)
async def test_who_may_do_what_in_a_channel(town: Town, who: str, expected: dict[str, str]) -> None:
    names = ("owner", "admin", "author", "member", "exiled", "muted", "suspended", "stranger")
    agents = {name: await town.agent(name) for name in names}
    agents["nobody"] = uuid7()
    server = await town.server(agents["owner"], *(agents[name] for name in names[2:7]))
    await town.join(server, agents["admin"], "admin")
    room = await town.channel(server)
    message = await town.say(agents["author"], room)
    await town.ban(server, agents["exiled"])
    await town.ban(room, agents["muted"], kind="channel")
    await town.admin.execute("update agents set status = 'suspended' where id = $1", agents["suspended"])
    told = Told(town)
    said = {kind: await told.does(kind, agents[who], message) for kind in ("react", "unreact", "edit", "delete")}
    assert said == expected
    assert await town.seqs(room) == [1, *(event.seq for event in told.events)]


@pytest.mark.parametrize(
    ("state", "friend", "author"),
    [
        ("friends", {"edit": "forbidden", "delete": "forbidden", "react": "done"}, dict.fromkeys(_KINDS[:3], "done")),
        ("parted", {"edit": "forbidden", "delete": "forbidden", "react": "forbidden"},
         {"edit": "forbidden", "delete": "done", "react": "forbidden"}),
        ("blocked", {"edit": "blocked", "delete": "forbidden", "react": "blocked"},
         {"edit": "blocked", "delete": "done", "react": "blocked"}),
        ("blocking", {"edit": "blocked", "delete": "forbidden", "react": "blocked"},
         {"edit": "blocked", "delete": "done", "react": "blocked"}),
    ],
)  # fmt: skip
async def test_a_dm_that_is_closed_takes_nothing_but_the_deletion_of_ones_own(
    town: Town, state: str, friend: dict[str, str], author: dict[str, str]
) -> None:
    one, other, third = await town.agents(3)
    dm = await town.friends(one, other)
    message = await town.say(one, dm)
    match state:
        case "parted":
            await town.admin.execute("delete from friendships")
        case "blocked":
            await town.block(other, one)
        case "blocking":
            await town.block(one, other)
    told = Told(town)
    assert {await told.does(kind, third, message) for kind in _KINDS} == {"not_found"}
    assert {kind: await told.does(kind, other, message) for kind in friend} == friend
    assert {kind: await told.does(kind, one, message) for kind in ("react", "edit", "delete")} == author


async def test_each_change_is_one_event_in_the_next_place(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    message = await town.say(owner, room)
    told = Told(town)
    changes = told.changes
    await changes.react(member, message, "👍")
    edit = EditMessage(content="x", content_type="code", raw_metadata=msgspec.Raw(b'{"a":1}'))
    await changes.edit(owner, message, edit)
    await changes.unreact(member, message, "👍")
    await changes.delete(owner, message)
    place = {"channel": encode_id(Prefix.CHANNEL, room)}
    wire, name = encode_id(Prefix.MESSAGE, message), town.names[member]
    edited_at = told.frames[1]["edited_at"]
    assert told.frames == [
        {"op": "reaction_added", **place, "seq": 2, "message": wire, "agent": name, "emoji": "👍"},
        {"op": "message_edited", **place, "seq": 3, "id": wire, "content": "x", "content_type": "code",
         "metadata": {"a": 1}, "edited_at": edited_at},
        {"op": "reaction_removed", **place, "seq": 4, "message": wire, "agent": name, "emoji": "👍"},
        {"op": "message_deleted", **place, "seq": 5, "id": wire, "by": town.names[owner]},
    ]  # fmt: skip
    assert [event.seq for event in told.events] == [2, 3, 4, 5]
    assert {event.stream_id for event in told.events} == {room}
    assert await town.seqs(room) == [1, 2, 3, 4, 5]


async def test_a_reaction_given_twice_or_taken_back_twice_is_one_event(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    message = await town.say(owner, room)
    told = Told(town)
    kinds = ("unreact", "react", "react", "unreact", "unreact")
    said = [await told.does(kind, member, message) for kind in kinds]
    assert said == ["unchanged", "done", "unchanged", "done", "unchanged"]
    await asyncio.gather(*(told.changes.react(member, message, "🎉") for _ in range(4)))
    assert [frame["op"] for frame in told.frames] == ["reaction_added", "reaction_removed", "reaction_added"]
    assert await town.seqs(room) == [1, 2, 3, 4]


async def test_what_was_deleted_takes_no_change_any_more(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    message = await town.say(owner, room)
    told = Told(town)
    assert await told.does("delete", owner, message) == "done"
    assert {await told.does(kind, actor, message) for kind in _KINDS for actor in (owner, member)} == {"not_found"}
    assert await town.seqs(room) == [1, 2]


async def test_a_deletion_that_committed_first_holds_for_a_reaction_that_waited(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    message = await town.say(owner, room)
    told = Told(town)
    async with town.holding(room) as admin:
        reacting = asyncio.create_task(told.does("react", member, message))
        await town.until_waiting(1)
        await admin.execute("update messages set deleted_at = now(), content = ''")
    assert await reacting == "not_found"


async def test_a_deleted_message_leaves_no_word_anywhere_in_the_database(town: Town, store: Store) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    words = ("zzyzx", "xyzzy", "plugh")
    quoted = f"zzyzx @{town.names[member]}"
    message = await town.say(owner, room, quoted, metadata=msgspec.Raw(b'{"word":"xyzzy"}'), nonce="n")
    told = Told(town)
    edit = EditMessage(content="plugh", raw_metadata=msgspec.Raw(b'{"word":"plugh"}'))
    await told.changes.edit(owner, message, edit)
    await town.say(owner, room, f"kept @{town.names[member]}")
    assert {word for word in words if await _places_of(town, word)} == set(words)
    async with town.gateway.connection() as connection:
        before = [await town.replay(connection, stream) for stream in (room, member)]

    await told.changes.delete(owner, message)
    for word in words:
        assert await _places_of(town, word) == []
    assert await _places_of(town, "kept") == ["events", "inbox_events", "messages"]

    async with town.gateway.connection() as connection:
        events, letters = [await town.replay(connection, stream) for stream in (room, member)]
    assert [event.seq for event in events] == [1, 2, 3, 4]
    posted, edited = json.loads(before[0][0].frame), json.loads(before[0][1].frame)
    blank = {"content": "", "metadata": None, "deleted": True}
    assert [json.loads(event.frame) for event in events[:2]] == [posted | blank, edited | blank]
    assert events[2] == before[0][2]
    letter = json.loads(before[1][0].frame)
    assert json.loads(letters[0].frame) == letter | {"message": letter["message"] | blank}
    assert letters[1] == before[1][1]
    view = msgspec.to_builtins(await Messages(store.api).get(Actor("agent", member), message))
    assert (view["content"], view["metadata"], view["deleted"], view["seq"]) == ("", None, True, 1)
    # Sent again under its nonce it is still that message, and is not brought back.
    [again] = await town.post(post_row(owner, room, quoted, metadata=msgspec.Raw(b'{"word":"xyzzy"}'), nonce="n"))
    assert (again.outcome, again.seq) == ("again", 1)


async def test_a_place_among_posts_under_way_is_found_by_every_change(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    messages = [await town.say(owner, room) for _ in range(4)]
    told = Told(town)
    commit = GroupCommit(town.gateway, told.events.extend)
    acts = [told.does(kind, owner, message) for message in messages for kind in ("react", "edit", "delete")]
    await asyncio.gather(*acts, *(commit.submit(post_row(member, room)) for _ in range(20)))
    assert sorted(event.seq for event in told.events) == list(range(5, 5 + len(told.events)))
    assert await town.seqs(room) == list(range(1, 5 + len(told.events)))


async def test_karma_counts_the_reactions_of_others_and_of_nobody_twice(town: Town) -> None:
    author, one, other = await town.agents(3)
    room = await town.room(author, one, other)
    message = await town.say(author, room)
    told = Told(town)
    for kind, actor, expected in (
        ("react", author, 0),
        ("react", one, 1),
        ("react", one, 1),
        ("react", other, 2),
        ("unreact", author, 2),
        ("unreact", one, 1),
        ("unreact", one, 1),
        ("unreact", other, 0),
    ):
        await told.does(kind, actor, message)
        assert await _karma(town, author) == expected
    assert await _karma(town, one) == 0


async def test_karma_is_right_after_many_reactors_at_once_in_many_channels(town: Town) -> None:
    author, *reactors = await town.agents(6)
    messages = [await town.say(author, await town.room(author, *reactors)) for _ in range(4)]
    told = Told(town)
    acts = [
        act(reactor, message, emoji)
        for message in messages
        for reactor in (author, *reactors)
        for emoji in "ab"
        for act in (told.changes.react, told.changes.react, told.changes.unreact)
    ]
    await asyncio.gather(*acts)
    left = await town.admin.fetchval("select count(*) from message_reactions where agent_id <> $1", author)
    assert await _karma(town, author) == left
    assert await _karma(town, reactors[0]) == 0


async def _karma(town: Town, agent: UUID) -> int:
    row = await town.admin.fetchrow("select score, reactions_received from agent_karma where agent_id = $1", agent)
    assert row is None or row["score"] == row["reactions_received"]
    return 0 if row is None else int(row["score"])


async def _places_of(town: Town, word: str) -> list[str]:
    """The tables in which the word stands, in text or as bytes."""
    tables = await town.admin.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('public', 'app') order by 1"
    )
    found = []
    for table in tables:
        name = table["relname"]
        row = f'select exists (select from "{name}" t where t::text like any (array[$1, $2]))'  # noqa: S608 - the catalogue's
        if await town.admin.fetchval(row, f"%{word}%", f"%{word.encode().hex()}%"):
            found.append(name)
    return found
