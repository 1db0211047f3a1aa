"""The background process: housekeeping, and probes on a port of its own where it does not run under `up`."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from api.app import build_app
from core.housekeeping import Housekeeper
from core.logs import configure_logging
from core.settings import Settings
from db.database import Database
from db.roles import Role, role_url
from stack.entry import child_status, foreseen_failures
from stack.lifeline import watch_lifeline
from stack.serving import serve_port


async def run(settings: Settings) -> None:
    """Work until SIGTERM. Raises StackError for what keeps it from starting."""
    configure_logging(settings)
    with foreseen_failures(settings.keys_dir):
        await _run(settings)


async def _run(settings: Settings) -> None:
    url = await asyncio.to_thread(role_url, settings.database_url or "", Role.WORKER, settings.keys_dir)
    database = await Database.open(url, name=settings.node, size=2)
    housekeeper = Housekeeper(database, event_retention=timedelta(days=settings.event_retention_days))
    work = asyncio.create_task(housekeeper.run())
    try:
        # A child of `up` shares its port with the nodes, which answer the probes there.
        if settings.lifeline:
            await _until_stopped(settings)
        else:
            await serve_port(settings, build_app(None, {"database": database.ping}, settings.metrics_token))
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await database.close()


async def _until_stopped(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    watch_lifeline(settings)
    await stopping.wait()


async def _main() -> None:
    await run(Settings.from_env(os.environ))


if __name__ == "__main__":
    sys.exit(child_status(_main))
