"""Presence, as one gateway bears it: the agents with sessions here, the channels served here, the steps and the beat.

What sessions do takes effect here at once; Redis is told with the next step, the table of agents in its own time, so
nobody waits for either. While Redis is away, those of other gateways stay as they are, and nobody becomes idle.
"""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import structlog

from claw.wire.close import CloseCode
from claw.wire.ids import Prefix
from core.ending import end_tasks
from core.presence.batch import OutOfContactError
from core.presence.peers import LOST_AFTER_S, Peers
from core.presence.records import AgentRecords, Question, Verdict
from core.presence.registry import PRESENCE_SEQ, Registry, decode_agents, encode_agents
from core.redis_client import RedisClient
from db.errors import StoreError
from db.repositories import presence
from db.repositories.presence import IdleChoice, PresenceRow
from db.repositories.streams import StoredEvent
from gateway.hub import LiveStream
from gateway.presence_agent import LocalAgent
from gateway.presence_rooms import GRACE_S, Rooms
from gateway.presence_table import PresenceTable

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node
    from gateway.sending import Sender

_STEP_S: Final = 0.25
_BEAT_S: Final = 1.0
_AFTER_A_GAP_S: Final = 2.0
_OPENING_S: Final = 1.0
_BATCH: Final = 200
_STORE_PATIENCE_S: Final = 1.0
_CHANNEL: Final = f"{Prefix.CHANNEL}_"

_log = structlog.get_logger(__name__)


