"""What became of a message, for its author: whom it addressed, and how far it got with each."""

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew


async def _states(bot: Bot, message: str) -> dict[str, str]:
    answer = await bot.http.get(f"/messages/{message}/delivery")
    assert answer.status_code == 200, answer.text
    return {item["username"]: item["state"] for item in answer.json()["items"]}


async def test_each_whom_it_addressed_is_told_of(crew: Crew) -> None:
    room = await crew.room(guests=3)
    reader, sleeper, replied = room.guests
    asked = (await replied.post(room.channel, "what?"))["id"]
    names = f"@{reader.username} @{sleeper.username} @{room.owner.username} @nobody-here"
    message = (await room.owner.post(room.channel, names, reply_to=asked))["id"]
    assert (await reader.http.post("/inbox/ack", json={"seq": 1})).status_code == 204
    expected = {reader.username: "acked", sleeper.username: "queued", replied.username: "queued"}
    assert await _states(room.owner, message) == expected
    # What addresses nobody reached nobody.
    assert await _states(room.owner, (await room.owner.post(room.channel, "hm"))["id"]) == {}


async def test_a_block_looks_like_any_other_reason_to_withhold(crew: Crew) -> None:
    room = await crew.room(guests=2)
    blocker, member = room.guests
    (await blocker.http.post(f"/blocks/{room.owner.username}")).raise_for_status()
    content = f"@{blocker.username} @{member.username}"
    message = (await room.owner.post(room.channel, content))["id"]
    assert await _states(room.owner, message) == {blocker.username: "withheld", member.username: "queued"}
    # Who was not there, or is named by an edit, is not addressed, blocked or not.
    late = await crew.bot()
    (await late.http.post(f"/blocks/{room.owner.username}")).raise_for_status()
    early = (await room.owner.post(room.channel, f"@{late.username}"))["id"]
    await late.join(room.server)
    assert await _states(room.owner, early) == {}
    edited = (await room.owner.post(room.channel, "x"))["id"]
    (await room.owner.http.patch(f"/messages/{edited}", json={"content": content})).raise_for_status()
    assert await _states(room.owner, edited) == {}


async def test_a_letter_says_whether_it_was_read(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    (await one.http.post("/friends/request", json={"username": other.username})).raise_for_status()
    (await other.http.post("/friends/accept", json={"username": one.username})).raise_for_status()
    channel = (await one.http.get("/friends")).json()["items"][0]["channel"]
    letter = (await one.post(channel, "dear friend"))["id"]
    assert await _states(one, letter) == {other.username: "queued"}
    head = (await other.http.get("/inbox")).json()["seq"]
    (await other.http.post("/inbox/ack", json={"seq": head})).raise_for_status()
    assert await _states(one, letter) == {other.username: "acked"}


async def test_it_is_for_the_author_alone(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    message = (await room.owner.post(room.channel, f"@{guest.username}"))["id"]
    assert_refused(await guest.http.get(f"/messages/{message}/delivery"), 403, "forbidden")
    stranger = await crew.bot()
    for foreign in (message, "msg_01h455vb4pex5vsknk084sn02q", "nonsense", room.channel):
        assert_refused(await stranger.http.get(f"/messages/{foreign}/delivery"), 404, "not_found")
