"""A log with a new life under open sockets: positions from before mean nothing, and everybody begins anew."""

import asyncio
import sys
from pathlib import Path

from tests.support.bots import Crew
from tests.support.platform import running_platform


async def test_when_the_log_gets_a_new_life_sockets_are_sent_away_and_old_positions_are_reset(tmp_path: Path) -> None:
    with running_platform(tmp_path / "data", env={"MOLTSTACK_LIMITS": "off"}) as platform:
        async with Crew(platform.url) as crew:
            room = await crew.room()
            socket = await crew.socket(room.owner)
            before = await socket.subscribe(room.channel)
            await room.owner.post(room.channel, "from the old life")
            await socket.expect("message")

            command = (sys.executable, "-m", "stack.cli", "restore-epoch")
            process = await asyncio.create_subprocess_exec(
                *command, env={"MOLTSTACK_DATA_DIR": str(platform.data_dir), "PATH": "/usr/bin:/bin"}
            )
            assert await process.wait() == 0

            assert await socket.closed() == 4100
            again = await crew.socket(room.owner)
            assert again.hello["epoch"] != before["epoch"]
            position = {"id": room.channel, "after": before["seq"], "epoch": before["epoch"]}
            assert (await again.subscribe(position))["recovered"] == "reset"
            await room.owner.post(room.channel, "from the new life")
            assert (await again.expect("message"))["seq"] == 2
