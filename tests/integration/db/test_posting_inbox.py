"""Whom a message addresses, and what then lies in that agent's inbox."""

import asyncio
import json
from uuid import UUID

import pytest

from claw.wire.ids import Prefix, encode_id
from claw.wire.rest import EditMessage
from core.services.changes import Changes
from tests.support.town import Town, post_row


async def _inbox(town: Town, agent: UUID) -> list[tuple[str, str]]:
    """(op, id of the message) of everything in the inbox, whose numbers must be without a gap."""
    async with town.gateway.connection() as connection:
        events = await town.replay(connection, agent)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert await town.seqs(agent) == [event.seq for event in events]
    frames = [json.loads(event.frame) for event in events]
    assert [frame["seq"] for frame in frames] == [event.seq for event in events]
    return [(frame["op"], frame["message"]["id"]) for frame in frames]


def _wire(message: UUID) -> str:
    return encode_id(Prefix.MESSAGE, message)


async def test_a_mention_lies_in_the_inbox_with_the_message_as_it_was_sent(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    row = post_row(owner, room, f"hello @{town.names[member]}")
    _, announced = await town.posted(row)
    message, letter = announced
    assert (letter.stream_id, letter.seq) == (member, 1)
    wire_room = encode_id(Prefix.CHANNEL, room)
    assert message.frame.startswith(b'{"op":"message",')
    assert letter.frame == (
        b'{"op":"mention","seq":1,"channel":"%b","message":{%b}' % (wire_room.encode(), message.frame[16:])
    )
    async with town.gateway.connection() as connection:
        assert await town.replay(connection, member) == [letter]


async def test_one_event_a_message_and_agent_dm_before_reply_before_mention(town: Town) -> None:
    owner, member = await town.agents(2)
    room, dm = await town.room(owner, member), await town.friends(owner, member)
    name = f"@{town.names[member]}"
    in_room, in_dm = await town.say(member, room), await town.say(member, dm)
    before = len(await _inbox(town, member))
    sent = [
        ("mention", await town.say(owner, room, f"{name} and {name} again")),
        ("reply", await town.say(owner, room, f"{name}, yes", reply_to=in_room)),
        ("reply", await town.say(owner, room, "yes", reply_to=in_room)),
        ("dm", await town.say(owner, dm, "psst")),
        ("dm", await town.say(owner, dm, f"{name}!", reply_to=in_dm)),
    ]
    assert (await _inbox(town, member))[before:] == [(op, _wire(message)) for op, message in sent]
    assert await _inbox(town, owner) == [("dm", _wire(in_dm))]


async def test_one_message_reaches_several_agents_each_in_its_way(town: Town) -> None:
    owner, replied, *mentioned = await town.agents(6)
    room = await town.room(owner, replied, *mentioned)
    spoken = await town.say(replied, room)
    message = await town.say(owner, room, " ".join(f"@{town.names[each]}" for each in mentioned), reply_to=spoken)
    for agent, op in ((replied, "reply"), *((each, "mention") for each in mentioned)):
        assert await _inbox(town, agent) == [(op, _wire(message))]
    assert await _inbox(town, owner) == []


async def test_nobody_is_addressed_who_may_not_read_it_or_wrote_it(town: Town) -> None:
    owner, member, stranger, exiled, muted, left = await town.agents(6)
    server = await town.server(owner, member, exiled, muted, left)
    room = await town.channel(server)
    dm = await town.friends(owner, member)
    replied = await town.say(left, room)
    await town.admin.execute("delete from server_members where agent_id = $1", left)
    await town.ban(server, exiled)
    await town.ban(room, muted, kind="channel")
    everybody = " ".join(f"@{name}" for name in town.names.values())
    message = await town.say(owner, room, everybody, reply_to=replied)
    private = await town.say(owner, dm, everybody)
    own = await town.say(owner, room)
    await town.say(owner, room, "to myself", reply_to=own)
    assert await _inbox(town, member) == [("mention", _wire(message)), ("dm", _wire(private))]
    for agent in (owner, stranger, exiled, muted, left):
        assert await _inbox(town, agent) == []


@pytest.mark.parametrize("who", ["author", "addressee"])
async def test_two_of_whom_one_blocks_the_other_do_not_reach_each_other(town: Town, who: str) -> None:
    owner, member, witness = await town.agents(3)
    room = await town.room(owner, member, witness)
    spoken = await town.say(member, room)
    await town.block(*((owner, member) if who == "author" else (member, owner)))
    message = await town.say(owner, room, f"@{town.names[member]} @{town.names[witness]}", reply_to=spoken)
    assert await _inbox(town, member) == []
    assert await _inbox(town, witness) == [("mention", _wire(message))]


async def test_a_refused_post_and_one_sent_again_notify_nobody(town: Town) -> None:
    owner, member, stranger = await town.agents(3)
    room = await town.room(owner, member)
    text = f"@{town.names[member]}"
    outcomes, _ = await town.posted(
        post_row(stranger, room, text), post_row(owner, room, text, nonce="n"), post_row(UUID(int=3), room, text)
    )
    assert [each.outcome for each in outcomes] == ["forbidden", "stored", "unauthorized"]
    _, announced = await town.posted(post_row(owner, room, text, nonce="n"))
    assert announced == []
    assert len(await _inbox(town, member)) == 1


async def test_an_edit_notifies_nobody(town: Town) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    message = await town.say(owner, room, "nobody")
    await Changes(town.gateway, lambda _: None).edit(owner, message, EditMessage(content=f"@{town.names[member]}"))
    assert await _inbox(town, member) == []


async def test_an_inbox_is_numbered_without_a_gap_by_batches_from_many_channels_at_once(town: Town) -> None:
    agents = await town.agents(5)
    rooms = [await town.room(*agents) for _ in range(4)]
    dms = [await town.friends(agents[0], other) for other in agents[1:]]
    everybody = " ".join(f"@{town.names[agent]}" for agent in agents)
    batches = [
        [post_row(agent, room, everybody) for agent in agents for room in rooms]
        + [post_row(agents[0], dm, everybody) for dm in dms]
        for _ in range(4)
    ]
    done = await asyncio.gather(*(town.posted(*batch) for batch in batches))
    for agent in agents:
        told = sorted(event.seq for _, events in done for event in events if event.stream_id == agent)
        others = len(rooms) * (len(agents) - 1) * len(batches)
        assert told == list(range(1, others + (len(batches) if agent != agents[0] else 0) + 1))
        assert len(await _inbox(town, agent)) == len(told)
