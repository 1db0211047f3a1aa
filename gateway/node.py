"""What the connections of one process share: hub, handlers, timers, limits, and the flush at the end of a loop pass."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from claw.wire.close import CloseCode
from claw.wire.frames import Frame
from claw.wire.problems import ErrorCode
from core.broker import Publisher, Subscriber
from core.control import Control, LoginEnded, RightsChanged, decode_control
from core.services.changes import Changes
from core.services.messages import Posting
from core.settings import Settings
from core.tokens import TokenVerifier
from db.database import Database
from db.repositories.sign_in import RevocationRow
from db.repositories.streams import RightsRow, StoredEvent
from gateway.connection import Connection
from gateway.handlers import Handlers
from gateway.hub import Hub, LiveStream
from gateway.metrics import ARRIVAL_LAG, NodeCollector, Tally
from gateway.pages import Pages
from gateway.recovery import Recovery
from gateway.session import State
from gateway.timers import TimerWheel
from gateway.wire import encode_payload

_MAX_HANDSHAKES: Final = 20_000

_log = structlog.get_logger(__name__)


class Node:
    """One gateway. `database` logs in as the gateway's role."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        verifier: TokenVerifier,
        posting: Posting,
        changes: Changes,
        publisher: Publisher,
    ) -> None:
        self.name = settings.node
        self.heartbeat_s = settings.heartbeat_ms / 1000
        self.session_s = settings.session_hours * 3600
        self.send_buffer_bytes = settings.send_buffer_bytes
        self._drain_ms = int(settings.drain_seconds * 1000)
        self.verifier = verifier
        self.posting = posting
        self.changes = changes
        self.publisher = publisher
        self.database = database
        self.connections: set[Connection] = set()
        self.tally = Tally()
        self._collector = NodeCollector(self)
        self.wheel = TimerWheel()
        self.hub = Hub(on_gap=self._on_gap, on_idle=self._on_idle)
        self.subscriber = Subscriber(
            settings.redis_url or "",
            on_event=self.hub.offer,
            on_control=self._on_control,
            on_restored=self._on_restored,
            on_lag=ARRIVAL_LAG.observe,
        )
        self.recovery = Recovery(
            database,
            self.hub,
            on_revoked=self._on_revoked,
            on_rights_changed=self._on_rights_changed,
            on_new_epoch=self._send_everybody_away,
        )
        self.pages = Pages(self.recovery.read)
        self.handlers = Handlers(self)
        # Grows with every change of rights: an answer from before the last one may be wrong by now.
        self.rights_changes = 0
        self._to_flush: list[Connection] = []

    async def start(self) -> None:
        """Connect to Redis and begin to look at heads each second. Raises OSError, StoreError."""
        await self.subscriber.start()
        self.wheel.start()
        await self.recovery.start()
        self._collector.start()

    async def stop(self) -> None:
        """Let go of everything; the sockets are closed by then."""
        self.wheel.stop()
        self._collector.stop()
        await self.recovery.stop()
        await self.handlers.stop()
        await self.subscriber.close()

    def offer(self, events: Sequence[StoredEvent]) -> None:
        """Pass on events that this process itself has just stored, without waiting for Redis to bring them back."""
        for event in events:
            self.hub.offer(event)

    def announce_passing(self, stream_id: UUID, frame: Frame) -> None:
        """Tell everybody who follows a stream of something that is no event: it has no number and may be lost."""
        # Our own listeners hear of it from Redis like everybody's: without a number, it would reach them twice.
        self.publisher.announce([StoredEvent(stream_id, 0, encode_payload(frame))])

    def now(self) -> float:
        """The time in unix seconds."""
        return time.time()

    def admit(self) -> int | None:
        """None where another socket may come in, else after how many seconds to try again."""
        return None if len(self.connections) < _MAX_HANDSHAKES else random.randint(1, 10)  # noqa: S311 - jitter

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self.connections.discard(connection)

    def drain_delay_ms(self) -> int:
        """How long a client that is sent away should wait, so that they do not all come back at once."""
        return random.randint(0, max(1, self._drain_ms))  # noqa: S311 - jitter

    def flush_later(self, connection: Connection) -> None:
        """Have `connection.flush` called at the end of this loop pass."""
        if not self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush)
        self._to_flush.append(connection)

    def apply_control(self, control: Control) -> None:
        """Do what a control message says, wherever it came from."""
        match control:
            case LoginEnded(agent, family, at, suspended):
                self.verifier.revoke(agent, family, at)
                self._close_revoked({agent} if suspended else set())
            case RightsChanged():
                self.rights_changes += 1
                self.handlers.ask_rights_anew(control)

    def of_agent(self, agent_id: UUID | None) -> list[Connection]:
        """The open sessions of an agent, with None all."""
        return [
            each
            for each in self.connections
            if each.session.claims is not None and agent_id in (None, each.session.claims.subject)
        ]

    def following(self, stream_id: UUID) -> list[Connection]:
        """The sessions that follow a stream."""
        live = self.hub.get(stream_id)
        return [] if live is None else [each for each in live.listeners if isinstance(each, Connection)]

    def _flush(self) -> None:
        connections, self._to_flush = self._to_flush, []
        for connection in connections:
            connection.flush()

    def _on_gap(self, live: LiveStream) -> None:
        self.recovery.fill_soon(live)

    def _on_idle(self, live: LiveStream) -> None:
        self.subscriber.unfollow(live.id)

    def _on_restored(self) -> None:
        self.recovery.look_now()

    def _send_everybody_away(self) -> None:
        for connection in list(self.connections):
            connection.shutdown()

    def _on_control(self, data: bytes) -> None:
        control = decode_control(data)
        if control is not None:
            self.apply_control(control)

    def _on_revoked(self, rows: list[RevocationRow]) -> None:
        # Every element counts: a generator inside any() would stop at the first piece of news.
        news = [row for row in rows if self.verifier.revoke(row.agent_id, row.family_id, row.at.timestamp())]
        if news:
            self._close_revoked({row.agent_id for row in news if row.suspended})
        self.verifier.forget_old_revocations()

    def _on_rights_changed(self, rows: list[RightsRow]) -> None:
        for row in rows:
            self.apply_control(RightsChanged(row.agent_id, row.stream_id))

    def _close_revoked(self, suspended: set[UUID]) -> None:
        for connection in self.of_agent(None):
            session = connection.session
            claims = session.claims
            if session.state is not State.OPEN or claims is None or not self.verifier.is_revoked(claims):
                continue
            if claims.subject in suspended:
                text = "This agent was suspended. Its owner can write to the operator."
                connection.apply(session.end(CloseCode.SUSPENDED, text, error=ErrorCode.SUSPENDED))
            else:
                text = "This log-in was ended. Log in anew."
                connection.apply(session.end(CloseCode.UNAUTHORIZED, text, error=ErrorCode.UNAUTHORIZED))
