"""The order in which the group commit stores what it is given, with two commits under way."""

import asyncio

import pytest

from core.group_commit import GroupCommit
from db.repositories.streams import PostRow, StoredEvent
from tests.support.town import Town, post_row


@pytest.mark.parametrize("posters", [1, 3, 40])
async def test_posts_of_one_agent_to_one_channel_are_numbered_in_the_order_given(town: Town, posters: int) -> None:
    agents = await town.agents(posters)
    rooms = [await town.room(*agents) for _ in range(2)]
    announced: list[StoredEvent] = []
    commit = GroupCommit(town.gateway, announced.extend)
    rows: list[PostRow] = [
        post_row(agents[number % posters], rooms[number // posters % 2], f"{number}", nonce=f"{number % 700}")
        for number in range(1_400)
    ]
    answers = []
    for number, row in enumerate(rows):
        answers.append(commit.submit(row))
        if not number % 90:
            # As posts come in while commits are under way.
            await asyncio.sleep(0.002)
    outcomes = await asyncio.gather(*answers)
    for room in rooms:
        for agent in agents:
            seqs = [
                each.seq or 0
                for row, each in zip(rows, outcomes, strict=True)
                if (row.channel_id, row.agent_id, each.outcome) == (room, agent, "stored")
            ]
            assert seqs == sorted(seqs)
        told = sorted(event.seq for event in announced if event.stream_id == room)
        assert told == await town.seqs(room) == list(range(1, len(told) + 1))


async def test_all_are_answered_however_they_come(town: Town) -> None:
    agents = await town.agents(80)
    rooms = [await town.room(*agents) for _ in range(3)]
    commit = GroupCommit(town.gateway, lambda _: None)
    left = 2_000

    async def poster(number: int) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            outcome = await commit.submit(post_row(agents[number % 80], rooms[left % 3]))
            assert outcome.outcome == "stored"
            for _ in range(number * left % 4):
                await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(poster(number) for number in range(200)))
        await commit.drain()
    assert sum([len(await town.seqs(room)) for room in rooms]) == await town.admin.fetchval(
        "select count(*) from messages"
    )


async def test_a_lone_post_waits_for_nobody_and_the_next_ones_go_together(town: Town) -> None:
    agents = await town.agents(10)
    room = await town.room(*agents)
    sizes: list[int] = []
    commit = GroupCommit(town.gateway, lambda events: sizes.append(len(events)))
    async with town.holding(room):
        answers = [commit.submit(post_row(agents[0], room))]
        await town.until_waiting(1)
        answers += [commit.submit(post_row(agent, room)) for agent in agents]
    await asyncio.gather(*answers)
    assert sizes == [1, 10]
