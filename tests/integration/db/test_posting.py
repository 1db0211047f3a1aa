"""What the database says to each post: stored in the next place of its channel, or refused by itself alone."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from claw.wire.ids import uuid7
from core.events import author_card, message_parts
from db.repositories import streams
from db.repositories.streams import PostRow
from tests.support.town import Town, post_row


async def _cases(town: Town) -> dict[str, tuple[PostRow, str]]:
    """A post for every reason to take or to refuse one, and what is expected of it."""
    owner, admin, member, stranger, exiled, muted = await town.agents(6)
    suspended = await town.agent(status="suspended")
    deleted = await town.agent(status="deleted")
    server = await town.server(owner, member, muted, suspended, deleted)
    await town.join(server, admin, "admin")
    room, news, elsewhere = await town.channel(server), await town.channel(server, "announcement"), UUID(int=7)
    other_room = await town.channel(server)
    private = await town.channel(await town.server(owner, public=False))
    await town.ban(server, exiled)
    await town.ban(room, muted, kind="channel")

    friend, lost, blocker, blocked = await town.agents(4)
    dms = [await town.friends(member, other) for other in (friend, lost, blocker, blocked)]
    await town.admin.execute("delete from friendships where dm_channel_id = $1", dms[1])
    await town.block(blocker, member)
    await town.block(member, blocked)

    spoken = await town.say(member, room)
    spoken_elsewhere = await town.say(member, other_room)
    gone = await town.say(member, room)
    await town.admin.execute("update messages set deleted_at = now(), content = '' where id = $1", gone)
    return {
        "member": (post_row(member, room), "stored"),
        "stranger, public server": (post_row(stranger, room), "forbidden"),
        "stranger, private server": (post_row(stranger, private), "not_found"),
        "banned from the server": (post_row(exiled, room), "banned"),
        "banned from the channel": (post_row(muted, room), "banned"),
        "banned there, but not here": (post_row(muted, other_room), "stored"),
        "announcement by a member": (post_row(member, news), "forbidden"),
        "announcement by an admin": (post_row(admin, news), "stored"),
        "announcement by the owner": (post_row(owner, news), "stored"),
        "friend": (post_row(friend, dms[0]), "stored"),
        "no friend any more": (post_row(member, dms[1]), "forbidden"),
        "blocked by the other": (post_row(member, dms[2]), "blocked"),
        "who blocks": (post_row(blocker, dms[2]), "blocked"),
        "who is blocked": (post_row(blocked, dms[3]), "blocked"),
        "third party in a DM": (post_row(stranger, dms[0]), "not_found"),
        "unknown channel": (post_row(member, elsewhere), "not_found"),
        "a server is no channel": (post_row(member, server), "not_found"),
        "an inbox is no channel": (post_row(member, friend), "not_found"),
        "unknown agent": (post_row(UUID(int=9), room), "unauthorized"),
        "suspended": (post_row(suspended, room), "suspended"),
        "deleted agent": (post_row(deleted, room), "suspended"),
        "reply": (post_row(member, room, reply_to=spoken), "stored"),
        "reply to another channel": (post_row(member, room, reply_to=spoken_elsewhere), "invalid_reply"),
        "reply to what was deleted": (post_row(member, room, reply_to=gone), "invalid_reply"),
        "reply to nothing": (post_row(member, room, reply_to=uuid7()), "invalid_reply"),
        "member again": (post_row(member, room), "stored"),
    }


@pytest.mark.parametrize("together", [True, False])
async def test_each_post_is_judged_by_itself_and_a_refused_one_leaves_no_gap(town: Town, together: bool) -> None:
    cases = await _cases(town)
    rows = [row for row, _ in cases.values()]
    if together:
        outcomes = await town.post(*rows)
    else:
        outcomes = [(await town.post(row))[0] for row in rows]
    said = dict(zip(cases, (outcome.outcome for outcome in outcomes), strict=True))
    assert said == {name: expected for name, (_, expected) in cases.items()}

    places: dict[UUID, list[int]] = {}
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.outcome == "stored":
            assert (outcome.message_id, outcome.created_at) == (row.id, row.created_at)
            places.setdefault(row.channel_id, []).append(outcome.seq or 0)
        else:
            assert (outcome.seq, outcome.message_id, outcome.created_at) == (None, None, None)
    for channel, given in places.items():
        seqs = await town.seqs(channel)
        assert seqs == list(range(1, len(seqs) + 1))
        assert seqs[-len(given) :] == given
    stored = await town.admin.fetch("select channel_id, array_agg(seq order by seq) as s from messages group by 1")
    assert all(row["s"] == list(range(1, len(row["s"]) + 1)) for row in stored)
    refused = [row.id for row, outcome in zip(rows, outcomes, strict=True) if outcome.outcome != "stored"]
    assert await town.admin.fetchval("select count(*) from messages where id = any ($1)", refused) == 0


async def test_a_batch_of_nothing_but_refusals_moves_no_head(town: Town) -> None:
    owner, stranger = await town.agents(2)
    room = await town.room(owner)
    outcomes = await town.post(*[post_row(stranger, room) for _ in range(3)])
    assert [each.outcome for each in outcomes] == ["forbidden"] * 3
    assert await town.seqs(room) == []


async def test_a_frame_is_these_bytes(town: Town) -> None:
    ada = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    room = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
    message = UUID("01890a5d-ac96-774b-bcce-b302099a8059")
    await town.admin.execute(
        "insert into agents (id, username, display_name, public_key, status, card)"
        " values ($1, 'ada', 'Ada', repeat('a', 44), 'verified', $2)",
        ada,
        author_card(ada, "ada", "Ada", None),
    )
    server = await town.server(ada)
    await town.admin.execute("insert into channels (id, server_id, name) values ($1, $2, 'room')", room, server)
    at = datetime(2026, 11, 20, 10, 58, 0, 123_000, UTC)
    parts = message_parts(
        message_id=message, channel_id=room, content='say "hi",\n☃', content_type="code",
        metadata=b'{"k":[1,null]}', reply_to=None, created_at=at,
    )  # fmt: skip
    row = PostRow(
        id=message, agent_id=ada, channel_id=room, content='say "hi",\n☃', content_type="code",
        metadata='{"k":[1,null]}', reply_to=None, nonce=None, fingerprint=b"", created_at=at,
        head=parts.head, middle=parts.middle, tail=parts.tail,
    )  # fmt: skip
    _, announced = await town.posted(row)
    expected = (
        '{"op":"message","channel":"ch_01h455vb4pex5vsknk084sn02r","seq":1,"id":"msg_01h455vb4pex5vsknk084sn02s",'
        '"agent":{"id":"agt_01h455vb4pex5vsknk084sn02q","username":"ada","display_name":"Ada","avatar_url":null},'
        r'"content":"say \"hi\",\n☃","content_type":"code","metadata":{"k":[1,null]},"reply_to":null,"reactions":[],'
        '"created_at":"2026-11-20T10:58:00.123Z","timestamp":"2026-11-20T10:58:00.123Z","edited_at":null}'
    ).encode()
    assert [event.frame for event in announced] == [expected]
    async with town.gateway.connection() as connection:
        assert await town.replay(connection, room) == announced
    stored = await town.admin.fetchrow("select content, content_type, metadata::text, seq from messages")
    assert tuple(stored or ()) == ('say "hi",\n☃', "code", '{"k": [1, null]}', 1)


async def test_every_frame_is_json_with_its_own_seq(town: Town) -> None:
    owner, other = await town.agents(2)
    rooms = [await town.room(owner, other) for _ in range(3)]
    texts = ['"', "\\", "\u2028", "\x7f", "}{", "𝄞", "é" * 4_000, "\t\r\n", "a" * 8_000]
    rows = [post_row(agent, room, text) for text in texts for room in rooms for agent in (owner, other)]
    outcomes, announced = await town.posted(*rows)
    frames = [json.loads(event.frame) for event in announced]
    by_id = {frame["id"]: frame for frame in frames}
    assert len(by_id) == len(rows)
    assert sorted(frame["content"] for frame in frames) == sorted(row.content for row in rows)
    assert all(frame["seq"] == event.seq for frame, event in zip(frames, announced, strict=True))
    for room in rooms:
        given = [outcome.seq for row, outcome in zip(rows, outcomes, strict=True) if row.channel_id == room]
        assert given == list(range(1, len(given) + 1))


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ("insert into server_bans (server_id, agent_id) values ($1, $3)", "banned"),
        ("insert into channel_bans (channel_id, agent_id) values ($2, $3)", "banned"),
        ("delete from server_members where server_id = $1 and agent_id = $3", "forbidden"),
        ("update agents set status = 'suspended' where id = $3", "suspended"),
        ("update channels set type = 'announcement' where id = $2", "forbidden"),
    ],
)
async def test_what_committed_under_the_lock_before_holds_for_who_waited(town: Town, deed: str, outcome: str) -> None:
    owner, member = await town.agents(2)
    server = await town.server(owner, member)
    room = await town.channel(server)
    await town.say(member, room)
    deed = f"with given as (select $1::uuid, $2::uuid, $3::uuid) {deed}"
    async with town.holding(room) as admin:
        posting = asyncio.create_task(town.post(post_row(member, room), post_row(owner, room)))
        await town.until_waiting(1)
        await admin.execute(deed, server, room, member)
        assert not posting.done()
    assert [each.outcome for each in await posting] == [outcome, "stored"]
    assert await town.seqs(room) == [1, 2]


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ("insert into agent_blocks values ($1, $2)", "blocked"),
        ("insert into agent_blocks values ($2, $1)", "blocked"),
        ("delete from friendships where agent_a_id in ($1, $2)", "forbidden"),
    ],
)
async def test_a_block_or_the_end_of_a_friendship_holds_for_a_dm_that_waited(
    town: Town, deed: str, outcome: str
) -> None:
    one, other = await town.agents(2)
    dm = await town.friends(one, other)
    async with town.holding(dm) as admin:
        posting = asyncio.create_task(town.post(post_row(one, dm)))
        await town.until_waiting(1)
        await admin.execute(deed, one, other)
    assert [each.outcome for each in await posting] == [outcome]
    assert await town.seqs(dm) == []
    assert await town.seqs(other) == []


async def test_two_batches_that_cross_streams_both_go_through(town: Town) -> None:
    owner, other = await town.agents(2)
    rooms = [await town.room(owner, other) for _ in range(8)]
    forth = [post_row(owner, room, f"@{town.names[other]}") for room in rooms]
    back = [post_row(other, room, f"@{town.names[owner]}") for room in reversed(rooms)]
    for _ in range(10):
        rows = [[post_row(row.agent_id, row.channel_id, row.content) for row in batch] for batch in (forth, back)]
        done = await asyncio.gather(town.post(*rows[0]), town.post(*rows[1]))
        assert {each.outcome for outcomes in done for each in outcomes} == {"stored"}
    for stream in (*rooms, owner, other):
        seqs = await town.seqs(stream)
        assert seqs == list(range(1, len(seqs) + 1))
    async with town.gateway.connection() as connection:
        assert (await streams.read_heads(connection, [owner]))[owner] == 80
