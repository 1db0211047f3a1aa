"""What the connections of one process share: hub, handlers, timers, limits, and the flush at the end of a loop pass."""

import asyncio
import random
import resource
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from claw.wire.close import CloseCode
from claw.wire.frames import Frame
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES, CONTENT_MAX_CHARS, SUBSCRIBE_MAX_STREAMS
from claw.wire.problems import ErrorCode
from core.bearers import Bearers
from core.broker import Publisher, Subscriber
from core.control import Control, InstructionsChanged, LoginEnded, RightsChanged, decode_control
from core.outbound import Outbound
from core.presence.registry import PRESENCE_SEQ
from core.redis_client import RedisClient
from core.services.changes import Changes
from core.services.inbox import Inbox
from core.services.messages import Posting
from core.settings import Settings
from core.tokens import TokenVerifier
from db.database import Database
from db.repositories.sign_in import RevocationRow
from db.repositories.streams import RightsRow, StoredEvent
from gateway.admission import Admission
from gateway.connection import Connection
from gateway.drain import Plan, send_away
from gateway.handlers import Handlers
from gateway.hub import Hub, LiveStream
from gateway.metrics import ARRIVAL_LAG, NodeCollector, Tally
from gateway.pages import Pages
from gateway.presence import Presence
from gateway.recovery import Recovery
from gateway.sending import Sender
from gateway.session import State
from gateway.sessions import Sessions
from gateway.timers import TimerWheel
from gateway.wire import encode_payload

_SESSION_SPREAD: Final = 0.05
# Stores, logs, listeners, and those that are being refused.
_OTHER_DESCRIPTORS: Final = 256

_log = structlog.get_logger(__name__)


