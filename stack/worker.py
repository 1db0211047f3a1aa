"""The background process: housekeeping, jobs, calls to sleeping agents; not under `up`, probes on its own port."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import Final

from api.app import build_app
from core.broker import Publisher
from core.housekeeping import Housekeeper
from core.indexing import Figures, Indexer
from core.jobs import JobRunner
from core.logs import configure_logging
from core.presence.sweeper import PresenceSweeper
from core.redis_client import open_redis
from core.settings import Settings
from core.wakes.waker import Waker
from core.work import HANDLERS
from db.database import Database
from db.roles import Role, role_url
from stack.entry import child_status, foreseen_failures
from stack.lifeline import watch_lifeline
from stack.serving import serve_port

_POOL_SIZE: Final = 8


async def run(settings: Settings) -> None:
    """Work until SIGTERM. Raises StackError for what keeps it from starting."""
    configure_logging(settings)
    with foreseen_failures(settings.keys_dir):
        await _run(settings)


async def _run(settings: Settings) -> None:
    url = await asyncio.to_thread(role_url, settings.database_url or "", Role.WORKER, settings.keys_dir)
    database = await Database.open(url, name=settings.node, size=_POOL_SIZE)
    housekeeper = Housekeeper(database, event_retention=timedelta(days=settings.event_retention_days))
    publisher = Publisher(settings.redis_url or "")
    jobs = JobRunner(database, HANDLERS, publisher.announce)
    indexer = Indexer(database, publisher.announce)
    figures = Figures(database)
    redis = await open_redis(settings.redis_url or "")
    sweeper = PresenceSweeper(database, redis)
    work: list[asyncio.Task[None]] = []
    try:
        await publisher.start()
        waker = await Waker.open(
            settings,
            database,
            redis,
            announce=publisher.announce,
            living_gateways=lambda: sweeper.living_gateways,
        )
        work += [asyncio.create_task(each.run()) for each in (housekeeper, jobs, sweeper, indexer, figures, waker)]
        # A child of `up` shares its port with the nodes, which answer the probes there.
        if settings.lifeline:
            await _until_stopped(settings)
        else:
            await serve_port(settings, build_app(None, {"database": database.ping}, settings))
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await publisher.close()
        await redis.aclose()
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
