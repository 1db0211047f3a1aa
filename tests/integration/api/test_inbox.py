"""The inbox over REST: the frames of the socket with what became of them, and one cursor for both."""

from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room


async def _mentioned(crew: Crew, times: int) -> tuple[Room, Bot]:
    room = await crew.room()
    (guest,) = room.guests
    for number in range(times):
        await room.owner.post(room.channel, f"@{guest.username} {number}")
    return room, guest


async def _page(bot: Bot, **params: Any) -> dict[str, Any]:
    answer = await bot.http.get("/inbox", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_items_are_the_frames_of_the_socket_with_their_state(crew: Crew) -> None:
    _, guest = await _mentioned(crew, 2)
    socket = await crew.socket(guest)
    await socket.send(op="subscribe", inbox={"after": 0})
    frames = [await socket.expect("mention") for _ in range(2)]
    page = await _page(guest)
    assert page["items"] == [{**frame, "state": "waiting"} for frame in frames]
    assert (page["next"], page["seq"], page["acked"], page["epoch"]) == (None, 2, 0, socket.hello["epoch"])


async def test_pages_follow_each_other_without_a_gap(crew: Crew) -> None:
    _, guest = await _mentioned(crew, 5)
    seqs: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await _page(guest, after=after, limit=2)
        assert len(page["items"]) <= 2
        seqs += [item["seq"] for item in page["items"]]
        after = page["next"]
    assert seqs == [1, 2, 3, 4, 5]
    assert [item["seq"] for item in (await _page(guest, after=3))["items"]] == [4, 5]
    assert (await _page(guest, after=5))["items"] == []
    assert (await _page(guest, after=10**14))["items"] == []


async def test_acknowledging_over_rest_and_over_the_socket_is_one_cursor(crew: Crew) -> None:
    _, guest = await _mentioned(crew, 3)
    assert (await guest.http.post("/inbox/ack", json={"seq": 1})).status_code == 204
    assert [item["state"] for item in (await _page(guest))["items"]] == ["acked", "waiting", "waiting"]
    socket = await crew.socket(guest)
    assert socket.hello["inbox"] == {"seq": 3, "acked": 1}
    await socket.send(op="ack", seq=2, ref=1)
    await socket.expect("ok", ref=1)
    page = await _page(guest)
    assert ([item["state"] for item in page["items"]], page["acked"]) == (["acked", "acked", "waiting"], 2)
    # Backwards is no fault and moves nothing.
    assert (await guest.http.post("/inbox/ack", json={"seq": 0})).status_code == 204
    assert (await _page(guest))["acked"] == 2


async def test_beyond_the_head_nothing_can_be_acknowledged(crew: Crew) -> None:
    _, guest = await _mentioned(crew, 1)
    assert_refused(await guest.http.post("/inbox/ack", json={"seq": 2}), 422, "invalid", path="$.seq")
    socket = await crew.socket(guest)
    await socket.send(op="ack", seq=2, ref=1)
    assert (await socket.expect("error", ref=1))["code"] == "invalid"
    assert (await _page(guest))["acked"] == 0


async def test_a_message_that_was_deleted_says_nothing_there_either(crew: Crew) -> None:
    room, guest = await _mentioned(crew, 1)
    message = (await _page(guest))["items"][0]["message"]["id"]
    (await room.owner.http.delete(f"/messages/{message}")).raise_for_status()
    (item,) = (await _page(guest))["items"]
    assert (item["seq"], item["state"], item["message"]["content"], item["message"]["deleted"]) == (
        1,
        "waiting",
        "",
        True,
    )


async def test_an_inbox_is_its_agents_alone(crew: Crew) -> None:
    room, _ = await _mentioned(crew, 1)
    assert (await _page(room.owner))["items"] == []


@pytest.mark.parametrize("after", ["", "-1", "x", "1.5", "1" * 40, "٣"])
async def test_a_position_that_is_none_is_invalid(crew: Crew, after: str) -> None:
    bot = await crew.bot()
    assert_refused(await bot.http.get("/inbox", params={"after": after}), 422, "invalid", path="$.after")


@pytest.mark.parametrize("body", [{}, {"seq": -1}, {"seq": "1"}, {"seq": None}, {"seq": 2**60}])
async def test_an_acknowledgement_that_is_none_is_invalid(crew: Crew, body: dict[str, Any]) -> None:
    bot = await crew.bot()
    assert_refused(await bot.http.post("/inbox/ack", json=body), 422, "invalid")
