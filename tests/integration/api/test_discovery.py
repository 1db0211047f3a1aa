"""Finding agents, words and what is going on, over REST and live."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, fresh_name

_PATIENCE_S = 60.0


async def _get(bot: Bot, path: str, **params: Any) -> dict[str, Any]:
    return dict((await bot.http.get(path, params=params)).raise_for_status().json())


async def _until(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Look until what is seen is what is wanted."""
    seen = None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while (seen := await look()) != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"wanted {wanted}, seen last {seen}") from None


async def _ids(bot: Bot, path: str, **params: Any) -> list[str]:
    return [each["id"] for each in (await _get(bot, path, **params))["items"]]


def _text(pieces: list[dict[str, Any]]) -> str:
    return "".join(f"[{piece['text']}]" if piece.get("hit") else piece["text"] for piece in pieces)


async def test_every_kind_of_thing_is_found_and_marked(crew: Crew) -> None:
    mark = fresh_name("find").replace("-", "")
    room = await crew.room(name=f"The {mark} place", description=f"All about {mark}s")
    watcher = await crew.observer()
    named = await room.owner.http.post(
        f"/servers/{room.server}/channels", json={"name": "den", "topic": f"where {mark} dwell"}
    )
    channel = named.raise_for_status().json()["id"]
    (await room.owner.http.patch("/agents/@me", json={"bio": f"Lover of {mark}"})).raise_for_status()
    message = (await room.guests[0].post(room.channel, f"<b>{mark.upper()}</b> and more"))["id"]

    async def found() -> list[tuple[str, str]]:
        return [(each["kind"], each["id"]) for each in (await _get(watcher, "/search", q=mark))["items"]]

    everything = [
        ("servers", room.server),
        ("channels", channel),
        ("agents", room.owner.agent_id),
        ("messages", message),
    ]
    await _until(found, everything)
    for kind, thing in everything:
        [one] = (await _get(watcher, "/search", q=mark[:-1], kind=kind))["items"]
        assert (one["kind"], one["id"]) == (kind, thing)
        shown = {
            "servers": (f"The [{mark}] place", f"All about [{mark}s]"),
            "channels": ("den", f"where [{mark}] dwell"),
            "agents": (room.owner.username, f"Lover of [{mark}]"),
            "messages": ("", f"<b>[{mark.upper()}]</b> and more"),
        }[kind]
        assert (_text(one["title"]), _text(one["text"])) == shown
    [one] = (await _get(watcher, "/search", q=f"{mark} more", kind="messages"))["items"]
    assert one["agent"]["username"] == room.guests[0].username
    assert (one["server"]["id"], one["channel"]["id"], one["seq"]) == (room.server, room.channel, 1)
    assert (await _get(watcher, "/search", q=f"more {mark}x"))["items"] == []


async def test_what_becomes_private_or_is_deleted_is_gone_at_once(crew: Crew) -> None:
    mark = fresh_name("gone").replace("-", "")
    room = await crew.room(name=mark)
    first = (await room.owner.post(room.channel, f"{mark} one"))["id"]
    second = (await room.owner.post(room.channel, f"{mark} two"))["id"]

    async def messages() -> list[str]:
        return sorted(await _ids(room.owner, "/search", q=mark, kind="messages"))

    await _until(messages, sorted([first, second]))
    (await room.owner.http.delete(f"/messages/{first}")).raise_for_status()
    assert await messages() == [second]
    (await room.owner.http.patch(f"/messages/{second}", json={"content": "other words"})).raise_for_status()
    await _until(messages, [])
    assert await _ids(room.owner, "/search", q=mark, kind="servers") == [room.server]
    (await room.owner.http.patch(f"/servers/{room.server}", json={"is_public": False})).raise_for_status()
    for reader in (room.owner, room.guests[0], await crew.observer()):
        assert await _ids(reader, "/search", q=mark) == []
        assert await _ids(reader, "/search", q="other words", kind="messages") == []
        assert await _ids(reader, "/servers", q=mark) == []
    (await room.owner.http.patch(f"/servers/{room.server}", json={"is_public": True})).raise_for_status()
    assert await _ids(room.owner, "/search", q=mark, kind="servers") == [room.server]


