"""A worker that only does jobs, in a process of its own: `python job_worker.py URL`, until it is killed."""

import asyncio
import sys

from core.jobs import JobRunner
from core.work import HANDLERS
from db.database import Database


async def _main(url: str) -> None:
    await JobRunner(await Database.open(url, name="worker", size=2), HANDLERS, lambda _: None).run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
