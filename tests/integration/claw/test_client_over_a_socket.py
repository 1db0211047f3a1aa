"""The client over real sockets, against a peer that says what each test writes down."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from claw import Client, Identity, MessageEvent, SessionStoppedError, TransportError
from claw.errors import ForbiddenError
from tests.integration.claw.peer import SECRET, Peer, meeting


async def test_a_bot_hears_others_and_not_itself(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        await peer.grants()
        await peer.posts(1, "ada")
        await peer.posts(2, "brin")
        await peer.waits()

    async with meeting(tmp_path, part) as client:
        await client.subscribe("ch_a")
        async for message in client.messages():
            assert (message.author.username, message.channel, message.seq, message.content) == ("brin", "ch_a", 2, "hi")
            break


async def test_a_send_that_lost_its_connection_is_made_again_under_the_same_nonce(tmp_path: Path) -> None:
    nonces: list[str] = []

    async def lost(peer: Peer) -> None:
        nonces.append((await peer.hears("message"))["nonce"])
        peer.connection.transport.abort()

    async def answered(peer: Peer) -> None:
        command = await peer.hears("message")
        nonces.append(command["nonce"])
        await peer.acks(command, seq=9)
        await peer.waits()

    async with meeting(tmp_path, lost, answered) as client:
        ack = await client.send("ch_a", "posted once", metadata={"mood": "calm"})
    assert ack.seq == 9
    assert nonces[0] == nonces[1]


async def test_after_a_loss_the_stream_goes_on_without_gap_or_repetition(tmp_path: Path) -> None:
    async def first(peer: Peer) -> None:
        assert (await peer.grants(seq=4))["channels"] == ["ch_a"]
        await peer.posts(5)
        await peer.connection.close(4201)

    async def second(peer: Peer) -> None:
        (wish,) = (await peer.hears("subscribe"))["channels"]
        assert wish == {"id": "ch_a", "after": 5, "epoch": "e1"}
        for seq in (5, 6, 7):
            await peer.posts(seq)
        await peer.says("subscribed", channel="ch_a", seq=7, epoch="e1", recovered="replayed", replayed=2)
        await peer.waits()

    async with meeting(tmp_path, first, second) as client:
        await client.subscribe("ch_a")
        events = client.messages()
        assert [(await anext(events)).seq for _ in range(3)] == [5, 6, 7]


async def test_a_bot_that_answers_inside_its_loop_never_waits_for_itself(tmp_path: Path) -> None:
    count = 200

    async def part(peer: Peer) -> None:
        await peer.grants()
        for seq in range(1, count + 1):
            await peer.posts(seq)
        for seq in range(count):
            await peer.acks(await peer.hears("message"), seq)
        await peer.waits()

    async with meeting(tmp_path, part, queue_limit=1) as client:
        await client.subscribe("ch_a")
        events = client.messages()
        for _ in range(count):
            await client.reply(await anext(events), "yes")


async def test_a_bot_that_does_not_read_slows_the_server_down_and_loses_nothing(tmp_path: Path) -> None:
    sent = 0
    slowed = asyncio.Event()

    async def part(peer: Peer) -> None:
        nonlocal sent
        await peer.grants()
        posting = asyncio.create_task(asyncio.wait_for(post_for_ever(peer), 1.0))
        await asyncio.wait([posting])
        slowed.set()
        await peer.waits()

    async def post_for_ever(peer: Peer) -> None:
        nonlocal sent
        while True:
            await peer.posts(sent + 1, content="x" * 8_000)
            sent += 1

    async with meeting(tmp_path, part, queue_limit=10) as client:
        await client.subscribe("ch_a")
        await slowed.wait()
        # TCP buffers hold a few thousand of these at most; a peer that nobody slows down posts on without end.
        events = client.messages()
        assert [(await anext(events)).seq for _ in range(sent)] == list(range(1, sent + 1))
    assert sent < 5_000


async def test_a_refusal_is_raised_where_the_message_was_sent(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        command = await peer.hears("message")
        await peer.says("error", code="banned", message="not here", ref=command["ref"], nonce=command["nonce"])
        await peer.waits()

    async with meeting(tmp_path, part) as client:
        with pytest.raises(ForbiddenError, match="not here"):
            await client.send("ch_a", "hello?")


async def test_a_cancelled_send_is_not_made_again(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.hears("message")
        heard.set()
        await peer.hears("ping")
        await peer.connection.close(4201)

    async def second(peer: Peer) -> None:
        ping = await peer.hears("ping")
        await peer.says("pong", ref=ping["ref"])
        await peer.waits()

    async with meeting(tmp_path, first, second) as client:
        sending = asyncio.create_task(client.send("ch_a", "never mind"))
        await heard.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(TransportError):
            await client.ping()
        assert await client.ping() >= 0


async def test_the_token_is_renewed_on_the_open_socket(tmp_path: Path) -> None:
    renewed = asyncio.Event()

    async def part(peer: Peer) -> None:
        await peer.says("token_expiring", in_s=60)
        renewal = await peer.hears("auth")
        assert renewal["token"] == SECRET
        await peer.says("auth_ok", token_expires_at="t", ref=renewal["ref"])
        renewed.set()
        await peer.acks(await peer.hears("message"))
        await peer.waits()

    async with meeting(tmp_path, part) as client:
        await renewed.wait()
        await client.send("ch_a", "still here")


async def test_a_stop_ends_listening_and_sending_with_its_reason(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        await peer.grants()
        await peer.posts(1)
        await peer.connection.close(4003, "suspended for spam")

    async with meeting(tmp_path, part) as client:
        await client.subscribe("ch_a")
        events = client.events()
        assert isinstance(await anext(events), MessageEvent)
        with pytest.raises(SessionStoppedError, match="suspended for spam"):
            await anext(events)
        with pytest.raises(SessionStoppedError):
            await client.send("ch_a", "but")


async def test_leaving_the_client_closes_cleanly_and_ends_the_listener(tmp_path: Path) -> None:
    codes: list[int | None] = []

    async def part(peer: Peer) -> None:
        await peer.waits()
        codes.append(peer.connection.close_code)

    async with meeting(tmp_path, part) as client:
        listening = asyncio.create_task(anext(client.events(), None))
        await asyncio.sleep(0)
        begin = time.monotonic()
    assert await listening is None
    assert codes == [1000]
    # The client itself allows two seconds for the closing handshake; the rest is the machine's.
    assert time.monotonic() - begin < 10


async def test_no_token_reaches_the_log_even_at_its_most_talkative(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def part(peer: Peer) -> None:
        await peer.connection.close(4001, f"bad token {SECRET}")

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "websockets")  # The peer's own log shows what it received.
    async with meeting(tmp_path, part, part) as client:
        with pytest.raises(SessionStoppedError) as caught:
            await anext(client.events())
    assert SECRET not in caplog.text
    assert SECRET not in str(caught.value)


async def test_a_server_that_is_away_is_named_in_time(tmp_path: Path) -> None:
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    with pytest.raises(TransportError, match="no session within"):
        async with Client("http://127.0.0.1:1", identity, open_within=0.3):
            pass
