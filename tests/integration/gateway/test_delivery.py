"""What is said on one node reaches everybody on both, once and in order."""

from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from tests.support.bots import Bot, Crew, Room, Socket


@dataclass
class Pair:
    """Two bots in one channel, each on a node of its own, both subscribed."""

    room: Room
    near: Socket
    far: Socket

    @property
    def speaker(self) -> Bot:
        """Who sits on the near socket."""
        return self.room.owner

    @property
    def listener(self) -> Bot:
        """Who sits on the far socket."""
        return self.room.guests[0]


@pytest_asyncio.fixture
async def pair(crew: Crew) -> Pair:
    room = await crew.room()
    near, far = await crew.socket(room.owner, node="gw-1"), await crew.socket(room.guests[0], node="gw-2")
    for socket in (near, far):
        await socket.subscribe(room.channel)
    return Pair(room, near, far)


async def _contents(socket: Socket, count: int) -> list[str]:
    return [(await socket.expect("message"))["content"] for _ in range(count)]


async def _assert_silent(socket: Socket) -> None:
    """No event that was not looked at is on its way, ahead of the answer to a ping that is sent now."""
    await socket.send(op="ping", ref="silent")
    frames = []
    while (frame := await socket.receive()).get("ref") != "silent":
        frames.append(frame)
    assert [each for each in frames if each["op"] not in ("subscribed", "context", "message_ack", "presence")] == []


async def test_a_message_reaches_both_nodes_with_the_seq_of_its_ack(pair: Pair) -> None:
    await pair.near.send(
        op="message", channel=pair.room.channel, content="hello", metadata={"a": 1}, ref="m", nonce="n"
    )
    ack = await pair.near.expect("message_ack")
    assert (ack["ref"], ack["nonce"], ack["channel"], ack["seq"]) == ("m", "n", pair.room.channel, 1)
    # The ack means that it is stored: whoever reads now finds it.
    stored = (await pair.listener.http.get(f"/messages/{ack['id']}")).json()
    for socket in (pair.near, pair.far):
        message = await socket.expect("message")
        assert message.pop("op") == "message"
        assert message.pop("timestamp") == ack["timestamp"] == stored["created_at"]
        assert message == stored
    assert stored["seq"] == 1


async def test_two_hundred_quick_posts_keep_their_order_without_a_gap(pair: Pair) -> None:
    sent = [f"message {number}" for number in range(200)]
    for content in sent:
        await pair.near.send(op="message", channel=pair.room.channel, content=content, ref=content)
    acks = {(ack := await pair.near.expect("message_ack"))["ref"]: ack["seq"] for _ in sent}
    assert [acks[content] for content in sent] == list(range(1, 201))
    for socket in (pair.near, pair.far):
        received = [await socket.expect("message") for _ in sent]
        assert [each["seq"] for each in received] == list(range(1, 201))
        assert [each["content"] for each in received] == sent
        await _assert_silent(socket)


async def test_both_bots_talking_at_once_are_heard_in_one_order(pair: Pair) -> None:
    for number in range(50):
        await pair.near.send(op="message", channel=pair.room.channel, content=f"near {number}")
        await pair.far.send(op="message", channel=pair.room.channel, content=f"far {number}")
    heard = [[await socket.expect("message") for _ in range(100)] for socket in (pair.near, pair.far)]
    assert heard[0] == heard[1]
    assert [each["seq"] for each in heard[0]] == list(range(1, 101))
    for side in ("near", "far"):
        own = [each["content"] for each in heard[0] if each["content"].startswith(side)]
        assert own == [f"{side} {number}" for number in range(50)]


async def test_a_post_over_rest_is_seen_on_the_sockets_of_both_nodes(pair: Pair) -> None:
    await pair.speaker.post(pair.room.channel, "over REST")
    for socket in (pair.near, pair.far):
        assert await _contents(socket, 1) == ["over REST"]


async def test_posting_needs_no_subscription(crew: Crew, pair: Pair) -> None:
    silent = await crew.socket(pair.speaker)
    await silent.send(op="message", channel=pair.room.channel, content="from nowhere", ref=1)
    await silent.expect("message_ack", ref=1)
    await _assert_silent(silent)
    assert await _contents(pair.far, 1) == ["from nowhere"]


