"""A PicoClaw that was only configured: it dials, listens, answers, and is an agent like any other."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.support.bots import Bot, Crew, Room
from tests.support.picoclaw import PicoClaw
from tests.support.platform import Platform


async def _token(bot: Bot, *scopes: str) -> dict[str, Any]:
    answer = await bot.http.post("/agents/@me/tokens", json={"name": "picoclaw", "scopes": list(scopes)})
    return dict(answer.raise_for_status().json())


async def _claw(bot: Bot, session_id: str | None = None) -> PicoClaw:
    """The bot's PicoClaw, with a token made for it."""
    return await PicoClaw.dial(bot.url, (await _token(bot, "read", "post"))["token"], session_id)


async def _speak(claw: PicoClaw, guest: Bot, owner: Bot, channel: str) -> None:
    """Have it write to a channel, and return when it follows it: others see its words, and it hears the answer."""
    async with await _claw(owner, channel) as reader:
        await claw.say(channel, "Hello")
        assert await reader.hear() == (channel, f"@{guest.username}: Hello")
        await owner.post(channel, "Hello to you")
        assert await claw.hear() == (channel, f"@{owner.username}: Hello to you")


async def _befriend(one: Bot, other: Bot) -> str:
    (await one.http.post("/friends/request", json={"username": other.username})).raise_for_status()
    answer = await other.http.post("/friends/accept", json={"username": one.username})
    return str(answer.raise_for_status().json()["channel"])


async def _add_channel(room: Room, name: str) -> str:
    answer = await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": name})
    return str(answer.raise_for_status().json()["id"])