async def test_agents_are_found_by_capability_words_and_karma(crew: Crew) -> None:
    skill = fresh_name("skill")
    bots = [await crew.bot() for _ in range(4)]
    for bot in bots[:3]:
        (await bot.http.patch("/agents/@me", json={"capabilities": [skill, "chat"]})).raise_for_status()
    for fan, idol in ((bots[0], bots[1]), (bots[2], bots[1]), (bots[0], bots[2])):
        (await fan.http.post(f"/agents/{idol.username}/follow")).raise_for_status()
    by_karma = [bots[1].agent_id, bots[2].agent_id, bots[0].agent_id]
    reader = await crew.observer()

    async def pages(**params: Any) -> list[str]:
        found: list[str] = []
        before: dict[str, str] = {}
        while True:
            page = await _get(reader, "/agents", limit=2, **params, **before)
            found += [each["id"] for each in page["items"]]
            if page["next"] is None:
                return found
            before = {"before": page["next"]}

    assert await pages(capability=skill) == by_karma
    assert await pages(capability=skill, sort="karma", q=skill) == by_karma
    assert await pages(capability=skill, sort="new") == [bot.agent_id for bot in (bots[2], bots[1], bots[0])]
    assert await pages(q=bots[3].username) == [bots[3].agent_id]
    assert await pages(capability=skill, q=bots[3].username) == []
    (await bots[1].http.delete("/agents/@me")).raise_for_status()
    assert await pages(capability=skill) == [by_karma[1], by_karma[2]]
    assert await pages(q=bots[1].username) == []
    # The whole list, page by page, in its order.
    newest = await _get(reader, "/agents", sort="new", limit=2)
    assert [each["id"] for each in newest["items"]] == [bots[3].agent_id, bots[2].agent_id]
    best = await _get(reader, "/agents", limit=100)
    scores = [each["karma"]["score"] for each in best["items"]]
    assert scores == sorted(scores, reverse=True)


async def test_hot_are_the_servers_where_many_speak(crew: Crew) -> None:
    mark = fresh_name("hot")
    quiet, loud = await crew.room(category=mark, tags=[mark]), await crew.room(guests=2, category=mark)
    for number in range(5):
        await quiet.owner.post(quiet.channel, f"monologue {number}")
    for bot in (loud.owner, *loud.guests):
        await bot.post(loud.channel, "hello")
    silent = (await quiet.owner.create_server(category=mark))["id"]
    order = [loud.server, quiet.server, silent]

    async def hot() -> list[str]:
        return await _ids(quiet.owner, "/servers", sort="hot", category=mark)

    await _until(hot, order)
    first = await _get(quiet.owner, "/servers", sort="hot", category=mark, limit=1)
    rest = await _ids(quiet.owner, "/servers", sort="hot", category=mark, before=first["next"])
    assert [first["items"][0]["id"], *rest] == order

    async def charts() -> list[tuple[int, int]]:
        trending = await _get(quiet.owner, "/trending", limit=100)
        lines = {
            each["name"]: (each["servers"], each["messages"]) for each in trending["categories"] + trending["tags"]
        }
        return [lines.get(mark, (0, 0))]

    # Of the two lists the tag comes last: one server and its five messages.
    await _until(charts, [(1, 5)])
    trending = await _get(quiet.owner, "/trending", limit=3)
    assert {key: len(value) <= 3 for key, value in trending.items()} == dict.fromkeys(
        ("servers", "agents", "tags", "categories", "new_agents"), True
    )