async def test_typing_is_seen_on_the_other_node(crew: Crew, pair: Pair) -> None:
    await pair.near.send(op="typing", channel=pair.room.channel, ref=1)
    assert await pair.near.expect("ok", ref=1)
    typing = await pair.far.expect("typing")
    assert (typing["channel"], typing["agent"]) == (pair.room.channel, pair.speaker.username)
    stranger = await crew.socket(await crew.bot())
    await stranger.send(op="typing", channel=pair.room.channel, ref=2)
    assert (await stranger.expect("error", ref=2))["code"] == "not_found"


async def test_mentions_and_replies_reach_the_inbox_across_nodes(pair: Pair) -> None:
    name = pair.listener.username
    for text in (f"hello @{name}!", f"`@{name}` mail@{name} @{name}x", f"@{pair.speaker.username} myself"):
        await pair.near.send(op="message", channel=pair.room.channel, content=text)
    mention = await pair.far.expect("mention")
    assert (mention["seq"], mention["channel"]) == (1, pair.room.channel)
    assert mention["message"]["content"] == f"hello @{name}!"
    await pair.far.send(op="message", channel=pair.room.channel, content="yes?", reply_to=mention["message"]["id"])
    reply = await pair.near.expect("reply")
    assert (reply["seq"], reply["message"]["reply_to"]) == (1, mention["message"]["id"])
    # One event for a message, though it both answers and names: the reply.
    await pair.near.send(
        op="message", channel=pair.room.channel, content=f"@{name} no", reply_to=reply["message"]["id"]
    )
    assert (await pair.far.expect("reply"))["seq"] == 2
    for socket in (pair.near, pair.far):
        await _contents(socket, 5)
        await _assert_silent(socket)


async def test_a_mention_of_who_is_not_a_member_reaches_nobody(crew: Crew, pair: Pair) -> None:
    stranger = await crew.bot()
    inbox = await crew.socket(stranger)
    await inbox.subscribe()
    await pair.near.send(op="message", channel=pair.room.channel, content=f"@{stranger.username} @nobody", ref=1)
    await pair.near.expect("message_ack", ref=1)
    await _assert_silent(inbox)
    assert (await crew.socket(stranger)).hello["inbox"] == {"seq": 0, "acked": 0}


async def test_what_was_missed_is_replayed_exactly(crew: Crew, pair: Pair) -> None:
    for number in range(1, 8):
        await pair.speaker.post(pair.room.channel, f"message {number}")
    epoch = pair.near.hello["epoch"]
    back = await crew.socket(pair.listener)
    await back.send(op="subscribe", channels=[{"id": pair.room.channel, "after": 4, "epoch": epoch}], ref=1)
    replayed = [await back.receive() for _ in range(3)]
    assert [(each["op"], each["seq"]) for each in replayed] == [("message", 5), ("message", 6), ("message", 7)]
    live = await pair.far.expect("message", seq=5)
    assert replayed[0] == live
    answer = await back.receive()
    assert (answer["op"], answer["seq"], answer["recovered"], answer["replayed"]) == ("subscribed", 7, "replayed", 3)
    await pair.speaker.post(pair.room.channel, "message 8")
    assert (await back.expect("message"))["seq"] == 8


async def test_a_position_at_the_head_has_missed_nothing(crew: Crew, pair: Pair) -> None:
    await pair.speaker.post(pair.room.channel, "one")
    back = await crew.socket(pair.listener)
    answer = await back.subscribe({"id": pair.room.channel, "after": 1})
    assert (answer["seq"], answer["recovered"], answer["replayed"]) == (1, "nothing_missed", 0)


async def test_another_epoch_or_a_position_beyond_the_head_is_a_reset(crew: Crew, pair: Pair) -> None:
    await pair.speaker.post(pair.room.channel, "one")
    back = await crew.socket(pair.listener)
    epoch = back.hello["epoch"]
    positions: list[dict[str, Any]] = [
        {"after": 0, "epoch": "another"},
        {"after": 2, "epoch": epoch},
        {"after": 2**53 - 1},
    ]
    for position in positions:
        answer = await back.subscribe({"id": pair.room.channel, **position})
        assert (answer["seq"], answer["recovered"], answer["replayed"]) == (1, "reset", 0)
    await pair.speaker.post(pair.room.channel, "two")
    assert (await back.expect("message"))["seq"] == 2
    await _assert_silent(back)


async def test_a_long_history_is_replayed_whole_and_in_order(crew: Crew, pair: Pair) -> None:
    for number in range(500):
        await pair.near.send(op="message", channel=pair.room.channel, content="x" * 1_000, ref=number)
    for number in range(500):
        await pair.near.expect("message_ack", ref=number)
    back = await crew.socket(pair.listener)
    answer = await back.subscribe({"id": pair.room.channel, "after": 0})
    assert (answer["seq"], answer["recovered"], answer["replayed"]) == (500, "replayed", 500)
    assert [(await back.expect("message"))["seq"] for _ in range(500)] == list(range(1, 501))


