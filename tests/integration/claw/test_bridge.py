"""An old polling claw beside `claw bridge`: a socket client that knows nothing of sockets."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.bots import Bot, Crew
from tests.support.examples import ExampleHome, example_home
from tests.support.polling_claw import PollingClaw
from tests.support.proxy import Proxy
from tests.support.sleepers import eventually

_ROOT = Path(__file__).parents[3]
_OLD_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z")
_UNKNOWN = "ch_01h455vb4pex5vsknk084sn02q"


@asynccontextmanager
async def bridging(home: ExampleHome, *arguments: str, port: int = 0, **env: str) -> AsyncIterator[str]:
    """`claw bridge` for an agent, killed at the end; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "claw", "bridge", "--port", str(port), *arguments, cwd=home.home,
        env={"PATH": os.environ["PATH"], "HOME": str(home.home), "MOLTSTACK_URL": home.url,
             "PYTHONPATH": str(_ROOT), **env},
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            line = (await process.stderr.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line + (await process.stderr.read()).decode()
        yield found[0]
        assert process.returncode is None, (await process.stderr.read()).decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def old_claw(base_url: str, channel: str, *, every: float = 0.05) -> AsyncIterator[PollingClaw]:
    claw = PollingClaw(base_url, channel, every=every)
    try:
        await claw.log_in()
        yield claw
    finally:
        await claw.close()


async def _until_heard(claw: PollingClaw, body: str) -> None:
    async def heard() -> bool:
        return body in claw.heard

    await eventually(heard, bool)


async def _api_token(home: ExampleHome) -> str:
    """A token, with which it does not matter under which address the platform is reached."""
    client = home.client()
    try:
        await client.log_in()
        assert client.rest.token_source is not None
        token = await client.rest.token_source(None)
    finally:
        await client.aclose()
    async with httpx.AsyncClient(base_url=f"{home.url}/api/v1", trust_env=False, timeout=30) as http:
        body = {"name": "bridge", "scopes": ["*"]}
        made = await http.post("/agents/@me/tokens", json=body, headers={"Authorization": f"Bearer {token}"})
        return str(made.raise_for_status().json()["token"])


async def test_an_old_claw_answers_who_addresses_it_and_nobody_else(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    home = await example_home(crew.url, tmp_path, room.server)
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.channel)
    async with bridging(home) as url, old_claw(url, room.channel) as claw, claw.running():
        await eventually(lambda: _polls(claw), lambda polls: polls > 0)
        await room.owner.post(room.channel, "bots among themselves")
        asked = await room.owner.post(room.channel, f"@{home.username} hello?")
        answer = await socket.expect("message", content=f"re: @{home.username} hello?")
        assert (answer["agent"]["username"], answer["reply_to"]) == (home.username, asked["id"])
        assert answer["metadata"] == {"reply_depth": 1}
        # It goes on as a reply, since the claw is addressed by one.
        await room.owner.post(room.channel, "and now?", reply_to=answer["id"])
        deeper = await socket.expect("message", content="re: and now?")
        assert deeper["metadata"] == {"reply_depth": 3}
        await _until_heard(claw, "re: and now?")
        assert claw.answered == [f"@{home.username} hello?", "and now?"]
        assert claw.failures == []


async def _polls(claw: PollingClaw) -> int:
    return claw.polls


async def test_every_answer_has_the_old_shape(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room(guests=0)
    owner = room.owner
    home = await example_home(crew.url, tmp_path, room.server)
    async with bridging(home) as url, old_claw(url, room.channel) as claw:
        http = claw.http
        agent_id = home.identity.agent_id
        login = await claw.log_in()
        assert login == {
            "token": login["token"], "agent_id": agent_id, "expires_in": 3600, "unread_messages": 0, "verified": True
        }  # fmt: skip
        assert [len(part) > 0 for part in login["token"].split(".")] == [True] * 3
        me = (await http.get("/api/agents/me")).json()
        assert (me["id"], me["agent_id"], me["name"]) == (agent_id, agent_id, home.username)
        (channel,) = (await http.get("/api/channels")).json()["channels"]
        assert channel == {
            "id": room.channel, "name": channel["name"], "description": "", "channel_type": "agent",
            "created_by": owner.username, "role": "member", "created": channel["created"],
        }  # fmt: skip
        assert _OLD_TIME.fullmatch(channel["created"])
        path = f"/api/channels/{room.channel}/messages"
        # Read before it was followed, and after.
        said = [await owner.post(room.channel, "one")]
        assert (await http.get(path)).json() == {"messages": [_old(owner, said[0])], "total": 1}
        said.append(await owner.post(room.channel, f"@{home.username} two"))
        await eventually(lambda: _total(http, path), lambda total: total == 2)
        sent = (await http.post(path, json={"body": "three"})).json()
        assert sent == {"message": sent["message"], "message_id": sent["message"]["id"]}
        expected = [
            sent["message"],
            _old(owner, said[1]) | {"author_id": f"user:{owner.agent_id}"},
            _old(owner, said[0]),
        ]
        assert sent["message"]["author_id"] == agent_id
        assert (await http.get(path)).json() == {"messages": expected, "total": 3}
        rfc3339 = said[0]["created_at"]
        for since in (rfc3339, rfc3339.replace("T", " "), expected[2]["created"]):
            found = (await http.get(path, params={"since": since, "limit": 1})).json()
            # Of more than the limit the oldest, so that a watermark misses none.
            assert found == {"messages": [expected[1]], "total": 2}
        assert (await http.get(path, params={"limit": 1, "offset": 1})).json()["messages"] == [expected[1]]
        # The inbox, and the platform's cursor behind it.
        await eventually(lambda: _unread(http), lambda unread: unread == 1)
        inbox = (await http.get("/api/inbox?unread_only=true")).json()
        (mail,) = inbox["messages"]
        assert inbox == {"messages": [mail], "total": 1, "unread": 1}
        assert mail == {
            "id": "1", "type": "mention", "subject": f"{owner.username} mentioned you", "body": said[1]["content"],
            "read": False, "created": said[1]["created_at"].replace("T", " "), "ref_type": "channel",
            "ref_id": room.channel,
        }  # fmt: skip
        assert (await http.put("/api/inbox/1/read")).json() == {"status": "read"}
        assert await _acknowledged(home) == 1
        assert (await http.delete("/api/inbox/1")).json() == {"status": "deleted"}
        assert (await http.get("/api/inbox")).json() == {"messages": [], "total": 0, "unread": 0}
        assert (await http.get("/api/auth/health")).json() == {"status": "ok", "service": "claw-bridge"}
        assert "GET /api/channels" in (await http.get("/help")).json()["endpoints"]
        await _refusals(http, path)


def _old(author: Bot, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": message["id"],
        "author_id": author.agent_id,
        "author_name": author.username,
        "body": message["content"],
        "created": message["created_at"].replace("T", " "),
    }


async def _total(http: httpx.AsyncClient, path: str) -> int:
    return int((await http.get(path)).json()["total"])


async def _unread(http: httpx.AsyncClient) -> int:
    return int((await http.get("/api/inbox/unread")).json()["unread"])


async def _acknowledged(home: ExampleHome) -> int:
    client = home.client()
    try:
        return (await client.rest.inbox()).acked
    finally:
        await client.aclose()


async def _refusals(http: httpx.AsyncClient, path: str) -> None:
    """Errors, in the old shape too."""
    unknown = f"/api/channels/{_UNKNOWN}/messages"
    for status, request in (
        (404, http.get(unknown)),
        (404, http.post(unknown, json={"body": "hi"})),
        (404, http.get("/api/channels/..%2F..%2Fagents/messages")),
        (404, http.get("/api/posts")),
        (404, http.delete(path)),
        (404, http.put("/api/inbox/99/read")),
        (422, http.get(path, params={"since": "yesterday"})),
        (422, http.get(path, params={"limit": "0"})),
        (422, http.get(path, params={"offset": "-1"})),
        (422, http.post(path, json={"text": "hi"})),
        (422, http.post(path, content=b"\xff{")),
        (422, http.post(path, json={"body": ""})),
        (422, http.post(path, json={"body": "x" * 8_001})),
        (401, http.get(path, headers={"Authorization": ""})),
        (401, http.get(path, headers={"Authorization": "Basic eDp5"})),
        (403, http.get(path, headers={"Origin": "https://evil.example"})),
        (403, http.get(path, headers={"Host": "rebound.example"})),
    ):
        answer = await request
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (set(body) - {"errors"}, body["status"]) == ({"title", "status", "detail"}, status)
        for error in body.get("errors", []):
            assert set(error) == {"message", "location", "value"}


async def test_a_claw_that_polls_an_idle_platform_sends_it_nothing(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    home = await example_home(crew.url, tmp_path, room.server)
    async with (
        Proxy(urlsplit(crew.url).port or 0) as wire,
        bridging(home, MOLTSTACK_URL=f"http://127.0.0.1:{wire.port}", MOLTSTACK_TOKEN=await _api_token(home)) as url,
        old_claw(url, room.channel) as claw,
    ):
        others = (f"/api/channels/{_UNKNOWN}/messages", "/api/channels", "/api/inbox", "/api/agents/me")

        async def poll() -> None:
            await claw.poll()
            for path in others:
                await claw.http.get(path)

        await poll()
        opened, sent = wire.opened, wire.sent
        # As often as in a minute and more, one poll each three seconds.
        for _ in range(25):
            await poll()
        # The socket's own sign of life, each 20 seconds: two bytes, a mask and four random ones.
        assert (wire.opened, wire.sent - sent) in [(opened, 10 * beats) for beats in range(5)]
        assert claw.failures == []


async def test_while_the_platform_is_away_posts_are_refused_and_nothing_is_lost_or_said_twice(
    crew: Crew, tmp_path: Path
) -> None:
    room = await crew.room()
    home = await example_home(crew.url, tmp_path, room.server)
    token = await _api_token(home)
    async with (
        Proxy(urlsplit(crew.url).port or 0) as wire,
        bridging(home, "--patience", "1", MOLTSTACK_URL=f"http://127.0.0.1:{wire.port}", MOLTSTACK_TOKEN=token) as url,
        old_claw(url, room.channel) as claw,
        claw.running(),
    ):
        await room.owner.post(room.channel, "before")
        await _until_heard(claw, "before")
        wire.cut()
        path = f"/api/channels/{room.channel}/messages"
        refused = await claw.http.post(path, json={"body": "said by the claw"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
        assert refused.json()["title"] == "Service Unavailable"
        assert "cannot be reached" in refused.json()["detail"]
        missed = [f"missed {number}" for number in range(12)]
        for body in missed:
            await room.owner.post(room.channel, body)
        assert (await claw.http.get(path)).json()["messages"][0]["body"] == "before"
        wire.mend()

        async def said() -> int:
            return (await claw.http.post(path, json={"body": "said by the claw"})).status_code

        # More than once, as claws do that do not know; it is the same message until it was acknowledged.
        assert await eventually(said, lambda status: status == 200) == 200
        await _until_heard(claw, "said by the claw")
        assert [body for body in claw.heard if body != "said by the claw"] == ["before", *missed]
        history = (await room.owner.http.get(f"/channels/{room.channel}/messages")).json()["items"]
        assert [each["content"] for each in history].count("said by the claw") == 1
        assert claw.failures == []


async def test_a_restarted_bridge_loses_and_repeats_nothing(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    home = await example_home(crew.url, tmp_path, room.server)
    said = [f"number {number}" for number in range(30)]
    async with bridging(home) as url, old_claw(url, room.channel) as claw, claw.running():
        for body in said[:5]:
            await room.owner.post(room.channel, body)
        await _until_heard(claw, said[4])
    for body in said[5:25]:
        await room.owner.post(room.channel, body)
    # The claw itself went on polling; its token is of the first run.
    claw.http = httpx.AsyncClient(
        base_url=url, timeout=30, trust_env=False, headers={"Authorization": claw.http.headers["Authorization"]}
    )
    async with claw.running():
        await eventually(lambda: _failures(claw), lambda failures: failures > 2)
        async with bridging(home, port=urlsplit(url).port or 0):
            for body in said[25:]:
                await room.owner.post(room.channel, body)
            await _until_heard(claw, said[-1])
    await claw.close()
    assert claw.heard == said


async def _failures(claw: PollingClaw) -> int:
    return len(claw.failures)


async def test_a_wrong_command_line_is_one_line(crew: Crew, tmp_path: Path) -> None:
    home = ExampleHome(crew.url, tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "claw", "bridge", "--answer", "ada", cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(home.home), "PYTHONPATH": str(_ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert (process.returncode, said.count(b"\n")) == (2, 1), said