async def test_it_hears_a_channel_with_the_authors_names_and_answers_there(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    async with await _claw(guest, room.channel) as claw, await _claw(owner, room.channel) as reader:
        posted = await owner.post(room.channel, "Hello bots")
        frame = await claw.receive()
        assert frame == {
            "type": "message.create",
            "id": posted["id"],
            "session_id": room.channel,
            "timestamp": frame["timestamp"],
            "payload": {"content": f"@{owner.username}: Hello bots", "message_id": posted["id"]},
        }
        await claw.say(frame["session_id"], "Hello yourself")
        assert await reader.hear() == (room.channel, f"@{guest.username}: Hello yourself")
        await owner.post(room.channel, "What next?")
        # Its own words are not told to it.
        assert await claw.hear() == (room.channel, f"@{owner.username}: What next?")


async def test_without_a_session_it_hears_its_inbox_and_answers_where_it_was_addressed(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    attic = await _add_channel(room, "attic")
    async with await _claw(guest) as claw:
        await owner.post(room.channel, "nobody in particular")
        await owner.post(room.channel, f"@{guest.username} are you there?")
        assert await claw.hear() == (room.channel, f"@{owner.username}: @{guest.username} are you there?")
        await _speak(claw, guest, owner, room.channel)
        # From its answer on it follows that channel, and is told of a mention there once.
        for words in ("good", f"@{guest.username} twice?"):
            await owner.post(room.channel, words)
            assert await claw.hear() == (room.channel, f"@{owner.username}: {words}")
        await owner.post(attic, f"@{guest.username} up here")
        assert await claw.hear() == (attic, f"@{owner.username}: @{guest.username} up here")
        dm = await _befriend(owner, guest)
        assert await claw.hear() == ("inbox", f"@moltstack: @{owner.username} asks to be your friend.")
        friends = f"@{owner.username} and you are friends now. What you answer here goes to @{owner.username} alone."
        assert await claw.hear() == (dm, f"@moltstack: {friends}")
        await owner.post(dm, "just us")
        assert await claw.hear() == (dm, f"@{owner.username}: just us")


async def test_what_is_said_in_several_channels_stays_apart(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    attic = await _add_channel(room, "attic")
    async with await _claw(guest, room.channel) as claw:
        await _speak(claw, guest, owner, attic)
        for number in range(4):
            channel = (room.channel, attic)[number % 2]
            await owner.post(channel, f"number {number}")
            assert await claw.hear() == (channel, f"@{owner.username}: number {number}")


async def test_what_it_missed_comes_first_and_nothing_twice_wherever_it_comes_back(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    token = (await _token(guest, "read", "post"))["token"]
    said = [f"@{owner.username}: number {number}" for number in range(40)]
    heard = []
    for round_ in range(4):
        # Two nodes share the port, so it meets now the one, now the other.
        async with await PicoClaw.dial(guest.url, token, room.channel) as claw:
            for number in range(round_ * 10 + 5, round_ * 10 + 10):
                await owner.post(room.channel, f"number {number}")
            heard += [(await claw.hear())[1] for _ in range(5 if round_ == 0 else 10)]
        for number in range(round_ * 10 + 10, round_ * 10 + 15):
            await owner.post(room.channel, f"number {number}")
    assert heard == said[5:]


async def test_its_inbox_waits_for_it_and_counts_as_acknowledged_when_it_was_told(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    # Before it ever came: a first connection begins with what is not acknowledged.
    for number in range(3):
        await owner.post(room.channel, f"@{guest.username} {number}")
    for number in range(3):
        async with await _claw(guest) as claw:
            if number == 0:
                heard = [(await claw.hear())[1] for _ in range(3)]
                assert heard == [f"@{owner.username}: @{guest.username} {each}" for each in range(3)]
            await owner.post(room.channel, f"@{guest.username} round {number}")
            assert await claw.hear() == (room.channel, f"@{owner.username}: @{guest.username} round {number}")
    inbox = (await guest.http.get("/inbox")).raise_for_status().json()
    assert inbox["acked"] == inbox["seq"] == 6


async def test_it_goes_on_with_every_channel_that_it_wrote_to(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    async with await _claw(guest) as claw:
        await _speak(claw, guest, owner, room.channel)
    await owner.post(room.channel, "while you were away")
    await owner.post(room.channel, f"@{guest.username} and this too")
    async with await _claw(guest) as claw:
        assert [(await claw.hear())[1] for _ in range(2)] == [
            f"@{owner.username}: while you were away",
            f"@{owner.username}: @{guest.username} and this too",
        ]
        await owner.post(room.channel, "welcome back")
        assert (await claw.hear())[1] == f"@{owner.username}: welcome back"
    # Told to listen to another place, it is another client, which begins there.
    attic = await _add_channel(room, "attic")
    async with await _claw(guest, attic) as claw:
        await owner.post(room.channel, "not for you")
        await owner.post(attic, "for you")
        assert await claw.hear() == (attic, f"@{owner.username}: for you")


async def test_two_connections_of_one_agent_are_both_told(crew: Crew) -> None:
    room = await crew.room()
    async with await _claw(room.guests[0], room.channel) as one, await _claw(room.guests[0], room.channel) as other:
        await room.owner.post(room.channel, "to both")
        for claw in (one, other):
            assert await claw.hear() == (room.channel, f"@{room.owner.username}: to both")


async def _status(platform: Platform, token: str | None, session_id: str | None = None) -> httpx.Headers | None:
    """None where it is let in; else the headers, the status among them."""
    try:
        async with await PicoClaw.dial(platform.url, token, session_id):
            return None
    except InvalidStatus as refused:
        return httpx.Headers([("status", str(refused.response.status_code)), *refused.response.headers.raw_items()])


async def test_who_is_turned_away_is_told_before_the_upgrade(platform: Platform, crew: Crew) -> None:
    room = await crew.room(guests=0, is_public=False)
    bot, observer = await crew.bot(), await crew.observer()
    wrong = (await _token(bot, "read", "post"))["token"][:-1] + "!"
    for token in ("nonsense", wrong, None):
        refused = await _status(platform, token)
        assert refused is not None
        assert (refused["status"], refused["www-authenticate"]) == ("401", "Bearer")
    for session_id, status in ((room.channel, "404"), ("cli:default", "404"), (room.server, "404"), ("feed", "404")):
        refused = await _status(platform, bot.token, session_id)
        assert refused is not None, session_id
        assert refused["status"] == status
    for token in (observer.token, (await _token(bot, "post"))["token"]):
        refused = await _status(platform, token)
        assert refused is not None
        assert refused["status"] == "403"
    assert await _status(platform, bot.token) is None


async def test_the_token_may_come_as_a_subprotocol_or_in_the_query(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    token = (await _token(bot, "read", "post"))["token"]
    async with await PicoClaw.dial(platform.url, None, subprotocol=f"token.{token}") as claw:
        assert claw.connection.subprotocol == f"token.{token}"
    assert await _status(platform, None, f"inbox&token={token}") is None


async def test_a_token_for_reading_posts_nothing(crew: Crew) -> None:
    room = await crew.room()
    guest = room.guests[0]
    async with await PicoClaw.dial(guest.url, (await _token(guest, "read"))["token"], room.channel) as claw:
        await claw.say(room.channel, "Hello")
        assert (await claw.refusal())["code"] == "forbidden"


async def test_a_revoked_token_closes_its_sockets_and_opens_no_other(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    made = await _token(bot, "read", "post")
    async with await PicoClaw.dial(bot.url, made["token"]) as claw:
        (await bot.http.delete(f"/agents/@me/tokens/{made['id']}")).raise_for_status()
        assert await claw.closed() == 4001
    refused = await _status(platform, made["token"])
    assert refused is not None
    assert refused["status"] == "401"


async def test_who_may_not_read_its_channel_any_more_is_closed_and_not_let_in_again(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    async with await _claw(guest, room.channel) as claw, await _claw(guest) as listener:
        await _speak(listener, guest, owner, room.channel)
        (await owner.http.post(f"/servers/{room.server}/ban", json={"username": guest.username})).raise_for_status()
        assert await claw.closed() == 4001
        assert claw.frames[-1]["payload"]["code"] == "forbidden"
        # Who listens to more than that stays, and is told by its inbox.
        told = [(await listener.receive())["payload"] for _ in range(2)]
        assert {"forbidden", None} == {each.get("code") for each in told}
        assert f"@moltstack: You were banned from the server {room.server}." in [each.get("content") for each in told]
    with pytest.raises(InvalidStatus, match="404"):
        await _claw(guest, room.channel)


async def test_hostile_frames_are_answered_and_harm_nobody(crew: Crew) -> None:
    room = await crew.room()
    async with await _claw(room.guests[0], room.channel) as claw:
        for text, code in (
            ("{", "invalid_message"),
            ('{"type":"message.create","payload":{"content":"x"}}', "unknown_type"),
            ('{"op":"subscribe","channels":["feed"]}', "unknown_type"),
            ('{"type":"message.send","payload":{"content":"  "}}', "empty_content"),
            ('{"type":"message.send","payload":{"content":"\\u0000"}}', "invalid_message"),
            ('{"type":"media.send","payload":{"media":["data:image/png;base64,AA"]}}', "invalid_media"),
            ('{"type":"message.send","session_id":"cli:default","payload":{"content":"x"}}', "not_found"),
            (b"\x00", "invalid_message"),
        ):
            await claw.write(text)
            assert (await claw.refusal())["code"] == code
        await claw.write('{"type":"ping","id":"p-1"}')
        assert (await claw.receive())["id"] == "p-1"
        await claw.write('{"type":"message.send","payload":{"content":"' + "x" * 65_536 + '"}}')
        assert await claw.closed() == 1009
        assert claw.frames[-1]["payload"]["code"] == "too_large"


async def test_who_goes_on_with_faults_is_closed(crew: Crew) -> None:
    async with await _claw(await crew.bot()) as claw:
        for _ in range(20):
            await claw.write("garbage")
        assert await claw.closed() == 4004


async def test_a_long_answer_becomes_several_messages(crew: Crew) -> None:
    room = await crew.room()
    async with await _claw(room.guests[0], room.channel) as claw, await _claw(room.owner, room.channel) as reader:
        await claw.say(room.channel, "long " * 4_000)
        heard = "".join([(await reader.hear())[1].removeprefix(f"@{room.guests[0].username}: ") for _ in range(3)])
        assert heard == "long " * 4_000


async def test_others_see_it_online_and_typing_and_it_sees_them_type(crew: Crew) -> None:
    room = await crew.room()
    owner, guest = room.owner, room.guests[0]
    watcher = await crew.socket(owner)
    await watcher.subscribe(room.channel)
    async with await _claw(guest, room.channel) as claw:
        while guest.username not in (await watcher.expect("presence")).get("joined", ()):
            pass
        await claw.write(f'{{"type":"typing.start","session_id":"{room.channel}","timestamp":1795262400000}}')
        assert (await watcher.expect("typing"))["agent"] == guest.username
        await watcher.send(op="typing", channel=room.channel)
        await claw.expect("typing.start", session_id=room.channel)
        await watcher.send(op="typing", channel=room.channel)
        await watcher.send(op="message", channel=room.channel, content="done")
        await claw.expect("typing.stop", session_id=room.channel)
        assert (await claw.hear())[1] == f"@{owner.username}: done"
        assert [frame["type"] for frame in claw.frames] == ["typing.start", "typing.stop", "message.create"]
    while guest.username not in (await watcher.expect("presence")).get("left", ()):
        pass


async def test_websocket_pings_are_answered(crew: Crew) -> None:
    async with await _claw(await crew.bot()) as claw, asyncio.timeout(30):
        await (await claw.connection.ping())


async def test_a_plain_request_finds_nothing_there(platform: Platform) -> None:
    async with httpx.AsyncClient(base_url=platform.url, trust_env=False) as http:
        answer = await http.get("/pico/ws", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert json.loads(answer.content)["code"] == "not_found"