class Presence:
    """Presence on one node. All but `start`, `stop` and `open` return at once."""

    def __init__(self, node: "Node", redis: RedisClient) -> None:
        # This run of the process, not its name: what an earlier one has left is not ours.
        self.gateway: Final = uuid4()
        self.in_contact = False
        self._node = node
        self._records = AgentRecords(redis)
        self._registry = Registry(redis)
        self._peers = Peers()
        self._rooms = Rooms(
            self.gateway, self._registry, self._peers, show=self._show, announce=node.publisher.announce
        )
        self._agents: dict[UUID, LocalAgent] = {}
        self._due: dict[UUID, LocalAgent] = {}
        self._leavings: deque[tuple[float, LocalAgent, int]] = deque()
        self._leaving_numbers = itertools.count(1)
        self._table = PresenceTable(node.database)
        self._has_beaten = False
        self._tasks: list[asyncio.Task[None]] = []
        self._verification: asyncio.TimerHandle | None = None

    @property
    def agents(self) -> int:
        """How many agents are here, those within their grace too."""
        return len(self._agents)

    @property
    def changes(self) -> int:
        """How often somebody here came to a channel, left it, or had another state in it."""
        return self._rooms.changes

    async def start(self) -> None:
        """Leave the first stamp and learn of the other gateways. Raises OSError."""
        try:
            await self._beat()
        except OutOfContactError as error:
            raise ConnectionError(f"Redis does not answer ({error}); check MOLTSTACK_REDIS_URL") from None
        await self._node.subscriber.follow(self.gateway)
        work = (self._step_for_ever(), self._beat_for_ever(), self._table.write_for_ever())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """Say nothing any more. The others and the worker see it by the stamp: as if it had been killed."""
        if self._verification is not None:
            self._verification.cancel()
        await end_tasks(self._tasks)
        await self._rooms.stop()

    # What sessions do.

    def arrive(self, agent_id: UUID, name: str) -> None:
        """A session of an agent has begun."""
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = LocalAgent(agent_id, name, self._judge_soon)
        agent.begin()
        self._judge_soon(agent)

    def depart(self, agent_id: UUID) -> None:
        """A session of an agent is gone; where it was the last one here, the agent is after the grace."""
        agent = self._agents.get(agent_id)
        if agent is not None and not self._node.sessions.of(agent_id):
            agent.leaving = next(self._leaving_numbers)
            self._leavings.append((time.monotonic() + GRACE_S, agent, agent.leaving))

    def choose(self, agent_id: UUID, state: str) -> None:
        """An agent has chosen a state by hand; `online` takes the choice back."""
        agent = self._agents.get(agent_id)
        if agent is not None:
            agent.choose(state)
            self._judge_soon(agent)

    async def open(self, live: LiveStream, key: str) -> None:
        """Know who is in a channel before its first follower here is told; of other streams nothing."""
        if key.startswith(_CHANNEL):
            await self._rooms.open(live.id, key, patience_s=_OPENING_S if self.in_contact else 0.0)

    def enter(self, connection: "Connection", live: LiveStream, key: str) -> None:
        """The session follows the stream from now on, and is sent who is there."""
        if not key.startswith(_CHANNEL):
            return
        actor = connection.actor
        agent = self._agents.get(actor.id) if actor.kind == "agent" and actor.id is not None else None
        if agent is not None:
            self._rooms.enter(live.id, agent.name, agent.standing)
        self.show_all(connection, live)

    def leave(self, connection: "Connection", live: LiveStream) -> None:
        """The session follows the stream no more."""
        claims = connection.session.claims
        if claims is not None and claims.kind == "agent" and connection.username is not None:
            self._rooms.leave(live.id, connection.username)

    def show_all(self, connection: "Sender", live: LiveStream) -> None:
        """Send a session who is in a channel."""
        frame = self._rooms.snapshot(live.id)
        if frame is not None:
            connection.deliver(frame)

    def close(self, live: LiveStream) -> None:
        """Nobody here follows the stream any more."""
        self._rooms.close(live.id)

    # What other processes do.

    def hear(self, event: StoredEvent) -> None:
        """What another gateway says of a channel, or anybody of an agent that is here."""
        if event.stream_id != self.gateway:
            self._rooms.hear(event.stream_id, event.frame)
            return
        for agent_id in decode_agents(event.frame):
            agent = self._agents.get(agent_id)
            if agent is not None:
                self._judge_soon(agent)

    def restored(self) -> None:
        """Announcements were missed."""
        # Not at once: where Redis came back empty, everybody has first to write what is his own.
        if self._verification is None:
            self._verification = asyncio.get_running_loop().call_later(_AFTER_A_GAP_S, self._verify_all)

    # Inside.

    def _judge_soon(self, agent: LocalAgent) -> None:
        self._due[agent.id] = agent

    def _show(self, channel: UUID, payload: bytes) -> bool:
        live = self._node.hub.get(channel)
        if live is None or not live.listeners:
            return False
        self._node.hub.offer(StoredEvent(channel, 0, payload))
        return True

    def _verify_all(self) -> None:
        self._verification = None
        self._rooms.verify_all()

    async def _step_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_STEP_S)
            await self._guarded(self._step())

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            await self._guarded(self._beat())

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OutOfContactError as error:
            if self.in_contact:
                self.in_contact = False
                _log.warning("presence_frozen", reason=str(error))
        except Exception:  # noqa: BLE001 - a fault in one round must not end all
            _log.exception("presence_failed")

    async def _beat(self) -> None:
        stamps = await self._registry.beat(self.gateway)
        now = time.monotonic()
        if not self.in_contact:
            self.in_contact = True
            self._peers.rearm(now)
            self.restored()
            _log.info("presence_in_contact")
        news = self._peers.observe(stamps.of, stamps.now, now)
        # An empty Redis, or we were silent for so long that others may have cleared away what is ours.
        if self._has_beaten and (stamps.mine is None or stamps.now - stamps.mine > LOST_AFTER_S * 1000):
            self._write_all_anew()
        self._has_beaten = True
        self._rooms.drop(news.lost)
        if news.arrived - {self.gateway}:
            self._rooms.verify_all()
        self._rooms.verify_some()

    def _write_all_anew(self) -> None:
        for agent in self._agents.values():
            agent.tell_choice_again()
            self._judge_soon(agent)
        self._rooms.write_all_anew()

    async def _step(self) -> None:
        now = time.monotonic()
        while self._leavings and self._leavings[0][0] <= now:
            _, agent, number = self._leavings.popleft()
            if agent.leaving == number and not self._node.sessions.of(agent.id):
                agent.is_here = False
                self._judge_soon(agent)
        self._rooms.end_leavings(now)
        if self.in_contact:
            while self._due:
                await self._judge([self._due.pop(each) for each in [*itertools.islice(self._due, _BATCH)]])
            await self._rooms.write()
            await self._rooms.verify()

    async def _judge(self, agents: list[LocalAgent]) -> None:
        questions: list[Question] = []
        try:
            await self._configure(agents)
            questions += [agent.question() for agent in agents]
            verdicts = await self._records.judge(self.gateway, self._peers, questions)
        except BaseException:
            for agent, question in zip(agents, questions, strict=False):
                agent.put_back(question)
            self._due |= {agent.id: agent for agent in agents}
            raise
        elsewhere: dict[UUID, list[UUID]] = {}
        for agent, question, verdict in zip(agents, questions, verdicts, strict=True):
            self._take(agent, verdict, is_here=question.is_here)
            for other in verdict.others if verdict.is_news else ():
                elsewhere.setdefault(other, []).append(agent.id)
        self._node.publisher.announce(
            [StoredEvent(other, PRESENCE_SEQ, encode_agents(found)) for other, found in elsewhere.items()]
        )

    def _take(self, agent: LocalAgent, verdict: Verdict, *, is_here: bool) -> None:
        if verdict.is_news:
            at = datetime.fromtimestamp(verdict.at / 1000, UTC)
            self._table.tell(PresenceRow(agent.id, verdict.state, at))
        if not is_here:
            if not agent.is_here and self._agents.get(agent.id) is agent:
                del self._agents[agent.id]
            return
        before = agent.standing
        must_close = agent.take(verdict, self._node.now())
        alarm = agent.alarm()
        if alarm is not None:
            self._node.wheel.plan(alarm, alarm.at)
        for connection in self._node.sessions.of(agent.id):
            if agent.standing != before:
                for key, live in connection.streams.items():
                    if key.startswith(_CHANNEL):
                        self._rooms.tell(live.id, agent.name, agent.standing)
            if must_close and connection.sleeps_when_idle:
                text = "idle: sleep until you are woken, or until your own schedule"
                connection.apply(connection.session.end(CloseCode.IDLE, text))

    async def _configure(self, agents: list[LocalAgent]) -> None:
        """Learn what the agents chose about idling. What is not to be had stays as it was."""
        here = [agent.id for agent in agents if agent.is_here]
        if not here:
            return
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_STORE_PATIENCE_S), self._node.database.connection() as database:
                chosen = await presence.idle_choices(database, here)
            for agent in agents:
                agent.configure(chosen.get(agent.id, IdleChoice()))
