"""Agents that the table shows as present although no gateway has a session of them any more.

A gateway that is killed tells nobody. The worker watches the gateways' stamps, and looks through the table when one is
lost; and now and then without a reason, since whole machines fail too.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from core.presence.batch import OutOfContactError
from core.presence.peers import Peers
from core.presence.records import AgentRecords, Question
from core.presence.registry import Registry
from core.redis_client import RedisClient
from db.database import Database
from db.errors import StoreError
from db.repositories import presence
from db.repositories.presence import PresenceRow

_LOOK_EVERY_S: Final = 1.0
_SWEEP_EVERY_S: Final = 300.0
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


class PresenceSweeper:
    """Runs until cancelled. Several may run at once: they find the same."""

    def __init__(self, database: Database, redis: RedisClient) -> None:
        """`database` logs in as the worker's role."""
        self._database = database
        self._records = AgentRecords(redis)
        self._registry = Registry(redis)
        self._peers = Peers()
        self._sweep_at = 0.0
        self._was_blind = False
        self._has_looked = False

    @property
    def living_gateways(self) -> set[UUID] | None:
        """The gateways that live; None while that is not known."""
        return self._peers.alive if self._has_looked else None

    async def run(self) -> None:
        """Look once a second, for ever; stores that do not answer are tried again."""
        while True:
            try:
                await self._round()
            except OutOfContactError:
                self._was_blind = True
                self._has_looked = False
            except StoreError as error:
                _log.warning("presence_not_swept", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - a fault in one round must not end all
                _log.exception("presence_sweep_failed")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def sweep(self) -> None:
        """Look through the table once. Raises OutOfContactError, StoreError."""
        last = None
        while True:
            async with self._database.connection() as connection:
                agents = await presence.list_present(connection, after=last, limit=_PAGE)
            if not agents:
                return
            last = agents[-1]
            verdicts = await self._records.judge(None, self._peers, [Question(agent) for agent in agents])
            gone = [
                PresenceRow(agent, verdict.state, datetime.fromtimestamp(verdict.at / 1000, UTC))
                for agent, verdict in zip(agents, verdicts, strict=True)
                if verdict.state == "offline"
            ]
            if gone:
                async with self._database.connection() as connection:
                    await presence.tell_presence(connection, gone)

    async def _round(self) -> None:
        stamps = await self._registry.beat(None)
        now = time.monotonic()
        if self._was_blind:
            self._was_blind = False
            self._peers.rearm(now)
        news = self._peers.observe(stamps.of, stamps.now, now)
        self._has_looked = True
        if news.lost:
            self._sweep_at = 0.0
        if now >= self._sweep_at:
            await self.sweep()
            self._sweep_at = now + _SWEEP_EVERY_S
