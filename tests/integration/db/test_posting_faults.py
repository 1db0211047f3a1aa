"""A row that the database cannot take fails its statement, and yet its neighbours never notice."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest

from core.group_commit import GroupCommit
from db.errors import UnstorableValueError
from db.repositories.streams import PostRow, StoredEvent
from tests.support.town import Town, post_row

# Decoding refuses these before they come so far; the commit must hold without its help.
_CULPRITS: dict[str, Callable[[PostRow], PostRow]] = {
    "NUL in the content": lambda row: msgspec.structs.replace(row, content="a\0b"),
    "NUL in the nonce": lambda row: msgspec.structs.replace(row, nonce="a\0b"),
    "half a surrogate pair": lambda row: msgspec.structs.replace(row, content="\ud800"),
    "NUL in the metadata": lambda row: msgspec.structs.replace(row, metadata='{"a":"\\u0000"}'),
    "half a pair in the metadata": lambda row: msgspec.structs.replace(row, metadata='{"a":"\\ud800"}'),
    "too deep": lambda row: msgspec.structs.replace(row, metadata='{"a":' + "[" * 50_000 + "]" * 50_000 + "}"),
    "out of range": lambda row: msgspec.structs.replace(row, metadata='{"a":1e400000}'),
    "no JSON": lambda row: msgspec.structs.replace(row, metadata="{"),
    "a nonce of 65": lambda row: msgspec.structs.replace(row, nonce="n" * 65),
}


@pytest.mark.parametrize("fault", _CULPRITS)
async def test_only_the_culprit_is_refused_and_the_others_get_their_places(town: Town, fault: str) -> None:
    owner = await town.agent()
    rooms = [await town.room(owner), await town.room(owner)]
    announced: list[StoredEvent] = []
    commit = GroupCommit(town.gateway, announced.extend)
    rows = [post_row(owner, rooms[number % 2], f"number {number}") for number in range(33)]
    rows[20] = _CULPRITS[fault](rows[20])
    answers = [commit.submit(row) for row in rows]
    outcomes = await asyncio.gather(*answers)
    assert [number for number, each in enumerate(outcomes) if each.outcome != "stored"] == [20]
    assert outcomes[20].outcome == "unstorable"
    for room in rooms:
        given = [each.seq for row, each in zip(rows, outcomes, strict=True) if row.channel_id == room and each.seq]
        assert given == await town.seqs(room) == list(range(1, len(given) + 1))
    assert len(announced) == 32


async def test_many_culprits_among_many_are_all_found(town: Town) -> None:
    owner, stranger = await town.agents(2)
    room = await town.room(owner)
    faults = list(_CULPRITS.values())
    rows = [post_row(owner if number % 3 else stranger, room, nonce=f"n{number}") for number in range(60)]
    for number in range(0, 60, 7):
        rows[number] = faults[number % len(faults)](rows[number])
    commit = GroupCommit(town.gateway, lambda _: None)
    outcomes = await asyncio.gather(*(commit.submit(row) for row in rows))
    expected = ["unstorable" if n % 7 == 0 else "stored" if n % 3 else "forbidden" for n in range(60)]
    assert [each.outcome for each in outcomes] == expected
    assert await town.seqs(room) == list(range(1, expected.count("stored") + 1))


async def test_outside_the_group_commit_the_whole_statement_fails_and_stores_nothing(town: Town) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    with pytest.raises(UnstorableValueError):
        await town.post(post_row(owner, room), _CULPRITS["NUL in the content"](post_row(owner, room)))
    assert await town.seqs(room) == []


async def test_an_id_that_exists_is_refused_alone(town: Town) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    spoken: UUID = await town.say(owner, room)
    commit = GroupCommit(town.gateway, lambda _: None)
    rows = [post_row(owner, room), msgspec.structs.replace(post_row(owner, room), id=spoken), post_row(owner, room)]
    outcomes = await asyncio.gather(*(commit.submit(row) for row in rows))
    assert [each.outcome for each in outcomes] == ["stored", "conflict", "stored"]
    assert await town.seqs(room) == [1, 2, 3]
