"""The stores of `moltstack up`, killed in the middle of a conversation: they are started again, and it goes on."""

import asyncio
import os
import signal
from pathlib import Path

from stack.embedded.process import processes_in, socket_directory
from tests.support.bots import Crew
from tests.support.conversation import Conversation, Listener, Talker
from tests.support.platform import Platform, off_loop, running_platform

_PATIENCE_S = 60


def _server(data_dir: Path, kind: str) -> int | None:
    """The process that is the store just now."""
    if kind == "postgres":
        try:
            return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return None
    found = processes_in(socket_directory(data_dir, "valkey", "valkey.sock"), "valkey-server")
    return found[0] if found else None


async def _kill(platform: Platform, kind: str) -> None:
    """Kill -9, and wait for the next one."""
    victim = _server(platform.data_dir, kind)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    async with asyncio.timeout(_PATIENCE_S):
        while _server(platform.data_dir, kind) in (None, victim):
            await asyncio.sleep(0.05)


async def test_a_store_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    with running_platform(tmp_path / "data", "--gateways", "2", env={"MOLTSTACK_LIMITS": "off"}) as platform:
        async with Crew(platform.url) as crew:
            room = await crew.room(guests=3)
            talkers = [Talker(platform.url, bot, room.channel, bot.username) for bot in (room.owner, room.guests[0])]
            listeners = [Listener(platform.url, bot, room.channel) for bot in room.guests[1:]]
            async with Conversation(talkers, listeners) as conversation:
                for kind in ("valkey", "postgres", "postgres", "valkey"):
                    await _kill(platform, kind)
                    for listener in listeners:
                        await listener.until_more()
                await conversation.end()
        assert "PostgreSQL ended (killed by SIGKILL); starting it again" in platform.output
        assert "Valkey ended (killed by SIGKILL); starting it again" in platform.output
        assert await off_loop(platform) == 0
        assert platform.faults() == []
