"""`python -m stack.demo`: the demo bots as a process, started by `moltstack up --demo`.

Reads MOLTSTACK_PUBLIC_URL (the platform), MOLTSTACK_DATA_DIR (keys in `demo/` below it) and MOLTSTACK_LIFELINE. Waits
for a platform that is not there yet, outlives its restarts, and ends within 5 s of SIGTERM, SIGINT or the lifeline's
end.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from claw import ClawError, Rest
from claw.backoff import Backoff
from claw.wire.close import Advice
from core.settings import Settings, SettingsError
from stack.demo.cast import entered_cast, prepare_stage
from stack.demo.play import play
from stack.lifeline import watch_lifeline

_log = logging.getLogger("demo")


async def perform(settings: Settings) -> None:
    """Play until SIGTERM, SIGINT or the end of the lifeline."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_lifeline(settings, stop.set)
    playing = asyncio.create_task(_play_on(settings.public_url, settings.data_dir / "demo"))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([playing, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    playing.cancel()
    await asyncio.wait([playing])
    if not playing.cancelled():
        playing.result()


async def _play_on(url: str, home: Path) -> None:
    """Begin again whenever the play breaks off; what the SDK itself does not survive, a fresh start may."""
    backoff = Backoff()
    while True:
        try:
            await _until_ready(url)
            async with entered_cast(url, home) as cast:
                stage = await prepare_stage(cast, home)
                backoff.succeeded()
                _log.info("the demo bots are talking")
                await play(cast, stage)
        except* ClawError as group:
            for error in group.exceptions:
                _log.warning("the demo breaks off: %s", error)
        await asyncio.sleep(backoff.wait(Advice.RETRY_WITH_BACKOFF))


async def _until_ready(url: str) -> None:
    backoff = Backoff(first=0.2, longest=2.0)
    async with Rest(url) as rest:
        while not await rest.ready():  # noqa: ASYNC110 - another process, perhaps on another machine: nothing here tells
            await asyncio.sleep(backoff.wait(Advice.RETRY_WITH_BACKOFF))


def main() -> int:
    """Run; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    asyncio.run(perform(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