async def test_who_joins_while_others_talk_misses_nothing(crew: Crew, pair: Pair) -> None:
    late = [await crew.socket(pair.listener, node=node) for node in ("gw-1", "gw-2") for _ in range(4)]
    for number in range(200):
        await pair.near.send(op="message", channel=pair.room.channel, content=f"message {number}")
        if number % 20 == 10 and late[number // 20 :]:
            await late[number // 20].send(op="subscribe", channels=[{"id": pair.room.channel, "after": 0}])
    for socket in late:
        seqs = [(await socket.expect("message"))["seq"] for _ in range(200)]
        assert seqs == list(range(1, 201))
        await _assert_silent(socket)


async def test_subscribing_again_starts_anew_from_the_given_position(pair: Pair) -> None:
    for number in range(3):
        await pair.speaker.post(pair.room.channel, f"message {number}")
    assert await _contents(pair.far, 3) == [f"message {number}" for number in range(3)]
    answer = await pair.far.subscribe({"id": pair.room.channel, "after": 1})
    assert (answer["seq"], answer["replayed"]) == (3, 2)
    assert await _contents(pair.far, 2) == ["message 1", "message 2"]
    await pair.speaker.post(pair.room.channel, "once")
    assert await _contents(pair.far, 1) == ["once"]
    await _assert_silent(pair.far)


async def test_after_unsubscribing_nothing_more_comes(pair: Pair) -> None:
    await pair.far.send(op="unsubscribe", channels=[pair.room.channel], ref=1)
    answer = await pair.far.expect("unsubscribed", ref=1)
    assert (answer["channel"], answer["reason"]) == (pair.room.channel, "asked")
    await pair.speaker.post(pair.room.channel, "unheard")
    assert await _contents(pair.near, 1) == ["unheard"]
    await _assert_silent(pair.far)


async def test_who_leaves_the_server_is_told_and_hears_no_more(crew: Crew, pair: Pair) -> None:
    await pair.far.subscribe(pair.room.server)
    elsewhere = await crew.room(guests=0)
    await pair.listener.join(elsewhere.server)
    await pair.far.subscribe(elsewhere.channel)
    (await pair.listener.http.delete(f"/servers/{pair.room.server}/leave")).raise_for_status()
    lost = {(await pair.far.expect("unsubscribed", reason="left"))["channel"] for _ in range(2)}
    assert lost == {pair.room.channel, pair.room.server}
    await pair.speaker.post(pair.room.channel, "unheard")
    assert await _contents(pair.near, 1) == ["unheard"]
    await elsewhere.owner.post(elsewhere.channel, "heard")
    assert await _contents(pair.far, 1) == ["heard"]
    await pair.far.send(op="subscribe", channels=[pair.room.channel], ref=1)
    assert (await pair.far.expect("error", ref=1))["code"] == "not_found"


async def test_the_inbox_is_resumed_and_acknowledged(crew: Crew, pair: Pair) -> None:
    for number in range(3):
        await pair.speaker.post(pair.room.channel, f"@{pair.listener.username} {number}")
    await pair.far.send(op="ack", seq=2, ref=1)
    assert await pair.far.expect("ok", ref=1)
    for seq, code in ((4, "invalid"), (2**53 - 1, "invalid")):
        await pair.far.send(op="ack", seq=seq, ref=2)
        assert (await pair.far.expect("error", ref=2))["code"] == code
    await pair.far.send(op="ack", seq=1, ref=3)
    assert await pair.far.expect("ok", ref=3)
    back = await crew.socket(pair.listener, node="gw-1")
    assert back.hello["inbox"] == {"seq": 3, "acked": 2}
    await back.send(op="subscribe", inbox={"after": 2, "epoch": back.hello["epoch"]}, ref=4)
    missed = await back.receive()
    assert (missed["op"], missed["seq"]) == ("mention", 3)
    answer = await back.expect("subscribed", inbox=True)
    assert (answer["seq"], answer["recovered"], answer["replayed"], answer["ref"]) == (3, "replayed", 1, 4)
    await pair.speaker.post(pair.room.channel, f"@{pair.listener.username} again")
    for socket in (back, pair.far):
        assert (await socket.expect("mention", seq=4))["message"]["content"].endswith("again")
