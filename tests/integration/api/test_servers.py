"""Servers, membership and channels over HTTP, and what the server's stream tells of them."""

from typing import Any

import httpx

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, fresh_name


async def _items(bot: Bot, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await bot.http.get(path, params=params)
    return list(answer.raise_for_status().json()["items"])


async def _join(bot: Bot, server: str) -> httpx.Response:
    return await bot.http.post(f"/servers/{server}/join")


async def test_a_new_server_has_a_general_channel_and_its_owner(crew: Crew) -> None:
    bot = await crew.bot()
    name = fresh_name("server")
    made = await bot.create_server(
        name=name, description="d", tags=["b", "a", "b"], category="c", instructions="be kind"
    )
    assert (made["name"], made["owner"], made["member_count"], made["is_public"]) == (name, bot.username, 1, True)
    assert (made["tags"], made["category"], made["instructions"]) == (["a", "b"], "c", "be kind")
    assert (await bot.http.get(f"/servers/{made['id']}")).json() == made
    (general,) = await _items(bot, f"/servers/{made['id']}/channels")
    assert (general["name"], general["type"], general["server"], general["seq"]) == ("general", "text", made["id"], 0)
    (owner,) = await _items(bot, f"/servers/{made['id']}/members")
    assert (owner["agent"]["username"], owner["role"]) == (bot.username, "owner")
    assert made["id"] in [each["id"] for each in await _items(bot, "/agents/@me/servers")]


async def test_a_public_server_is_listed_for_guests_newest_first(crew: Crew) -> None:
    bot, guest = await crew.bot(), await crew.observer()
    made = [(await bot.create_server())["id"] for _ in range(3)]
    hidden = (await bot.create_server(is_public=False))["id"]
    listed: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while len(listed) < 4:
        page = (await guest.http.get("/servers", params=params)).json()
        listed += [each["id"] for each in page["items"]]
        params["before"] = page["next"]
    assert [each for each in listed if each in made] == made[::-1]
    assert hidden not in listed


async def test_joining_twice_is_joining_once(crew: Crew) -> None:
    owner, guest = await crew.bot(), await crew.bot()
    server = (await owner.create_server())["id"]
    assert (await _join(guest, server)).json()["member_count"] == 2
    assert (await _join(guest, server)).json()["member_count"] == 2
    roles = {each["agent"]["username"]: each["role"] for each in await _items(owner, f"/servers/{server}/members")}
    assert roles == {owner.username: "owner", guest.username: "member"}


async def test_leaving_ends_the_membership_and_cannot_be_repeated(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    assert (await guest.http.delete(f"/servers/{room.server}/leave")).status_code == 204
    assert (await guest.http.get(f"/servers/{room.server}")).json()["member_count"] == 1
    assert_refused(await guest.http.delete(f"/servers/{room.server}/leave"), 409, "conflict")
    assert_refused(await guest.http.get(f"/channels/{room.channel}/messages"), 403, "forbidden")
    assert (await _join(guest, room.server)).json()["member_count"] == 2


async def test_the_owner_cannot_leave(crew: Crew) -> None:
    room = await crew.room(guests=0)
    assert_refused(await room.owner.http.delete(f"/servers/{room.server}/leave"), 409, "conflict")


async def test_a_private_server_does_not_exist_for_strangers(crew: Crew) -> None:
    room = await crew.room(guests=0, is_public=False)
    stranger, observer = await crew.bot(), await crew.observer()
    for caller in (stranger, observer):
        for path in (
            f"/servers/{room.server}",
            f"/servers/{room.server}/members",
            f"/servers/{room.server}/channels",
            f"/channels/{room.channel}",
            f"/channels/{room.channel}/messages",
        ):
            assert_refused(await caller.http.get(path), 404, "not_found")
    assert_refused(await _join(stranger, room.server), 404, "not_found")
    assert_refused(await stranger.http.delete(f"/servers/{room.server}/leave"), 404, "not_found")
    assert_refused(await stranger.http.post(f"/servers/{room.server}/channels", json={"name": "x"}), 404, "not_found")
    assert (await room.owner.http.get(f"/servers/{room.server}")).json()["is_public"] is False


async def test_members_are_listed_by_name_page_after_page(crew: Crew) -> None:
    room = await crew.room(guests=4)
    names = sorted(each.username for each in (room.owner, *room.guests))
    listed: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await room.owner.http.get(f"/servers/{room.server}/members", params=params)).json()
        listed += [each["agent"]["username"] for each in page["items"]]
        if page["next"] is None:
            break
        params["after"] = page["next"]
    assert listed == names


async def test_only_owners_make_channels_which_come_in_their_order(crew: Crew) -> None:
    room = await crew.room()
    path = f"/servers/{room.server}/channels"
    made = await room.owner.http.post(path, json={"name": "news", "type": "announcement", "topic": "t", "position": 1})
    assert made.status_code == 201
    assert (made.json()["type"], made.json()["topic"], made.json()["server"]) == ("announcement", "t", room.server)
    assert_refused(await room.guests[0].http.post(path, json={"name": "mine"}), 403, "forbidden")
    assert_refused(await (await crew.bot()).http.post(path, json={"name": "mine"}), 403, "forbidden")
    assert [each["name"] for each in await _items(room.guests[0], path)] == ["general", "news"]
    found = (await room.guests[0].http.get(f"/channels/{made.json()['id']}")).json()
    assert found == made.json()


async def test_an_announcement_channel_takes_posts_of_its_owner_alone(crew: Crew) -> None:
    room = await crew.room()
    body = {"name": "news", "type": "announcement"}
    news = (await room.owner.http.post(f"/servers/{room.server}/channels", json=body)).json()["id"]
    assert (await room.owner.post(news, "hear, hear"))["seq"] == 1
    refused = await room.guests[0].http.post(f"/channels/{news}/messages", json={"content": "me too"})
    assert_refused(refused, 403, "forbidden")


async def test_a_full_server_is_a_conflict(crew: Crew) -> None:
    owner, first, second = await crew.bot(), await crew.bot(), await crew.bot()
    server = (await owner.create_server(max_members=2))["id"]
    await first.join(server)
    assert_refused(await _join(second, server), 409, "conflict")
    assert (await _join(first, server)).status_code == 200
    assert (await first.http.delete(f"/servers/{server}/leave")).status_code == 204
    assert (await _join(second, server)).json()["member_count"] == 2


async def test_a_server_has_at_most_a_hundred_channels(crew: Crew) -> None:
    room = await crew.room(guests=0)
    path = f"/servers/{room.server}/channels"
    for number in range(99):
        (await room.owner.http.post(path, json={"name": f"c{number}"})).raise_for_status()
    assert_refused(await room.owner.http.post(path, json={"name": "one too many"}), 409, "conflict")
    assert len(await _items(room.owner, path)) == 100


async def test_the_servers_stream_tells_of_members_and_channels_on_both_nodes(crew: Crew) -> None:
    room = await crew.room(guests=0)
    sockets = [await crew.socket(room.owner, node=node) for node in ("gw-1", "gw-2")]
    heads = [await socket.subscribe(room.server) for socket in sockets]
    assert [(head["server"], head["seq"], head["recovered"]) for head in heads] == [
        (room.server, 0, "nothing_missed")
    ] * 2
    guest = await crew.bot()
    await guest.join(room.server)
    channel = (await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": "attic"})).json()
    (await guest.http.delete(f"/servers/{room.server}/leave")).raise_for_status()
    for socket in sockets:
        joined = await socket.expect("member_joined")
        assert (joined["seq"], joined["server"], joined["agent"]["id"]) == (1, room.server, guest.agent_id)
        created = await socket.expect("channel_created")
        assert (created["seq"], created["channel"]) == (2, channel)
        left = await socket.expect("member_left")
        assert (left["seq"], left["agent"]["username"]) == (3, guest.username)


async def test_a_servers_stream_can_be_resumed(crew: Crew) -> None:
    room = await crew.room(guests=2)
    socket = await crew.socket(room.owner)
    answer = await socket.subscribe({"id": room.server, "after": 1})
    assert (answer["seq"], answer["recovered"], answer["replayed"]) == (2, "replayed", 1)
    assert (await socket.expect("member_joined"))["agent"]["username"] == room.guests[1].username
