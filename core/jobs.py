"""Work that is left for later, and the loop that does it.

A job is a Struct, queued in the transaction that causes it. A worker takes a row by its lock, and what the job does is
committed together with the row's end: it happens once, whatever is killed in between, and no other worker waits. So a
job writes to the store and nowhere else; what must call out over a network keeps a table of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from core.request_id import REQUEST_ID
from db.database import NOBODY, Connection, Database
from db.errors import StoreError
from db.repositories import jobs
from db.repositories.jobs import JobRow
from db.repositories.streams import StoredEvent

_LOOK_EVERY_S: Final = 1.0
_ATTEMPTS: Final = 12
_LONGEST_WAIT_S: Final = 3600

_log = structlog.get_logger(__name__)


class Job(Struct, frozen=True, kw_only=True):
    """Base of all jobs. Each has a `tag`, by which the queue calls it; new fields need defaults."""


class Done(Struct, frozen=True):
    """What a job did: the `events` that it stored, and what is left of it, to be done after `wait`."""

    events: Sequence[StoredEvent] = ()
    rest: Job | None = None
    wait: timedelta = timedelta()


Handler = Callable[[Connection, Any], Awaitable[Done]]
"""Does a job, in small bites, inside the transaction of the connection that it is given."""


async def enqueue(connection: Connection, job: Job) -> None:
    """Queue a job in the caller's transaction. Takes no lock that anybody waits for."""
    await jobs.insert_job(connection, _kind_of(type(job)), _body_of(job), request_id=REQUEST_ID.get())


class JobRunner:
    """Does what is queued. Several may run at once, in one process or many."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[type[Job], Handler],
        announce: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        """`database` logs in as the worker's role; jobs without a handler here are left to others."""
        self._database = database
        self._handlers = {_kind_of(job_type): (job_type, handler) for job_type, handler in handlers.items()}
        self._announce = announce

    async def run(self) -> None:
        """Look each second, and work as long as there is work; for ever."""
        while True:
            try:
                while await self.run_one():
                    pass
            except StoreError as error:
                _log.warning("jobs_interrupted", reason=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def run_one(self) -> bool:
        """Do one job, or a bite of it; False where none is due. Raises StoreError."""
        row = None
        done = Done()
        REQUEST_ID.set(None)
        try:
            async with self._database.acting(NOBODY) as connection:
                row = await jobs.take_job(connection, list(self._handlers))
                if row is not None:
                    # What the job logs names the request that caused it; a job that it queues inherits it.
                    REQUEST_ID.set(row.request_id)
                    done = await self._do(connection, row)
        except StoreError as error:
            if row is None:
                raise
            _log.warning("job_failed", job=row.id, kind=row.kind, reason=type(error).__name__)
            await self._put_off(row)
        except Exception:
            if row is None:
                raise
            _log.exception("job_failed", job=row.id, kind=row.kind)
            await self._put_off(row)
        else:
            self._announce(done.events)
        return row is not None

    async def _do(self, connection: Connection, row: JobRow) -> Done:
        job_type, handler = self._handlers[row.kind]
        done = await handler(connection, msgspec.json.decode(row.body, type=job_type))
        if done.rest is None:
            await jobs.finish_job(connection, row.id)
        else:
            await jobs.go_on_with_job(connection, row.id, _body_of(done.rest), wait=done.wait)
        return done

    async def _put_off(self, row: JobRow) -> None:
        wait = timedelta(seconds=min(2**row.attempts, _LONGEST_WAIT_S))
        async with self._database.connection() as connection:
            await jobs.put_off_job(connection, row, wait=wait, attempts=_ATTEMPTS)


def _kind_of(job_type: type[Job]) -> str:
    return str(job_type.__struct_config__.tag)


def _body_of(job: Job) -> str:
    return msgspec.json.encode(job).decode()