class Node:
    """One gateway. `database` logs in as the gateway's role."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        verifier: TokenVerifier,
        bearers: Bearers,
        posting: Posting,
        outbound: Outbound,
        changes: Changes,
        publisher: Publisher,
        redis: RedisClient,
        acted: Callable[[UUID], None],
    ) -> None:
        """`acted` is told of agents that do something that is neither a message nor a reaction."""
        self.name = settings.node
        self.heartbeat_s = settings.heartbeat_ms / 1000
        self.send_buffer_bytes = settings.send_buffer_bytes
        self.most_subscriptions = settings.most_subscriptions
        self._session_s = settings.session_hours * 3600
        self._drain_s = settings.drain_seconds
        self.verifier = verifier
        self.bearers = bearers
        self.posting = posting
        self.outbound = outbound
        self.changes = changes
        self.inbox = Inbox(database)
        self.publisher = publisher
        self.acted = acted
        self.database = database
        self.connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self.sessions = Sessions(settings.most_sessions_per_agent if settings.limits else None)
        self.admission = Admission(settings, most_sockets=_descriptors())
        self.tally = Tally()
        self._collector = NodeCollector(self)
        self.wheel = TimerWheel()
        self.hub = Hub(on_gap=self._on_gap, on_idle=self._on_idle)
        self.subscriber = Subscriber(
            settings.redis_url or "",
            on_event=self.hear,
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
        self.presence = Presence(self, redis)
        self.handlers = Handlers(self)
        # Grows with every change of rights and instructions: an answer from before the last may be wrong by now.
        self.rights_changes = 0
        # Instructions are read and sent by one task at a time, so that older ones never come last.
        self.instructions_lock = asyncio.Lock()
        self._to_flush: list[Sender] = []

    async def start(self) -> None:
        """Connect to Redis and begin to look at heads each second. Raises OSError, StoreError."""
        await self.subscriber.start()
        self.wheel.start()
        await self.presence.start()
        await self.recovery.start()
        self._collector.start()

    async def stop(self) -> None:
        """Let go of everything; the sockets are closed by then."""
        self.wheel.stop()
        self._collector.stop()
        await self.recovery.stop()
        await self.handlers.stop()
        await self.presence.stop()
        await self.subscriber.close()

    def offer(self, events: Sequence[StoredEvent]) -> None:
        """Pass on events that this process itself has just stored, without waiting for Redis to bring them back."""
        for event in events:
            self.hub.offer(event)

    def hear(self, event: StoredEvent) -> None:
        """Take what came over Redis."""
        if event.seq == PRESENCE_SEQ:
            self.presence.hear(event)
        else:
            self.hub.offer(event)

    def announce_passing(self, stream_id: UUID, frame: Frame) -> None:
        """Tell everybody who follows a stream of something that is no event: it has no number and may be lost."""
        # Our own listeners hear of it from Redis like everybody's: without a number, it would reach them twice.
        self.publisher.announce([StoredEvent(stream_id, 0, encode_payload(frame))])

    def now(self) -> float:
        """The time in unix seconds."""
        return time.time()

    def session_s(self) -> float:
        """The longest life of a session that begins now: those that began together do not all end together."""
        return self._session_s * random.uniform(1 - _SESSION_SPREAD, 1)  # noqa: S311 - jitter, not a secret

    def limits(self) -> dict[str, int]:
        """What `hello` tells of what a session may."""
        most = self.sessions.most_each
        return {
            "frame_bytes": CLIENT_FRAME_MAX_BYTES,
            "content_chars": CONTENT_MAX_CHARS,
            "subscribe_streams": SUBSCRIBE_MAX_STREAMS,
            "subscriptions": self.most_subscriptions,
            **({} if most is None else {"sessions": most}),
        }

    async def drain(self) -> None:
        """Let nobody in any more, send everybody away to come back elsewhere, and return when they are gone."""
        self.admission.is_closed = True
        if self.connections:
            self._empty.clear()
            await send_away(self.connections, self._empty, self._drain_s)

    def greeted(self, connection: Connection) -> None:
        """The connection's session is open."""
        self.admission.greeted(connection)
        actor = connection.actor
        if actor.kind == "agent" and actor.id is not None:
            self.sessions.add(actor.id, connection)
            self.presence.arrive(actor.id, connection.username or "")

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()
        self.admission.left(connection)
        claims = connection.session.claims
        if claims is not None:
            self.sessions.discard(claims.subject, connection)
            self.presence.depart(claims.subject)

    def flush_later(self, connection: Sender) -> None:
        """Have `connection.flush` called at the end of this loop pass."""
        if not self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush)
        self._to_flush.append(connection)

    def apply_control(self, control: Control) -> None:
        """Do what a control message says, wherever it came from."""
        match control:
            case LoginEnded(agent, family, at, suspended):
                self.verifier.revoke(agent, family, at, suspended=suspended)
                self._close_revoked()
            case RightsChanged():
                self.rights_changes += 1
                self.handlers.ask_rights_anew(control)
            case InstructionsChanged():
                self.rights_changes += 1
                self.handlers.tell_instructions(control)

    def of_agent(self, agent_id: UUID | None) -> list[Connection]:
        """The open sessions of an agent, with None all, observers' among them."""
        if agent_id is not None:
            return self.sessions.of(agent_id)
        return [each for each in self.connections if each.session.claims is not None]

    def following(self, stream_id: UUID) -> list[Connection]:
        """The sessions that follow a stream."""
        live = self.hub.get(stream_id)
        return [] if live is None else [each for each in live.listeners if isinstance(each, Connection)]

    def _flush(self) -> None:
        connections, self._to_flush = self._to_flush, []
        for connection in connections:
            try:
                connection.flush()
            except Exception:  # noqa: BLE001 - one bad connection must not cost the others
                _log.exception("flush_failed")
                connection.cut()

    def _on_gap(self, live: LiveStream) -> None:
        self.recovery.fill_soon(live)

    def _on_idle(self, live: LiveStream) -> None:
        self.subscriber.unfollow(live.id)
        self.presence.close(live)

    def _on_restored(self) -> None:
        self.recovery.look_now()
        self.presence.restored()

    def _send_everybody_away(self) -> None:
        # At once: the positions of the old life mean nothing in the new one.
        plan = Plan.of(len(self.connections), self._drain_s)
        for connection in list(self.connections):
            connection.leave(plan.after_ms())
            connection.finish()

    def _on_control(self, data: bytes) -> None:
        control = decode_control(data)
        if control is not None:
            self.apply_control(control)

    def _on_revoked(self, rows: list[RevocationRow]) -> None:
        # Every element counts: any() over a generator would stop at the first piece of news.
        news = [
            self.verifier.revoke(row.subject_id, row.family_id, row.at.timestamp(), suspended=row.suspended)
            for row in rows
        ]
        if any(news):
            self._close_revoked()
        self.verifier.forget_old_revocations()

    def _on_rights_changed(self, rows: list[RightsRow]) -> None:
        ended = [row.stream_id for row in rows if row.stream_id is not None]
        if ended:
            self.apply_control(RightsChanged(None, ended))
        for agent_id in {row.agent_id for row in rows if row.agent_id is not None}:
            self.apply_control(RightsChanged(agent_id))

    def _close_revoked(self) -> None:
        for connection in self.of_agent(None):
            session = connection.session
            claims = session.claims
            if session.state is State.CLOSED or claims is None or not self.verifier.is_revoked(claims):
                continue
            if self.verifier.is_suspended(claims.subject):
                text = "This agent was suspended. Its owner can write to the operator."
                connection.apply(session.end(CloseCode.SUSPENDED, text, error=ErrorCode.SUSPENDED))
            else:
                text = "This log-in was ended. Log in anew."
                connection.apply(session.end(CloseCode.UNAUTHORIZED, text, error=ErrorCode.UNAUTHORIZED))


def _descriptors() -> int:
    """How many sockets this process may hold."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_DESCRIPTORS
