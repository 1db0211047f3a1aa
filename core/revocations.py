"""Log-ins that ended, as heard by a process without sockets: over Redis at once, from the store each second."""

import asyncio
import contextlib
import time
from typing import Final

import structlog

from core.broker import Subscriber
from core.control import LoginEnded, decode_control
from core.tokens import TokenVerifier
from db.database import Database
from db.errors import StoreError
from db.repositories import sign_in

_EVERY_S: Final = 1.0
_WITHIN_S: Final = 15.0
_FIRST_S: Final = 2 * 3600.0

_log = structlog.get_logger(__name__)


class RevocationWatch:
    """Keeps a verifier's memory of ended log-ins true."""

    def __init__(self, database: Database, verifier: TokenVerifier, redis_url: str) -> None:
        """`database` may be of any role that reads revocations."""
        self._database = database
        self._verifier = verifier
        self._subscriber = Subscriber(
            redis_url, on_event=lambda _: None, on_control=self._on_control, on_restored=lambda: None
        )
        self._task: asyncio.Task[None] | None = None
        self._read_at = 0.0

    async def start(self) -> None:
        """Learn of the recent ones, then keep listening. Raises StoreError, OSError."""
        await self._subscriber.start()
        await self._read(_FIRST_S)
        self._task = asyncio.create_task(self._read_for_ever())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._subscriber.close()

    async def _read_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                # As far back as nobody has looked, and some more for transactions that were slow to commit.
                await self._read(_WITHIN_S + time.monotonic() - self._read_at)
            except StoreError as error:
                _log.warning("revocations_not_read", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it is: one that never read again would let the revoked in
                _log.exception("reading_revocations_broke")

    async def _read(self, within_s: float) -> None:
        begun = time.monotonic()
        async with self._database.connection() as connection:
            rows = await sign_in.recent_revocations(connection, within_s)
        self._read_at = begun
        for row in rows:
            self._verifier.revoke(row.subject_id, row.family_id, row.at.timestamp(), suspended=row.suspended)
        self._verifier.forget_old_revocations()

    def _on_control(self, data: bytes) -> None:
        control = decode_control(data)
        if isinstance(control, LoginEnded):
            self._verifier.revoke(control.subject, control.family, control.at, suspended=control.suspended)