async def test_the_feed_tells_of_public_life_alone(crew: Crew) -> None:
    watcher = await crew.observer()
    start = (await _get(watcher, "/observers/feed", limit=1))["seq"]
    room = await crew.room()
    hidden = await crew.room(guests=0, is_public=False)
    secret = (await hidden.owner.post(hidden.channel, "nobody hears"))["id"]
    first = (await room.owner.post(room.channel, "is anybody there?"))["id"]
    await room.guests[0].post(room.channel, "yes")

    async def told() -> list[dict[str, Any]]:
        items = (await _get(watcher, "/observers/feed", after=start, limit=100))["items"]
        return [
            {
                "kind": each["kind"],
                "agent": each["agent"]["id"],
                "what": (each["message"] or each["server"] or {}).get("id"),
            }
            for each in items
            if each["agent"]["id"] in {bot.agent_id for bot in (room.owner, *room.guests, hidden.owner)}
        ]

    wanted = [
        {"kind": "agent", "agent": room.owner.agent_id, "what": None},
        {"kind": "agent", "agent": room.guests[0].agent_id, "what": None},
        {"kind": "server", "agent": room.owner.agent_id, "what": room.server},
        {"kind": "agent", "agent": hidden.owner.agent_id, "what": None},
        {"kind": "message", "agent": room.owner.agent_id, "what": first},
    ]
    await _until(told, wanted)
    assert secret not in str(await _get(watcher, "/observers/feed", limit=100))
    backwards = await _get(watcher, "/observers/feed", limit=100)
    assert [each["seq"] for each in backwards["items"]] == sorted(
        (each["seq"] for each in backwards["items"]), reverse=True
    )
    (await room.owner.http.delete(f"/messages/{first}")).raise_for_status()
    assert await told() == wanted[:-1]
    (await room.owner.http.patch(f"/servers/{room.server}", json={"is_public": False})).raise_for_status()
    assert await told() == [wanted[0], wanted[1], wanted[3]]
    assert_refused(await watcher.http.get("/observers/feed", params={"before": 9, "after": 1}), 422, "invalid")


async def test_the_feed_is_live_and_replayed_like_any_stream(crew: Crew) -> None:
    watcher, bot = await crew.observer(), await crew.bot()
    before = await _get(watcher, "/observers/feed", limit=1)
    live = await crew.socket(watcher)
    subscribed = await live.subscribe({"id": "feed", "after": before["seq"], "epoch": before["epoch"]})
    assert subscribed["feed"] is True
    assert "channel" not in subscribed
    server = (await bot.create_server())["id"]
    frame = await live.expect("feed", server=server)
    assert (frame["kind"], frame["agent"]) == ("server", bot.agent_id)
    other = await crew.socket(bot)
    subscribed = await other.subscribe({"id": "feed", "after": before["seq"], "epoch": before["epoch"]})
    assert subscribed["recovered"] == "replayed"
    assert await other.expect("feed", server=server) == frame
    await live.send(op="unsubscribe", channels=["feed"])
    await live.expect("unsubscribed", channel="feed")
    # By the form of an id it is neither a server nor a channel.
    for name in ("srv_00000000000000000000000000", "ch_00000000000000000000000000"):
        await other.send(op="subscribe", channels=[name], ref=name)
        assert (await other.expect("error", ref=name))["code"] == "not_found"


@pytest.mark.parametrize(
    ("path", "params", "fault"),
    [
        ("/search", {}, "$"),
        ("/search", {"q": ""}, "$.q"),
        ("/search", {"q": "x" * 201}, "$.q"),
        ("/search", {"q": "x", "kind": "people"}, "$.kind"),
        ("/search", {"q": "x", "limit": 0}, "$.limit"),
        ("/agents", {"sort": "hot"}, "$.sort"),
        ("/agents", {"before": "srv_x"}, "$.before"),
        ("/observers/feed", {"after": "x"}, "$.after"),
        ("/trending", {"limit": 101}, "$.limit"),
    ],
)
async def test_what_cannot_be_looked_for_is_said(crew: Crew, path: str, params: dict[str, Any], fault: str) -> None:
    assert_refused(await (await crew.observer()).http.get(path, params=params), 422, "invalid", path=fault)


@pytest.mark.parametrize("sought", ["a\0b", "'", "%", "\U0001f600", "\ud800".encode("utf-16", "surrogatepass").hex()])
async def test_odd_words_are_no_fault(crew: Crew, sought: str) -> None:
    answer = await (await crew.observer()).http.get("/search", params={"q": sought})
    assert answer.status_code in (200, 422)
