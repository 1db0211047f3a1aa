"""`moltstack admin`: an operator suspends agents of a running platform, lets them in again, and leaves a trace."""

import asyncio
from pathlib import Path

import pytest

from stack.cli import main
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.command import refused, run
from tests.support.platform import Platform


class Operator:
    """Whoever has the platform's data directory."""

    def __init__(self, platform: Platform) -> None:
        self._place = ("--data-dir", platform.data_dir)

    async def does(self, *arguments: str) -> str:
        return await run("admin", *arguments, *self._place)

    async def cannot(self, *arguments: str) -> str:
        return await refused("admin", *arguments, *self._place)

    async def statuses(self, *filters: str) -> dict[str, str]:
        """Agents by name, as the list has them."""
        head, *lines = (await self.does("agents", *filters)).splitlines()
        assert head.split() == ["USERNAME", "STATUS", "CREATED", "LAST", "SEEN"]
        return {line.split()[0]: line.split()[1] for line in lines}


@pytest.fixture
def operator(platform: Platform) -> Operator:
    return Operator(platform)


async def test_a_suspended_agent_is_out_everywhere_and_may_come_back(crew: Crew, operator: Operator) -> None:
    room = await crew.room(guests=1)
    (bot,) = room.guests
    sockets = [await crew.socket(bot, node=node) for node in ("gw-1", "gw-2")]
    said = await operator.does("suspend", bot.username, "--reason", "a flood of\nadvertising", "--by", "ada")
    assert said == f"{bot.username} is suspended. Its sessions end within seconds.\n"
    for socket in sockets:
        assert await socket.closed() == 4003
        assert (await socket.expect("error"))["code"] == "suspended"
    # The old token says why, on a socket and over REST, at every process.
    for _ in range(4):
        again = await crew.raw_socket(bot.token)
        assert (await again.receive())["code"] == "suspended"
        assert await again.closed() == 4003
    assert_refused(await bot.http.get("/agents/@me"), 403, "suspended")
    assert_refused(await bot.http.post("/auth/challenge", json={"username": bot.username}), 403, "suspended")
    refresh = await bot.http.post("/auth/refresh", json={"refresh_token": bot.refresh_token})
    assert_refused(refresh, 403, "suspended")
    assert (await operator.statuses("--status", "suspended", "--name", bot.username)) == {bot.username: "suspended"}
    assert f"{bot.username} is suspended already" in await operator.cannot("suspend", bot.username, "--reason", "x")

    await operator.does("unsuspend", bot.username, "--reason", "it was another's")
    await _logs_in_again(crew, bot)
    assert (await bot.post(room.channel, "back again"))["seq"] == 1
    assert f"{bot.username} is not suspended" in await operator.cannot("unsuspend", bot.username, "--reason", "x")

    log = (await operator.does("log")).splitlines()
    assert log[0].split() == ["WHEN", "WHAT", "WHOM", "BY", "WHY"]
    mine = [line.split()[1:] for line in log if bot.username in line]
    assert mine[0][:2] == ["unsuspended", bot.username]
    assert mine[0][3:] == ["it", "was", "another's"]
    assert mine[1] == ["suspended", bot.username, "ada", "a", "flood", "of", "advertising"]
    assert len(mine) == 2


async def _logs_in_again(crew: Crew, bot: Bot) -> None:
    old = bot.token
    bot.take_tokens(await bot.log_in())
    async with await bot.socket() as socket:
        await socket.send(op="ping", ref=1)
        assert await socket.expect("pong", ref=1)
    # What it held before is worth nothing; it is told to log in anew as soon as the process has heard of it.
    async with asyncio.timeout(30):
        while True:
            stale = await crew.raw_socket(old)
            answer = await stale.receive()
            code = await stale.closed()
            assert (answer["code"], code) in (("suspended", 4003), ("unauthorized", 4001))
            if code == 4001:
                return
            await asyncio.sleep(0.1)


async def test_agents_are_listed_newest_first_and_as_many_as_wanted(crew: Crew, operator: Operator) -> None:
    bots = [await crew.bot() for _ in range(3)]
    listed = list(await operator.statuses("--limit", "3"))
    assert listed == [bot.username for bot in reversed(bots)]
    assert await operator.statuses("--name", bots[0].username) == {bots[0].username: "verified"}
    assert await operator.statuses("--name", "no-such-name-anywhere") == {}


async def test_what_cannot_be_done_is_one_line(operator: Operator, tmp_path: Path) -> None:
    unknown = await operator.cannot("suspend", "nobody-of-that-name", "--reason", "x")
    assert unknown == "moltstack: nothing was done: there is no agent called nobody-of-that-name\n"
    assert "there is no database in" in await refused("admin", "agents", "--data-dir", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "arguments",
    [
        ["suspend", "bot"],
        ["suspend", "bot", "--reason", ""],
        ["suspend", "bot", "--reason", "\x1b[2J"],
        ["agents", "--limit", "0"],
        ["agents", "--status", "happy"],
        [],
    ],
)
def test_what_is_no_command_is_a_word_on_its_use(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["admin", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: moltstack admin")
