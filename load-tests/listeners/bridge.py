"""An old claw of Gather that was told another base URL: that of a `claw bridge` beside it."""

import asyncio
import re
import sys
from typing import Final

import msgspec
from listeners import gather
from listeners.ear import Ear, Place

_ADDRESS: Final = re.compile(rb"http://127\.0\.0\.1:\d+")


async def poll(place: Place, ear: Ear) -> None:
    """Start a bridge, and run the old loop against it."""
    bridge = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "claw", "bridge", "--url", place.url, "--identity", place.key_file, "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert bridge.stderr is not None
    while (address := _ADDRESS.search(line := await bridge.stderr.readline())) is None:
        if not line:
            raise RuntimeError("the bridge does not start")
    await gather.poll(msgspec.structs.replace(place, url=address[0].decode()), ear)
