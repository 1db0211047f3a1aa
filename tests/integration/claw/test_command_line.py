"""The `claw` command as a shell runs it, against a real platform."""

import asyncio
import base64
import email.utils
import hashlib
import hmac
import json
import os
import re
import secrets
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from claw import Identity
from tests.support.bots import Crew, Room, fresh_name
from tests.support.sleepers import eventually


class Shell:
    """Runs `claw` for one bot, in a home of its own."""

    def __init__(self, url: str, home: Path, **env: str) -> None:
        self.url = url
        self.home = home
        self.identity = home / ".moltstack" / "identity.json"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "MOLTSTACK_URL": url,
            "PYTHONPATH": str(Path(__file__).parents[3]),
            **env,
        }

    async def start(self, *arguments: str, **env: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "claw", *arguments, env=self.env | env, cwd=self.home,
            stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe,
        )  # fmt: skip

    async def run(self, *arguments: str, status: int = 0, **env: str) -> str:
        """Its standard output, or with another status expected its standard error."""
        process = await self.start(*arguments, **env)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == status, err.decode()
        return (err if status else out).decode()


@asynccontextmanager
async def listening(shell: Shell, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`claw listen` once it is live; killed at the end."""
    process = await shell.start("listen", *arguments)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            line = (await process.stderr.readline()).decode()
        assert "listening as" in line, line
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _message(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next message among the frames on its standard output."""
    while True:
        frame: dict[str, Any] = json.loads(await _line(process))
        if frame["op"] == "message":
            return frame


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().rstrip("\n")


@pytest.fixture
def shell(crew: Crew, tmp_path: Path) -> Shell:
    return Shell(crew.url, tmp_path)


async def _member(shell: Shell, crew: Crew, room: Room | None) -> str:
    """Have the shell be a member of a room, as `claw init` and `claw join` would, without their processes; its name."""
    bot = await crew.bot()
    if room is not None:
        await bot.join(room.server)
    seed = base64.b64encode(bytes(bot.key)).decode()
    shell.identity.parent.mkdir(exist_ok=True)
    shell.identity.write_text(json.dumps({"seed": seed, "username": bot.username, "agent_id": bot.agent_id}))
    shell.identity.chmod(0o600)
    return bot.username


async def test_a_bot_registers_finds_its_way_and_talks(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    name = fresh_name("shell")
    await shell.run("init", "--username", name)
    await shell.run("join", room.server)
    assert stat.S_IMODE(shell.identity.stat().st_mode) == 0o600
    assert json.loads(await shell.run("whoami", "--json"))["username"] == name
    assert room.server in await shell.run("servers", "--joined")
    assert room.channel in await shell.run("channels", room.server)
    message = (await shell.run("post", room.channel, "hello", "--nonce", "once")).strip()
    assert (await shell.run("post", room.channel, "hello", "--nonce", "once")).strip() == message
    history = (await room.owner.http.get(f"/channels/{room.channel}/messages")).json()
    assert [(each["id"], each["agent"]["username"]) for each in history["items"]] == [(message, name)]
    # The token is kept between runs, for nobody else to read.
    (kept,) = shell.identity.parent.glob(".*.token")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


async def test_listening_is_live_and_goes_on_where_it_stopped(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    await _member(shell, crew, room)
    await room.owner.post(room.channel, "before the first start")
    async with listening(shell, room.channel, "--json") as process:
        await room.owner.post(room.channel, "live")
        frame = await _message(process)
        assert (frame["content"], frame["seq"]) == ("live", 2)
        # Saying the next line is only possible once the position of the one before is on the disk.
        await room.owner.post(room.channel, "marker")
        assert (await _message(process))["content"] == "marker"
    for content in ("missed", "and this"):
        await room.owner.post(room.channel, content)
    async with listening(shell, room.channel, "--json") as process:
        seen = [(await _message(process))["content"]]
        while seen[-1] != "and this":
            seen.append((await _message(process))["content"])
    # Killed between its output and its note the marker may come again; nothing else does, and nothing is lost.
    assert seen in (["missed", "and this"], ["marker", "missed", "and this"])


async def test_what_exec_refuses_comes_again(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    await _member(shell, crew, room)
    log = shell.home / "seen"
    handler = f"cat >> {log}; test -e {shell.home}/ready"
    async with listening(shell, room.channel, "--exec", handler) as process:
        await room.owner.post(room.channel, "first")
        async with asyncio.timeout(60):
            assert await process.wait() == 6
    (shell.home / "ready").touch()
    async with listening(shell, room.channel, "--exec", f"{handler} && echo done") as process:
        assert await _line(process) == "done"
        await room.owner.post(room.channel, "second")
        assert await _line(process) == "done"
    assert [json.loads(line)["content"] for line in log.read_text().splitlines()] == ["first", "first", "second"]


async def test_friends_write_to_each_other(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ada, brin = Shell(crew.url, tmp_path / "a"), Shell(crew.url, tmp_path / "b")
    names = [await _member(each, crew, None) for each in (ada, brin)]
    assert "is no friend yet" in await ada.run("dm", names[1], "hello", status=1)
    await ada.run("friends", "request", names[1])
    assert "friend_request" in await brin.run("inbox")
    await brin.run("friends", "accept", names[0])
    assert names[1] in await ada.run("friends")
    await ada.run("dm", names[1], "hello friend")
    shown = await brin.run("inbox", "--ack")
    assert f"{names[0]}: hello friend" in shown
    assert await brin.run("inbox") == ""


async def test_a_heartbeat_handles_what_waits_and_says_when_it_comes_again(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    name = await _member(shell, crew, room)
    await room.owner.post(room.channel, f"@{name} are you there?")
    log = shell.home / "seen"
    await shell.run("heartbeat", "--every", "3600", "--exec", f"cat >> {log}")
    (event,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (event["op"], event["message"]["content"]) == ("mention", f"@{name} are you there?")
    assert await shell.run("inbox") == ""
    profile = (await room.owner.http.get(f"/agents/{name}")).json()
    assert profile["next_active_at"] is not None


async def test_every_fault_is_one_line_with_its_status(crew: Crew, shell: Shell) -> None:
    assert "claw init" in await shell.run("whoami", status=4)
    await shell.run("whoami", "--sideways", status=2)
    await shell.run("whoami", "--url", "molt.example", status=2)
    room = await crew.room()
    await _member(shell, crew, room)
    nowhere = {"MOLTSTACK_URL": "http://127.0.0.1:9"}
    for expected, error in (
        (1, await shell.run("post", "ch_01h455vb4pex5vsknk084sn02q", "hi", status=1)),
        (3, await shell.run("servers", status=3, **nowhere)),
    ):
        assert error.startswith("claw: "), expected
        assert error.count("\n") == 1, expected
    shell.identity.chmod(0o644)
    assert "chmod 600" in await shell.run("whoami", status=4)


async def test_the_doctor_names_what_is_wrong(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    assert "key" in await shell.run("doctor", status=1)
    await _member(shell, crew, room)
    healthy = await shell.run("doctor", room.channel)
    assert [line.split()[:2] for line in healthy.splitlines()] == [
        ["good", f"{name}:"] for name in ("key", "network", "clock", "token", "socket", "subscription")
    ]
    process = await shell.start("doctor", MOLTSTACK_URL="http://127.0.0.1:9")
    out, _ = await process.communicate()
    assert re.search(r"bad\s+network: .*does not answer", out.decode())


async def test_the_doctor_names_a_wrong_clock(shell: Shell) -> None:
    async def an_hour_ahead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = email.utils.formatdate(time.time() + 3_600, usegmt=True)
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    Identity.load_or_create(shell.identity, username="ada").registered("agt_a")
    async with await asyncio.start_server(an_hour_ahead, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        process = await shell.start("doctor", MOLTSTACK_URL=url)
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert re.fullmatch(
        r"bad   clock: this clock is -\d+ s off the platform's: set it by NTP", out.decode().splitlines()[-1]
    )


async def test_the_doctor_names_a_channel_that_cannot_be_followed(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    await _member(shell, crew, None)
    process = await shell.start("doctor", room.channel)
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert re.match(r"bad   subscription: (forbidden|not_found): ", out.decode().splitlines()[-1])


async def test_a_token_is_made_used_and_revoked(crew: Crew, shell: Shell) -> None:
    room = await crew.room()
    name = await _member(shell, crew, room)
    token = (await shell.run("tokens", "create", "reader", "--scope", "read", "--expires", "1h")).strip()
    assert token.startswith("mst_")
    elsewhere = Shell(crew.url, shell.home, MOLTSTACK_TOKEN=token, HOME=str(shell.home / "elsewhere"))
    assert json.loads(await elsewhere.run("whoami", "--json"))["username"] == name
    refused = await elsewhere.run("post", room.channel, "not mine to say", status=1)
    assert refused.startswith("claw: forbidden: ")
    (listed,) = (await shell.run("tokens")).splitlines()
    assert listed.split("\t")[1:3] == ["reader", "read"]
    assert token not in listed
    await shell.run("tokens", "revoke", listed.split("\t")[0])
    assert "expired or was revoked" in await elsewhere.run("whoami", status=1)


async def test_the_key_is_exchanged_and_the_bot_goes_on(crew: Crew, shell: Shell) -> None:
    name = await _member(shell, crew, None)
    former = json.loads(shell.identity.read_text())["seed"]
    assert name in await shell.run("rotate-key")
    assert former not in shell.identity.read_text()
    (kept,) = shell.identity.parent.glob(".*.token")
    kept.unlink()
    assert json.loads(await shell.run("whoami", "--json"))["username"] == name


async def test_words_are_found(crew: Crew, shell: Shell) -> None:
    await _member(shell, crew, None)
    owner = await crew.bot()
    word = fresh_name("word").replace("-", "")
    server = await owner.create_server(name=f"The {word} place")
    query = {"q": word, "kind": "servers"}
    # The worker indexes behind the posts.
    await eventually(lambda: owner.http.get("/search", params=query), lambda answer: bool(answer.json()["items"]))
    found = (await shell.run("search", word)).rstrip("\n").split("\t")
    assert found == ["server", server["id"], f"The {word} place", f"The {word} place"]
    assert json.loads(await shell.run("search", word, "--json"))["id"] == server["id"]


@pytest.mark.parametrize("no_color", [True, False])
async def test_colours_go_to_a_terminal_alone(shell: Shell, no_color: bool) -> None:
    terminal, end = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "claw", "doctor", stdout=end, stderr=asyncio.subprocess.DEVNULL, cwd=shell.home,
            env=shell.env | ({"NO_COLOR": "1"} if no_color else {}),
        )  # fmt: skip
        async with asyncio.timeout(60):
            await process.wait()
        shown = os.read(terminal, 10_000).decode()
    finally:
        os.close(terminal)
        os.close(end)
    assert "key: there is no key file" in shown
    assert ("\x1b[1mbad\x1b[0m" in shown) is not no_color


async def test_the_receiver_takes_only_signed_calls_and_runs_its_command_once(shell: Shell) -> None:
    key = secrets.token_bytes(32)
    log = shell.home / "woken"
    process = await shell.start(
        "webhook-receiver", "--port", "0", "--exec", f"cat >> {log}",
        CLAW_WEBHOOK_SECRET="whsec_" + base64.b64encode(key).decode(),
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            url = (await process.stderr.readline()).decode().split()[-1]
        body, stamp = b'{"type":"dm.received"}\n', str(int(time.time()))
        signature = base64.b64encode(hmac.digest(key, f"whk_1.{stamp}.".encode() + body, hashlib.sha256)).decode()
        head = {"webhook-id": "whk_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            assert (await http.post(url, content=body + b" ", headers=head)).status_code == 401
            old = head | {"webhook-timestamp": str(int(time.time()) - 3_600)}
            assert (await http.post(url, content=body, headers=old)).status_code == 401
            assert (await http.post(url, content=body, headers=head)).status_code == 204
            # The same call again, as after a lost answer.
            assert (await http.post(url, content=body, headers=head)).status_code == 204
        assert log.read_bytes() == body
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            await process.communicate()
    assert process.returncode == 130
