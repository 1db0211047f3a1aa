"""The queue of jobs: rows that workers take by their lock."""

from datetime import timedelta
from typing import Final

import msgspec

from db.database import Connection

_INSERT: Final = "insert into jobs (kind, body, request_id) values ($1, $2::text::jsonb, $3)"
# The lock ends with the transaction, however that ends.
_TAKE: Final = """
select id, kind, body::text as body, attempts, request_id from jobs
where failed_at is null and run_at <= now() and kind = any ($1)
order by run_at, id limit 1 for update skip locked
"""
_FINISH: Final = "delete from jobs where id = $1"
_GO_ON: Final = "update jobs set body = $2::text::jsonb, run_at = now() + $3, attempts = 0 where id = $1"
_PUT_OFF: Final = """
update jobs set attempts = attempts + 1, run_at = now() + $2,
                failed_at = case when attempts + 1 >= $3 then now() end
where id = $1 and attempts = $4
"""


class JobRow(msgspec.Struct, frozen=True):
    """A job that this transaction holds. `body` is JSON; `attempts` failed before; `request_id` queued it."""

    id: int
    kind: str
    body: str
    attempts: int
    request_id: str | None


async def insert_job(connection: Connection, kind: str, body: str, *, request_id: str | None) -> None:
    """Queue a job; it exists from this transaction's commit on."""
    await connection.execute(_INSERT, kind, body, request_id)


async def take_job(connection: Connection, kinds: list[str]) -> JobRow | None:
    """Hold the job of one of these kinds that is due the longest and that nobody else holds."""
    row = await connection.fetchrow(_TAKE, kinds)
    return None if row is None else JobRow(**row)


async def finish_job(connection: Connection, job_id: int) -> None:
    """End a job that this transaction holds."""
    await connection.execute(_FINISH, job_id)


async def go_on_with_job(connection: Connection, job_id: int, body: str, *, wait: timedelta) -> None:
    """Leave the rest of a job that this transaction holds, `body`, for later."""
    await connection.execute(_GO_ON, job_id, body, wait)


async def put_off_job(connection: Connection, job: JobRow, *, wait: timedelta, attempts: int) -> None:
    """Count a failure; try again after `wait`, or give it up where `attempts` have failed."""
    await connection.execute(_PUT_OFF, job.id, wait, attempts, job.attempts)
