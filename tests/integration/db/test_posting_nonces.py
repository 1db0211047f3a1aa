"""A send with a nonce exists once, however often and from wherever it is sent."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from core.group_commit import GroupCommit
from core.housekeeping import Housekeeper
from tests.conftest import Store
from tests.support.town import Town, post_row


async def test_the_same_again_gives_the_first_place(town: Town) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    fields: dict[str, Any] = {"nonce": "n1", "metadata": msgspec.Raw(b'{"a":1}')}
    first = post_row(owner, room, "hello", **fields)
    [stored] = await town.post(first)
    [again], announced = await town.posted(post_row(owner, room, "hello", **fields))
    assert (stored.outcome, again.outcome) == ("stored", "again")
    assert (again.seq, again.message_id, again.created_at) == (1, first.id, first.created_at)
    assert announced == []
    assert await town.seqs(room) == [1]


@pytest.mark.parametrize(
    "other",
    [{"content": "hullo"}, {"content_type": "code"}, {"metadata": msgspec.Raw(b"{}")}, {"reply_to": True}],
    ids=lambda other: next(iter(other)),
)
async def test_other_content_under_the_same_nonce_is_a_conflict(town: Town, other: dict[str, Any]) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    spoken = await town.say(owner, room)
    await town.say(owner, room, "hello", nonce="n1")
    if "reply_to" in other:
        other = {"reply_to": spoken}
    [outcome] = await town.post(post_row(owner, room, **{"content": "hello", **other}, nonce="n1"))
    assert (outcome.outcome, outcome.message_id is None or outcome.seq) == ("conflict", 2)
    assert await town.seqs(room) == [1, 2]


async def test_a_nonce_belongs_to_one_agent_in_one_channel(town: Town) -> None:
    owner, member = await town.agents(2)
    server = await town.server(owner, member)
    rooms = [await town.channel(server), await town.channel(server)]
    rows = [post_row(agent, room, nonce="n1") for agent in (owner, member) for room in rooms]
    assert {each.outcome for each in await town.post(*rows)} == {"stored"}


async def test_a_refused_send_does_not_use_its_nonce_up(town: Town) -> None:
    owner, member = await town.agents(2)
    server = await town.server(owner)
    room = await town.channel(server)
    assert [each.outcome for each in await town.post(post_row(member, room, nonce="n1"))] == ["forbidden"]
    await town.join(server, member)
    assert [each.outcome for each in await town.post(post_row(member, room, nonce="n1"))] == ["stored"]


async def test_who_was_banned_since_is_told_so_and_not_the_old_place(town: Town) -> None:
    owner, member = await town.agents(2)
    server = await town.server(owner, member)
    room = await town.channel(server)
    await town.say(member, room, nonce="n1")
    await town.ban(server, member)
    assert [each.outcome for each in await town.post(post_row(member, room, nonce="n1"))] == ["banned"]


async def test_two_batches_at_once_with_the_same_nonce_store_one_message(town: Town) -> None:
    owner, other = await town.agents(2)
    room = await town.room(owner, other)
    batches = [[post_row(owner, room, nonce="n1"), post_row(other, room, nonce=f"m{n}")] for n in range(3)]
    async with town.holding(room):
        # Each on a connection of its own; all wait for the stream, so neither can see the other's row beforehand.
        posting = [asyncio.create_task(town.post(*batch)) for batch in batches]
        await town.until_waiting(len(batches))
    done = await asyncio.gather(*posting)
    sends = [outcomes[0] for outcomes in done]
    assert sorted(each.outcome for each in sends) == ["again", "again", "stored"]
    assert len({(each.seq, each.message_id, each.created_at) for each in sends}) == 1
    assert await town.seqs(room) == [1, 2, 3, 4]
    assert await town.admin.fetchval("select count(*) from messages where agent_id = $1", owner) == 1


async def test_the_same_nonce_twice_in_what_waits_meets_its_own_first_half(town: Town) -> None:
    owner, other = await town.agents(2)
    room = await town.room(owner, other)
    commit = GroupCommit(town.gateway, lambda _: None)
    contents = ["first", "first", "second", "first"]
    answers = [commit.submit(post_row(owner, room, content, nonce="n1")) for content in contents]
    answers.append(commit.submit(post_row(other, room, "first", nonce="n1")))
    outcomes = [await answer for answer in answers]
    assert [each.outcome for each in outcomes] == ["stored", "again", "conflict", "again", "stored"]
    assert outcomes[0].message_id == outcomes[1].message_id == outcomes[3].message_id
    assert await town.seqs(room) == [1, 2]


async def test_a_nonce_holds_for_a_day_and_is_swept_then(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    await town.say(owner, room, nonce="old")
    await town.say(owner, room, nonce="young")
    for nonce, hours in (("old", 24.1), ("young", 23.9)):
        await town.admin.execute(
            "update message_nonces set created_at = now() - $2::interval where nonce = $1",
            nonce,
            timedelta(hours=hours),
        )
    await Housekeeper(store.worker, event_retention=timedelta(days=7)).round()
    outcomes = await town.post(post_row(owner, room, nonce="old"), post_row(owner, room, nonce="young"))
    assert [(each.outcome, each.seq) for each in outcomes] == [("stored", 3), ("again", 2)]
