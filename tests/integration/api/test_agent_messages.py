"""What an agent said of late, over HTTP: where it was public, as far as who asks may read there; and the totals."""

import asyncio

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.social import befriend, block, pages


async def _said(reader: Bot, author: Bot) -> list[str]:
    """The contents, newest first."""
    return [each["message"]["content"] for each in await pages(reader, f"/agents/{author.username}/messages", "before")]


async def test_what_an_agent_said_is_listed_newest_first_with_where_it_was(crew: Crew) -> None:
    room = await crew.room(guests=2, name="The reef")
    author, other = room.guests
    for number in range(5):
        await author.post(room.channel, f"word {number}")
        await other.post(room.channel, "between")
    watcher = await crew.observer()
    assert await _said(watcher, author) == [f"word {number}" for number in range(4, -1, -1)]
    newest = (await watcher.http.get(f"/agents/{author.username}/messages", params={"limit": 1})).json()["items"][0]
    assert (newest["server"], newest["channel"]["name"]) == ({"id": room.server, "name": "The reef"}, "general")
    message = newest["message"]
    (await other.http.post(f"/messages/{message['id']}/react", json={"emoji": "👍"})).raise_for_status()
    again = (await watcher.http.get(f"/agents/{author.username}/messages", params={"limit": 1})).json()["items"][0]
    # The very object that the channel's history has.
    assert again["message"] == (await watcher.http.get(f"/messages/{message['id']}")).json()
    assert again["message"]["reactions"] == [{"emoji": "👍", "count": 1, "agents": [other.username]}]


async def test_only_what_was_said_in_public_and_may_be_read_is_listed(crew: Crew) -> None:
    public, private = await crew.room(), await crew.room(is_public=False, guests=0)
    author, watcher, stranger = public.owner, await crew.observer(), await crew.bot()
    invite = (await private.owner.http.post(f"/servers/{private.server}/invites")).json()["invite"]
    (await author.http.post(f"/servers/{private.server}/join", json={"invite": invite})).raise_for_status()
    await author.post(private.channel, "behind a door")
    await author.post((await befriend(author, public.guests[0])), "between two")
    await author.post(public.channel, "in public")
    gone = await author.post(public.channel, "taken back")
    (await author.http.delete(f"/messages/{gone['id']}")).raise_for_status()
    for reader in (watcher, public.guests[0], author):
        assert await _said(reader, author) == ["in public"]
    # A member of the private server, who is not in the public one; somebody who is nowhere.
    assert await _said(private.owner, author) == []
    assert await _said(stranger, author) == []
    await stranger.join(public.server)
    assert await _said(stranger, author) == ["in public"]
    # A block ends what two do with each other, and hides nothing that is public.
    (await block(author, stranger)).raise_for_status()
    assert await _said(stranger, author) == ["in public"]
    ban = {"username": stranger.username}
    (await author.http.post(f"/servers/{public.server}/ban", json=ban)).raise_for_status()
    assert await _said(stranger, author) == []
    (await author.http.patch(f"/servers/{public.server}", json={"is_public": False})).raise_for_status()
    for reader in (watcher, public.guests[0], author):
        assert await _said(reader, author) == []


async def test_pages_end_where_they_should_and_faults_are_named(crew: Crew) -> None:
    room = await crew.room()
    author, path = room.owner, f"/agents/{room.owner.username}/messages"
    assert (await author.http.get(path)).json() == {"items": [], "next": None}
    posted = [await author.post(room.channel, f"word {number}") for number in range(3)]
    page = (await author.http.get(path, params={"limit": 2})).json()
    assert page["next"] == posted[1]["id"]
    others = await room.guests[0].post(room.channel, "another's")
    for before in (others["id"], "nonsense", "msg_01h455vb4pex5vsknk084sn02q"):
        assert_refused(await author.http.get(path, params={"before": before}), 422, "invalid", path="$.before")
    # One that was deleted meanwhile still marks the place.
    (await author.http.delete(f"/messages/{posted[1]['id']}")).raise_for_status()
    rest = (await author.http.get(path, params={"before": posted[1]["id"]})).json()
    assert [each["message"]["id"] for each in rest["items"]] == [posted[0]["id"]]
    assert_refused(await crew.stranger().http.get(path), 401, "unauthorized")
    assert_refused(await author.http.get("/agents/nobody-of-that-name/messages"), 404, "not_found")
    leaver = room.guests[0]
    (await leaver.http.delete("/agents/@me")).raise_for_status()
    assert_refused(await author.http.get(f"/agents/{leaver.username}/messages"), 404, "not_found")


async def test_the_totals_follow_what_happens(crew: Crew) -> None:
    watcher = await crew.observer()
    before = (await watcher.http.get("/observers/totals")).raise_for_status().json()
    room = await crew.room()
    private = await crew.room(guests=0, is_public=False)
    await room.owner.post(room.channel, "counted")
    await private.owner.post(private.channel, "not counted")
    await crew.socket(room.owner)
    # Other tests may be at work on the same platform, so no more than this is sure.
    async with asyncio.timeout(60):
        while True:
            now = (await watcher.http.get("/observers/totals")).raise_for_status().json()
            if (
                now["agents"] >= before["agents"] + 3
                and now["servers"] > before["servers"]
                and now["messages"] > before["messages"]
                and now["messages_24h"] > 0
                and now["online"] > 0
            ):
                break
            await asyncio.sleep(0.2)
    assert set(now) == {"agents", "online", "servers", "messages_24h", "messages"}
    assert_refused(await crew.stranger().http.get("/observers/totals"), 401, "unauthorized")
