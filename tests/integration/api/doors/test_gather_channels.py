"""The door for Gather's clients: channels, messages and the inbox in the old shapes, and who answers whom."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from tests.integration.api.doors.test_gather_sign_in import assert_old_problem
from tests.support.bots import Bot, Crew, Room, fresh_name
from tests.support.gather import OldClaw
from tests.support.platform import Platform


@pytest_asyncio.fixture
async def claws(platform: Platform) -> AsyncIterator[list[OldClaw]]:
    claws = [await OldClaw.register(platform.url) for _ in range(2)]
    yield claws
    for claw in claws:
        await claw.close()


async def _room_with(crew: Crew, *claws: OldClaw) -> Room:
    """A public server in which the claws are."""
    room = await crew.room()
    for claw in claws:
        (await claw.http.post(f"/api/v1/servers/{room.server}/join")).raise_for_status()
    return room


def _old(time: str) -> str:
    return time.replace("T", " ")


async def _until(claw: OldClaw, path: str, wanted: int, **params: str) -> dict[str, Any]:
    """The messages at a path, as soon as there are as many: a poll may be two seconds behind."""
    async with asyncio.timeout(30):
        while True:
            answer = await claw.http.get(path, params=params)
            assert answer.status_code == 200, answer.text
            if len(answer.json()["messages"]) >= wanted:
                return dict(answer.json())
            await asyncio.sleep(0.2)


async def test_a_token_that_may_not_invite_puts_nobody_into_a_new_channel_either(claws: list[OldClaw]) -> None:
    claw, other = claws
    made = await claw.http.post("/api/v1/agents/@me/tokens", json={"name": "a claw", "scopes": ["read", "social"]})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    body = {"name": "den", "members": [other.agent_id]}
    refused = await claw.http.post("/api/channels", json=body, headers=headers)
    assert (refused.status_code, "`moderate`" in refused.json()["detail"]) == (403, True)
    assert (await claw.http.get("/api/channels")).json() == {"channels": []}
    alone = await claw.http.post("/api/channels", json={"name": "den"}, headers=headers)
    assert alone.json()["message"] == "Channel created. 0 member(s) invited."


async def test_a_channel_is_a_private_server_of_that_name(claws: list[OldClaw], crew: Crew) -> None:
    claw, other = claws
    stranger = await crew.bot()
    made = await claw.http.post(
        "/api/channels",
        json={"name": "den", "description": "ours", "members": [other.agent_id, stranger.agent_id, "agt_x", "x"]},
    )
    channel = made.json()["channel"]
    assert made.status_code == 200
    assert made.text == (
        f'{{"channel":{{"id":"{channel["id"]}","name":"den","description":"ours","channel_type":"agent",'
        f'"created_by":"{claw.username}","role":"owner","created":"{channel["created"]}"}},'
        '"message":"Channel created. 1 member(s) invited."}'
    )
    assert (await claw.http.get("/api/channels")).json() == {"channels": [channel]}
    assert (await other.http.get("/api/channels")).json() == {"channels": [{**channel, "role": "member"}]}
    detail = (await other.http.get(f"/api/channels/{channel['id']}")).json()
    joined = [member.pop("joined") for member in detail["members"]]
    assert detail == {
        **{name: value for name, value in channel.items() if name != "role"},
        "members": [
            {"agent_id": claw.agent_id, "agent_name": claw.username, "role": "owner"},
            {"agent_id": other.agent_id, "agent_name": other.username, "role": "member"},
        ],
    }
    assert all(time[10] == " " for time in joined)
    # The rest of the platform knows it as what it is, and to others there is none.
    server = (await claw.http.get(f"/api/v1/channels/{channel['id']}")).json()["server"]
    assert (await claw.http.get(f"/api/v1/servers/{server}")).json()["is_public"] is False
    stranger.http.base_url = httpx.URL(claw.http.base_url)
    for path in ("", "/messages", "/messages?since=2026-01-01"):
        assert_old_problem(await stranger.http.get(f"/api/channels/{channel['id']}{path}"), 404, "Not Found")


async def test_who_registered_here_is_put_into_a_channel_and_told(claws: list[OldClaw], crew: Crew) -> None:
    claw, other = claws
    stranger = await crew.bot()
    channel = (await claw.http.post("/api/channels", json={"name": "den"})).json()["channel"]["id"]
    invite = f"/api/channels/{channel}/invite"
    assert_old_problem(await other.http.post(invite, json={"agent_id": other.agent_id}), 404, "Not Found")
    invited = await claw.http.post(invite, json={"agent_id": other.agent_id})
    assert invited.text == f'{{"status":"invited","message":"{other.username} added to den"}}'
    again = await claw.http.post(invite, json={"agent_id": other.agent_id})
    assert_old_problem(again, 409, "Conflict", "Agent is already a member of this channel")
    problem = assert_old_problem(await claw.http.post(invite, json={"agent_id": stranger.agent_id}), 403, "Forbidden")
    assert "/api/v1/servers/{id}/invites" in problem["detail"]
    for nobody in ("x", "agt_01h455vb4pex5vsknk084sn02q"):
        unknown = await claw.http.post(invite, json={"agent_id": nobody})
        assert_old_problem(unknown, 404, "Not Found", "Agent not found")
    assert_old_problem(await other.http.post(invite, json={"agent_id": stranger.agent_id}), 403, "Forbidden")
    (entry,) = (await other.http.get("/api/inbox")).json()["messages"]
    assert entry.pop("created")[10] == " "
    assert entry == {
        "id": "1",
        "type": "channel_invite",
        "subject": "Invited to channel: den",
        "body": f"{claw.username} put you into 'den'. Read: GET /api/channels/{channel}/messages. "
        f"Send: POST /api/channels/{channel}/messages",
        "read": False,
        "ref_type": "channel",
        "ref_id": channel,
    }
    assert (await other.http.post(f"/api/channels/{channel}/messages", json={"body": "here"})).status_code == 200


async def test_one_who_was_blocked_or_banned_is_not_put_anywhere(claws: list[OldClaw]) -> None:
    claw, other = claws
    channel = (await claw.http.post("/api/channels", json={"name": "den"})).json()["channel"]["id"]
    await other.http.post(f"/api/v1/blocks/{claw.username}")
    invite = await claw.http.post(f"/api/channels/{channel}/invite", json={"agent_id": other.agent_id})
    assert_old_problem(invite, 403, "Forbidden")
    await other.http.delete(f"/api/v1/blocks/{claw.username}")
    server = (await claw.http.get(f"/api/v1/channels/{channel}")).json()["server"]
    await claw.http.post(f"/api/v1/servers/{server}/ban", json={"username": other.username})
    invite = await claw.http.post(f"/api/channels/{channel}/invite", json={"agent_id": other.agent_id})
    assert_old_problem(invite, 403, "Forbidden")


async def test_messages_have_the_old_shape_and_come_newest_first(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    room = await _room_with(crew, claw)
    path = f"/api/channels/{room.channel}/messages"
    assert (await claw.http.get(path)).text == '{"messages":[],"total":0}'
    sent = await claw.http.post(path, json={"body": "first"})
    message = sent.json()["message"]
    assert sent.text == (
        f'{{"message":{{"id":"{message["id"]}","author_id":"{claw.agent_id}","author_name":"{claw.username}",'
        f'"body":"first","created":"{message["created"]}"}},"message_id":"{message["id"]}"}}'
    )
    stored = (await claw.http.get(f"/api/v1/messages/{message['id']}")).json()
    assert _old(stored["created_at"]) == message["created"]
    second = await room.owner.post(room.channel, f"@{claw.username} second")
    third = await room.owner.post(room.channel, "third")
    await room.owner.http.delete(f"/messages/{(await room.owner.post(room.channel, 'gone'))['id']}")
    page = await _until(claw, path, 3)
    assert page == {
        "messages": [
            {
                "id": third["id"],
                "author_id": room.owner.agent_id,
                "author_name": room.owner.username,
                "body": "third",
                "created": _old(third["created_at"]),
            },
            {
                "id": second["id"],
                "author_id": f"user:{room.owner.agent_id}",
                "author_name": room.owner.username,
                "body": f"@{claw.username} second",
                "created": _old(second["created_at"]),
            },
            message,
        ],
        "total": 3,
    }
    paged = (await claw.http.get(path, params={"limit": "1", "offset": "1"})).json()
    assert ([each["id"] for each in paged["messages"]], paged["total"]) == ([second["id"]], 3)


async def test_since_takes_both_forms_of_time(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    room = await _room_with(crew, claw)
    path = f"/api/channels/{room.channel}/messages"
    posts = []
    for text in ("one", "two", "three"):
        posts.append(await room.owner.post(room.channel, text))
        await asyncio.sleep(0.003)
    first = datetime.fromisoformat(posts[0]["created_at"])
    forms = [
        _old(posts[0]["created_at"]),
        posts[0]["created_at"],
        first.isoformat(),
        first.isoformat(sep=" ", timespec="microseconds"),
        first.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds"),
        (first + timedelta(microseconds=1)).isoformat() + "",
    ]
    for since in forms:
        page = (await claw.http.get(path, params={"since": since, "limit": "10"})).json()
        assert ([each["body"] for each in page["messages"]], page["total"]) == (["three", "two"], 2), since
    # As a client sends it that does not escape a plus.
    raw = await claw.http.get(f"{path}?since={first.isoformat()}")
    assert len(raw.json()["messages"]) == 2
    everything = (await claw.http.get(path, params={"since": "2020-01-01"})).json()
    assert everything["total"] == 3
    last = _old(posts[2]["created_at"])
    for since in (last, "2999-12-31 23:59:59.999Z"):
        assert (await claw.http.get(path, params={"since": since})).json() == {"messages": [], "total": 0}
    for since in ("yesterday", "0001-01-01T00:00:00+14:00", "2026-13-01"):
        answer = await claw.http.get(path, params={"since": since})
        problem = assert_old_problem(answer, 422, "Unprocessable Entity", "validation failed")
        assert (problem["errors"][0]["location"], problem["errors"][0]["value"]) == ("query.since", since)


async def test_what_is_no_channel_of_ones_own_is_refused_in_the_old_words(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    public, private = await crew.room(), await crew.room(is_public=False, guests=0)
    for channel in (private.channel, "x", "ch_01h455vb4pex5vsknk084sn02q", public.server):
        for suffix in ("", "/messages"):
            assert_old_problem(await claw.http.get(f"/api/channels/{channel}{suffix}"), 404, "Not Found")
        assert_old_problem(
            await claw.http.post(f"/api/channels/{channel}/messages", json={"body": "x"}), 404, "Not Found"
        )
    for suffix in ("", "/messages", "/messages?since=2026-01-01&wait=1"):
        answer = await claw.http.get(f"/api/channels/{public.channel}{suffix}")
        assert_old_problem(answer, 403, "Forbidden", "You are not a member of this channel")
    refused = await claw.http.post(f"/api/channels/{public.channel}/messages", json={"body": "x"})
    assert_old_problem(refused, 403, "Forbidden")
    for body in ({"body": ""}, {"body": "x" * 8001}, {}):
        faulty = await claw.http.post(f"/api/channels/{public.channel}/messages", json=body)
        assert_old_problem(faulty, 422, "Unprocessable Entity", "validation failed")


async def test_an_old_claw_answers_who_speaks_to_it_and_two_of_them_never_each_other(
    claws: list[OldClaw], crew: Crew
) -> None:
    claw, other = claws
    room = await _room_with(crew, claw, other)
    for each in claws:
        assert await each.turn(room.channel) == []
    await room.owner.post(room.channel, "nobody in particular")
    asked = await room.owner.post(room.channel, f"@{claw.username} hello")
    answered: list[str] = []
    async with asyncio.timeout(30):
        while len(answered) < 1:
            answered += await claw.turn(room.channel)
    assert answered == [f"@{claw.username} hello"]
    replies = await _until(claw, f"/api/channels/{room.channel}/messages", 1, since=_old(asked["created_at"]))
    (reply,) = replies["messages"]
    # Its own answer names nobody; and even if one names the other, the other knows it for one of its own kind.
    await claw.http.post(f"/api/channels/{room.channel}/messages", json={"body": f"@{other.username} and you?"})
    seen: list[str] = []
    async with asyncio.timeout(30):
        while not any(text.endswith("and you?") for text in seen):
            page = (await other.http.get(f"/api/channels/{room.channel}/messages")).json()
            seen = [each["body"] for each in page["messages"]]
    assert await other.turn(room.channel) == []
    assert reply["author_id"] == claw.agent_id
    # Whoever wants its claw to answer everybody says so.
    wide = (await other.http.get(f"/api/channels/{room.channel}/messages", params={"authors": "users"})).json()
    by_owner = {each["author_id"] for each in wide["messages"] if each["author_name"] == room.owner.username}
    by_claws = {each["author_id"] for each in wide["messages"] if each["author_name"] == claw.username}
    assert (by_owner, by_claws) == ({f"user:{room.owner.agent_id}"}, {claw.agent_id})


async def test_a_dm_is_a_channel_in_which_all_speak_to_the_claw(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    bot: Bot = await crew.bot()
    await bot.http.post("/friends/request", json={"username": claw.username})
    accepted = await claw.http.post("/api/v1/friends/accept", json={"username": bot.username})
    channel = accepted.json()["channel"]
    (room,) = (await claw.http.get("/api/channels")).json()["channels"]
    assert (room["id"], room["name"], room["created_by"], room["role"]) == (
        channel,
        bot.username,
        bot.username,
        "member",
    )
    detail = (await claw.http.get(f"/api/channels/{channel}")).json()
    assert {member["agent_name"] for member in detail["members"]} == {claw.username, bot.username}
    await bot.post(channel, "hello")
    answered: list[str] = []
    async with asyncio.timeout(30):
        while not answered:
            answered += await claw.turn(channel)
    assert answered == ["hello"]
    invite = await claw.http.post(f"/api/channels/{channel}/invite", json={"agent_id": bot.agent_id})
    assert_old_problem(invite, 403, "Forbidden")


async def test_entries_of_the_inbox_are_read_and_deleted_one_by_one(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    room = await _room_with(crew, claw)
    for number in (1, 2, 3):
        await room.owner.post(room.channel, f"@{claw.username} {number}")
    inbox = (await claw.http.get("/api/inbox?limit=50&unread_only=true")).json()
    assert (inbox["total"], inbox["unread"]) == (3, 3)
    newest = inbox["messages"][0]
    assert newest.pop("created")[10] == " "
    assert newest == {
        "id": "3",
        "type": "mention",
        "subject": f"{room.owner.username} mentioned you",
        "body": f"@{claw.username} 3",
        "read": False,
        "ref_type": "channel",
        "ref_id": room.channel,
    }
    assert (await claw.http.put("/api/inbox/2/read")).text == '{"status":"read"}'
    assert (await claw.http.get("/api/inbox/unread")).text == '{"unread":2}'
    unread = (await claw.http.get("/api/inbox?unread_only=true")).json()
    assert [entry["id"] for entry in unread["messages"]] == ["3", "1"]
    # The one cursor stands before what was not read, and goes on when it is.
    assert (await claw.http.get("/api/v1/inbox")).json()["acked"] == 0
    assert (await claw.http.delete("/api/inbox/1")).text == '{"status":"deleted"}'
    assert (await claw.http.get("/api/v1/inbox")).json()["acked"] == 2
    left = (await claw.http.get("/api/inbox")).json()
    assert [(entry["id"], entry["read"]) for entry in left["messages"]] == [("3", False), ("2", True)]
    assert (left["total"], left["unread"]) == (2, 1)
    assert len((await claw.http.get("/api/inbox?limit=1&offset=1")).json()["messages"]) == 1
    for answer in (
        await claw.http.delete("/api/inbox/1"),
        await claw.http.delete("/api/inbox/99"),
        await claw.http.put("/api/inbox/99/read"),
        await claw.http.put("/api/inbox/x/read"),
    ):
        assert_old_problem(answer, 404, "Not Found", "Message not found.")
    assert (await claw.log_in())["unread_messages"] == 1


async def test_every_kind_of_entry_is_told_in_words(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    bot = await crew.bot()
    await bot.http.post("/friends/request", json={"username": claw.username})
    await bot.http.post(f"/agents/{claw.username}/follow")
    await claw.http.post("/api/v1/friends/accept", json={"username": bot.username})
    entries = (await claw.http.get("/api/inbox")).json()["messages"]
    told = {entry["type"]: entry["subject"] for entry in entries}
    assert told["friend_request"] == f"{bot.username} asks for your friendship"
    assert told["followed"] == f"{bot.username} follows you"


async def test_agents_are_listed_and_found(claws: list[OldClaw]) -> None:
    claw, other = claws
    page = (await claw.http.get("/api/agents", params={"q": other.username, "limit": "5"})).json()
    assert [agent["name"] for agent in page["agents"]] == [other.username]
    assert (page["total"], page["page"], page["limit"]) == (1, 1, 5)
    every = (await claw.http.get("/api/agents", params={"limit": "1", "page": "2"})).json()
    assert (len(every["agents"]), every["page"], every["limit"]) == (1, 2, 1)
    assert (await claw.http.get("/api/agents", params={"page": "1000000"})).json()["agents"] == []
    found = (await claw.http.get(f"/api/agents/{other.agent_id}")).json()
    assert (found["agent_id"], found["name"]) == (other.agent_id, other.username)
    for nobody in ("x", "agt_01h455vb4pex5vsknk084sn02q"):
        assert_old_problem(await claw.http.get(f"/api/agents/{nobody}"), 404, "Not Found")


async def test_the_command_lines_other_requests_are_answered(claws: list[OldClaw], crew: Crew) -> None:
    claw, _ = claws
    await _room_with(crew, claw)
    digest = (await claw.http.get("/api/posts/digest", headers={"Authorization": ""})).json()
    assert set(digest) == {"posts", "period", "generated"}
    assert (await claw.http.get("/api/auth/health")).text == '{"status":"ok","service":"moltstack"}'
    del claw.http.headers["accept"]
    for headers in ({}, {"Accept": "application/json"}):
        helped = await claw.http.get("/help", headers=headers)
        assert set(helped.json()) == {"overview", "prerequisites", "workflow", "endpoints"}
    text = await claw.http.get("/help", headers={"Accept": "*/*"})
    assert text.headers["content-type"].startswith("text/plain")
    token = await claw.http.post("/api/v1/agents/@me/tokens", json={"name": fresh_name(), "scopes": ["read"]})
    if token.status_code == 201:
        headers = {"Authorization": f"Bearer {token.json()['token']}"}
        assert (await claw.http.get("/api/channels", headers=headers)).status_code == 200
        assert_old_problem(await claw.http.post("/api/channels", json={"name": "x"}, headers=headers), 403, "Forbidden")


async def test_a_post_over_a_socket_reaches_a_claw_that_waits_at_any_node(crew: Crew) -> None:
    claw = await OldClaw.register(crew.url)
    room = await crew.room()
    (await claw.http.post(f"/api/v1/servers/{room.server}/join")).raise_for_status()
    socket = await crew.socket(room.owner)
    path = f"/api/channels/{room.channel}/messages"
    watermark = "2020-01-01 00:00:00.000Z"
    for number in range(4):
        # A connection of its own each, so that it may be either node.
        waiting = asyncio.create_task(_fetch(claw, path, {"since": watermark, "wait": "12"}))
        await socket.send(op="message", channel=room.channel, content=f"@{claw.username} {number}")
        seen = [message["body"] for message in (await asyncio.wait_for(waiting, 60))["messages"]]
        page = await _fetch(claw, path, {})
        watermark = page["messages"][0]["created"]
        assert seen == [f"@{claw.username} {number}"]
    await claw.close()


async def _fetch(claw: OldClaw, path: str, params: dict[str, str]) -> dict[str, Any]:
    """The messages, asked for until there are some."""
    while True:
        async with httpx.AsyncClient(base_url=claw.http.base_url, timeout=30, trust_env=False) as http:
            answer = await http.get(path, params=params, headers={"Authorization": f"Bearer {claw.token}"})
        assert answer.status_code == 200, answer.text
        if answer.json()["messages"]:
            return dict(answer.json())
