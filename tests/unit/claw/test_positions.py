"""The file of positions: whole or not at all, on the disk before `save` returns, one process at a time."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from claw import Position, Positions
from claw.errors import PositionsError


async def test_what_was_saved_is_there_next_time(tmp_path: Path) -> None:
    path = tmp_path / "made" / "bot.positions"
    async with Positions(path) as positions:
        assert positions.get("ch_a") is None
        positions.note("ch_a", Position(7, "e1"))
        await positions.save()
    async with Positions(path) as positions:
        assert positions.get("ch_a") == Position(7, "e1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_position_moves_forward_only_within_one_life_of_the_log(tmp_path: Path) -> None:
    async with Positions(tmp_path / "p") as positions:
        for position in (Position(7, "e1"), Position(5, "e1")):
            positions.note("ch_a", position)
        assert positions.get("ch_a") == Position(7, "e1")
        positions.note("ch_a", Position(2, "e2"))
        assert positions.get("ch_a") == Position(2, "e2")


async def test_another_agents_positions_are_forgotten(tmp_path: Path) -> None:
    async with Positions(tmp_path / "p") as positions:
        positions.belong_to("agt_a")
        positions.note("ch_a", Position(7))
        positions.belong_to("agt_a")
        assert positions.get("ch_a") == Position(7)
        positions.belong_to("agt_b")
        assert positions.get("ch_a") is None


async def test_two_bots_cannot_share_a_file(tmp_path: Path) -> None:
    async with Positions(tmp_path / "p"):
        with pytest.raises(PositionsError, match="in use by another process"):
            await Positions(tmp_path / "p").open()
    await Positions(tmp_path / "p").open()


async def test_a_file_that_is_none_of_ours_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("[1, 2")
    with pytest.raises(PositionsError, match="not a position file"):
        await Positions(tmp_path / "p").open()
    assert (tmp_path / "p").read_text() == "[1, 2"


async def test_a_full_disk_is_told_in_one_line_and_saving_again_works_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "p"
    async with Positions(path) as positions:
        positions.note("ch_a", Position(1))
        await positions.save()
        positions.note("ch_a", Position(2))
        # Nothing can be written beside the file: a directory stands where it should be.
        path.unlink()
        (path / "in the way").mkdir(parents=True)
        with pytest.raises(PositionsError, match="cannot save the position") as caught:
            await positions.save()
        assert "\n" not in str(caught.value)
        (path / "in the way").rmdir()
        path.rmdir()
        await positions.save()
    async with Positions(path) as positions:
        assert positions.get("ch_a") == Position(2)
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".lock"] == ["p"]


async def test_saves_that_wait_together_share_one_write(tmp_path: Path) -> None:
    path = tmp_path / "p"
    async with Positions(path) as positions:
        inodes = set()

        async def note(seq: int) -> None:
            positions.note(f"ch_{seq}", Position(seq))
            await positions.save()
            inodes.add(path.stat().st_ino)

        await asyncio.gather(*(note(seq) for seq in range(50)))
    # The first one writes at once; all others come into the second write.
    assert len(inodes) <= 2
    async with Positions(path) as positions:
        assert all(positions.get(f"ch_{seq}") == Position(seq) for seq in range(50))


async def test_one_that_is_cancelled_while_saving_loses_nothing(tmp_path: Path) -> None:
    async with Positions(tmp_path / "p") as positions:
        positions.note("ch_a", Position(1))
        saving = asyncio.create_task(positions.save())
        await asyncio.sleep(0)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        positions.note("ch_a", Position(2))
        await positions.save()
    async with Positions(tmp_path / "p") as positions:
        assert positions.get("ch_a") == Position(2)


_COUNTS_FOR_EVER = """
import asyncio, sys
from claw import Position, Positions

async def main():
    async with Positions(sys.argv[1]) as positions:
        seq = 0
        while True:
            seq += 1
            positions.note("ch_a", Position(seq))
            await positions.save()
            print(seq, flush=True)

asyncio.run(main())
"""


def test_killed_at_any_line_the_file_holds_what_was_saved_last(tmp_path: Path) -> None:
    path = tmp_path / "p"
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", _COUNTS_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            said = [int(line) for line in process.stdout.read().split()] or [3]
        found = asyncio.run(_position_in(path))
        assert found is not None
        assert found.seq in (said[-1], said[-1] + 1)
        path.unlink()


async def _position_in(path: Path) -> Position | None:
    async with Positions(path) as positions:
        return positions.get("ch_a")
