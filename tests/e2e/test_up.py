"""`moltstack up` as an operator meets it: stopping, being killed, starting again. Each on a platform of its own."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.bots import Bot, Crew, Room
from tests.support.platform import Platform, off_loop, running_platform

_STOP_SECONDS = 25
_START_AGAIN_SECONDS = 15


def _processes_on(data_dir: Path) -> dict[int, str]:
    """What runs on a data directory, by process id: told by the command line or the environment."""
    found = {}
    needle = os.fsencode(data_dir)
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                words, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
                if words and (needle in words or needle in environ):
                    found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # It ended while we looked.
    return found


async def _wait_until_gone(data_dir: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while found := _processes_on(data_dir):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


@contextmanager
def _platform(data_dir: Path, *arguments: str, port: str = "0") -> Iterator[Platform]:
    # The same port again keeps the origin, and with it the tokens.
    with running_platform(data_dir, "--port", port, *arguments, env={"MOLTSTACK_LIMITS": "off"}) as platform:
        yield platform


async def _speak(crew: Crew) -> tuple[Room, list[dict[str, Any]]]:
    room = await crew.room()
    async with await room.owner.socket() as socket:
        for number in range(20):
            await socket.send(op="message", channel=room.channel, content=f"message {number}", ref=number)
        acks = [await socket.expect("message_ack", ref=number) for number in range(20)]
    return room, acks


async def _assert_all_there(room: Room, acks: list[dict[str, Any]]) -> None:
    """The old tokens hold, every acknowledged message is there, and the conversation goes on."""
    page = (await room.guests[0].http.get(f"/channels/{room.channel}/messages")).raise_for_status().json()
    assert [(each["id"], each["seq"]) for each in page["items"][::-1]] == [(ack["id"], ack["seq"]) for ack in acks]
    async with await room.guests[0].socket() as socket:
        answer = await socket.subscribe({"id": room.channel, "after": 18, "epoch": page["epoch"]})
        assert (answer["recovered"], answer["replayed"]) == ("replayed", 2)
        await room.owner.post(room.channel, "and on it goes")
        assert (await socket.expect("message", seq=21))["content"] == "and on it goes"


async def test_ctrl_c_stops_everything_and_the_data_are_there_next_time(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with _platform(data_dir) as platform:
        port = platform.url.rpartition(":")[2]
        async with Crew(platform.url) as crew:
            room, acks = await _speak(crew)
            # Somebody is connected when it stops, and is told when to come back.
            watcher = await crew.socket(room.owner)
            begin = time.monotonic()
            stopping = asyncio.create_task(off_loop(platform))
            reconnect = await watcher.expect("reconnect", timeout=20)
            assert reconnect["reason"] == "drain"
            assert 0 <= reconnect["after_ms"] <= 15_000
            assert await watcher.closed(timeout=20) == 4100
            assert await stopping == 0
            assert time.monotonic() - begin < _STOP_SECONDS
            assert platform.faults() == []
            assert _processes_on(data_dir) == {}
            begin = time.monotonic()
            with _platform(data_dir, port=port):
                assert time.monotonic() - begin < _START_AGAIN_SECONDS
                await _assert_all_there(room, acks)


@pytest.mark.parametrize("victims", ["the group", "everything"])
async def test_a_killed_run_keeps_the_next_one_from_nothing(tmp_path: Path, victims: str) -> None:
    data_dir = tmp_path / "data"
    with _platform(data_dir, "--gateways", "2") as platform:
        port = platform.url.rpartition(":")[2]
        async with Crew(platform.url) as crew:
            room, acks = await _speak(crew)
            if victims == "everything":
                for pid in _processes_on(data_dir):
                    os.kill(pid, signal.SIGKILL)
            assert await asyncio.to_thread(platform.stop, signal.SIGKILL) == -signal.SIGKILL
            begin = time.monotonic()
            with _platform(data_dir, "--gateways", "2", port=port) as again:
                assert time.monotonic() - begin < 2 * _START_AGAIN_SECONDS
                await _assert_all_there(room, acks)
                assert again.faults() == []
    await _wait_until_gone(data_dir, 5)


async def test_a_second_platform_on_the_same_data_is_refused_in_one_line(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with _platform(data_dir) as platform:
        with pytest.raises(AssertionError, match="did not start"), _platform(data_dir):
            pass
        async with Crew(platform.url) as crew:
            assert (await crew.bot()).token


def _cast(data_dir: Path) -> dict[str, str]:
    """Who the demo's agents are, by name: what stands in their key files."""
    files = [file for file in (data_dir / "demo").glob("*.json") if file.name != "stage.json"]
    return {(stored := json.loads(file.read_bytes()))["username"]: stored["agent_id"] for file in files}


async def _watch_demo(platform: Platform, count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The demo's server, and the next messages in it, as a guest sees them."""
    async with Crew(platform.url) as crew:
        guest = await crew.observer()
        async with asyncio.timeout(20):
            while not (servers := (await guest.http.get("/servers")).json()["items"]):
                await asyncio.sleep(0.1)
            server = servers[0]
            while len(channels := (await guest.http.get(f"/servers/{server['id']}/channels")).json()["items"]) < 2:
                await asyncio.sleep(0.1)
        socket = await crew.socket(guest)
        await socket.subscribe(*(channel["id"] for channel in channels))
        messages = [await socket.expect("message", timeout=30) for _ in range(count)]
        members = (await guest.http.get(f"/servers/{server['id']}/members")).json()["items"]
        assert {each["agent"]["username"] for each in members} == set(_cast(platform.data_dir))
        assert len(servers) == 1
        return server, messages


async def test_the_demo_shows_live_chat_of_three_agents_who_stay_the_same(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_platform(data_dir, "--demo") as platform:
        server, messages = await _watch_demo(platform, 2)
        cast = _cast(data_dir)
        assert set(cast) == {"ada", "brin", "cleo"}
        assert {each["agent"]["id"] for each in messages} <= set(cast.values())
        # A newcomer's first bots are not refused for the demo's.
        async with Crew(platform.url) as crew:
            newcomers: list[Bot] = [await crew.bot() for _ in range(5)]
            await newcomers[0].join(server["id"])
        assert await off_loop(platform) == 0
    assert _processes_on(data_dir) == {}
    for key in (data_dir / "demo").glob("*.json"):
        if key.name != "stage.json":
            assert key.stat().st_mode & 0o077 == 0, key
    with running_platform(data_dir, "--demo") as again:
        async with Crew(again.url) as crew:
            guest = await crew.observer()
            socket = await crew.socket(guest)
            channels = (await guest.http.get(f"/servers/{server['id']}/channels")).json()["items"]
            await socket.subscribe(*(channel["id"] for channel in channels))
            message = await socket.expect("message", timeout=40)
        assert _cast(data_dir) == cast
        assert message["agent"]["id"] in cast.values()
