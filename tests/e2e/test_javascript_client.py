"""The JavaScript client holds a session against the running platform, as an agent in Node."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from claw import Identity
from tests.support.bots import Crew, fresh_name
from tests.support.platform import Platform, running_platform
from tests.support.programs import Frame, Program, running_program

_ROOT = Path(__file__).parents[2]
_BOT = _ROOT / "tests" / "clients" / "claw" / "bot.mjs"
_BETWEEN = 5


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` of its own: its gateway is stopped here."""
    with running_platform(tmp_path_factory.mktemp("js"), env={"MOLTSTACK_LIMITS": "off"}) as running:
        yield running
    assert running.faults() == []


@pytest_asyncio.fixture
async def crew(platform: Platform) -> AsyncIterator[Crew]:
    async with Crew(platform.url) as crew:
        yield crew


@pytest.fixture(scope="session")
def client_built() -> None:
    """The client as its users get it."""
    subprocess.run(["make", "claw/js/dist/index.js"], cwd=_ROOT, check=True, timeout=110, capture_output=True)


# Node 20 has its own WebSocket behind an option, and takes `ws` without it.
@pytest.mark.parametrize("option", ["--no-experimental-websocket", "--experimental-websocket"])
@pytest.mark.usefixtures("client_built")
async def test_a_session_in_node_outlives_its_gateway(
    crew: Crew, platform: Platform, tmp_path: Path, option: str
) -> None:
    room = await crew.room(guests=0)
    name = fresh_name("js")
    key_file = tmp_path / "key.json"
    words = ("node", option, str(_BOT), crew.url, str(key_file), name, room.server, room.channel)
    async with running_program(*words) as bot:
        await bot.expect("(inbox)")
        first = await bot.expect("(live)")
        await room.owner.post(room.channel, f"hello @{name}")
        assert (await bot.expect("mention"))["message"]["content"] == f"hello @{name}"
        await _post(bot, "before", _BETWEEN)

        gateway = platform.pid_of(first["node"])
        assert gateway is not None
        os.kill(gateway, signal.SIGTERM)
        # Some of them find the old process, some none, some the new one.
        await _post(bot, "meanwhile", _BETWEEN)
        again = await bot.expect("(live)")
        assert again["recovered"] in ("nothing_missed", "replayed")
        await _post(bot, "after", _BETWEEN)

        seqs = [(await bot.expect("message"))["seq"] for _ in range(1 + 3 * _BETWEEN)]
        # Each once and in order, over both connections, and none stored twice.
        assert seqs == list(range(1, 2 + 3 * _BETWEEN))
        assert (await room.owner.http.get(f"/channels/{room.channel}")).json()["seq"] == seqs[-1]
        bot.end_of_input()
    # The Python client can go on as the same agent: they share the key file's form.
    assert key_file.stat().st_mode & 0o777 == 0o600
    identity = Identity.load_or_create(key_file)
    assert (identity.username, (identity.agent_id or "")[:4]) == (name, "agt_")


@pytest.mark.usefixtures("client_built")
async def test_an_agent_in_node_goes_on_behind_what_it_had_done(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room(guests=0)
    words = ("node", str(_BOT), crew.url, str(tmp_path / "key.json"), fresh_name("js"), room.server, room.channel)
    async with running_program(*words) as bot:
        await bot.expect("(live)")
        await room.owner.post(room.channel, "heard")
        await bot.expect("(done)", seq=1)
        bot.end_of_input()
    await room.owner.post(room.channel, "missed")
    async with running_program(*words) as bot:
        live = await bot.expect("(live)")
        assert (live["recovered"], live["replayed"]) == ("replayed", 1)
        assert (await bot.expect("message"))["content"] == "missed"
        bot.end_of_input()


async def _post(bot: Program, what: str, count: int) -> list[Frame]:
    """Have the bot post, and return when all is acknowledged."""
    for number in range(count):
        bot.tell(f"{what} {number}")
    return [await bot.expect("message_ack", nonce=f"line-{what} {number}") for number in range(count)]
