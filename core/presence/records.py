"""The records of agents in Redis, from which their states follow: see `agent.lua`."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Final
from uuid import UUID

from msgspec import Struct

from core.presence.batch import run_together
from core.presence.peers import Peers
from core.presence.roster import State
from core.redis_client import RedisClient


class Question(Struct, frozen=True):
    """What a process says of an agent when it asks how that stands.

    `is_here`: whether the process has sessions of it. `is_fresh`: one has begun since it asked last. `choice`: what the
    agent has just chosen by hand, `online` to choose nothing. `timeout_s` is None where it is not known anew.
    """

    agent: UUID
    is_here: bool = False
    is_fresh: bool = False
    choice: str | None = None
    timeout_s: int | None = None


class Verdict(Struct, frozen=True):
    """How an agent stands. `at` is since when (milliseconds, by Redis); `is_news` for the one who made it so.

    `due_s` is when it may change by itself; `others` are the other gateways with sessions.
    """

    state: State
    at: int
    is_news: bool
    due_s: float | None
    choice: str | None
    others: list[UUID]


class AgentRecords:
    """All agents' records. All calls raise OutOfContactError."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        # Sent whole each time: in a batch nobody could answer that the server does not know a script yet.
        self._judge, self._act = (
            (resources.files("core.presence") / file).read_text(encoding="utf-8") for file in ("agent.lua", "act.lua")
        )

    async def judge(self, gateway: UUID | None, peers: Peers, questions: Sequence[Question]) -> list[Verdict]:
        """Decide the agents' states; the answers in order. `gateway` is who asks, None for who has no sessions."""
        mine = b"" if gateway is None else gateway.bytes
        known: list[bytes | int] = [len(peers.alive), *(each.bytes for each in (*peers.alive, *peers.lost))]
        answers = await run_together(
            self._redis,
            [
                (
                    *("EVAL", self._judge, 1, _key(each.agent), mine, _flag(each.is_here), _flag(each.is_fresh)),
                    "" if each.timeout_s is None else each.timeout_s * 1000,
                    each.choice or "",
                    *known,
                )
                for each in questions
            ],
        )
        return [
            Verdict(
                state=_STATES[state],
                at=at,
                is_news=bool(changed),
                due_s=None if due_ms < 0 else due_ms / 1000,
                choice=choice.decode() or None,
                others=[UUID(bytes=each) for each in others],
            )
            for changed, state, at, due_ms, choice, *others in answers
        ]

    async def note_acts(self, ages_s: Mapping[UUID, float]) -> dict[UUID, list[UUID]]:
        """Note that agents acted so long ago; by gateway, those that it should judge again."""
        agents = list(ages_s)
        answers = await run_together(
            self._redis, [("EVAL", self._act, 1, _key(each), int(ages_s[each] * 1000)) for each in agents]
        )
        found: dict[UUID, list[UUID]] = {}
        for agent, gateways in zip(agents, answers, strict=True):
            for gateway in gateways:
                found.setdefault(UUID(bytes=gateway), []).append(agent)
        return found

    async def connected(self, alive: Iterable[UUID], agents: Sequence[UUID]) -> set[UUID]:
        """Those of the agents of which a living gateway has a session."""
        fields = {b"@" + gateway.bytes for gateway in alive}
        answers = await run_together(self._redis, [("HKEYS", _key(each)) for each in agents])
        return {agent for agent, found in zip(agents, answers, strict=True) if not fields.isdisjoint(found)}


_STATES: Final[dict[bytes, State]] = {b"online": "online", b"idle": "idle", b"dnd": "dnd", b"offline": "offline"}


def _key(agent: UUID) -> str:
    return f"molt:presence:agent:{agent.hex}"


def _flag(value: bool) -> str:
    return "1" if value else "0"
