"""Whatever sessions do on two gateways, and whatever announcements are lost: in the end all see the truth."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.presence.registry import PRESENCE_SEQ
from db.repositories.streams import StoredEvent
from tests.conftest import Store, Stores
from tests.support.presence import Pair, two_gateways, until
from tests.support.watchers import Watcher

_MEMBERS = 3


@pytest_asyncio.fixture
async def pair(stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    # Who leaves is gone with the next step, and a frame of differences may follow another at once.
    for name in ("gateway.presence_rooms.GRACE_S", "gateway.presence.GRACE_S", "gateway.presence_rooms._FRAME_EVERY_S"):
        monkeypatch.setattr(name, 0.0)
    async with two_gateways(stores.redis_url, store) as pair:
        # However slow this machine is, nobody idles out in the middle of an example.
        for agent in (pair.ada, pair.bob, pair.cyd):
            await pair.configure(agent, idle_timeout_seconds=3_600)
        yield pair


class Leak:
    """Loses some of what gateways tell each other."""

    def __init__(self, hear: Callable[[StoredEvent], None]) -> None:
        self._hear = hear
        self.plan = itertools.cycle([True])

    def take(self, event: StoredEvent) -> None:
        if event.seq != PRESENCE_SEQ or next(self.plan):
            self._hear(event)


class Play:
    """Three agents with a session each, now here, now there, and an observer on either gateway."""

    def __init__(self, pair: Pair, observers: list[Watcher]) -> None:
        self._pair = pair
        self._observers = observers
        self._agents = (pair.ada, pair.bob, pair.cyd)
        self._sessions: dict[int, Watcher] = {}
        self._chosen: dict[int, str] = {}

    async def act(self, who: int, act: str, side: int) -> None:
        session = self._sessions.get(who)
        match act:
            case "come" if session is None:
                self._sessions[who] = await self._pair.follower(self._pair.gateways[side], self._agents[who])
            case "move" if session is not None:
                self._sessions[who] = await self._pair.follower(self._pair.gateways[side], self._agents[who])
                session.cut()
            case "go" if session is not None:
                session.cut()
                del self._sessions[who]
                await self._until_gone(who)
            case "dnd" | "online" if session is not None:
                session.send(op="presence", status=act)
                self._chosen[who] = act
            case "wait":
                await asyncio.sleep(0.3)

    async def assert_all_see_the_truth(self) -> None:
        names = [self._pair.town.names[agent] for agent in self._agents]
        truth = {names[who]: self._chosen.get(who, "online") for who in self._sessions}
        for gateway in self._pair.gateways:
            gateway.node.presence._rooms.verify_all()
        for watcher in (*self._observers, *self._sessions.values()):
            await watcher.sees(self._pair.room, **truth)
        for gateway in self._pair.gateways:
            fresh = await self._pair.follower(gateway, None)
            assert fresh.company(self._pair.room).states == truth
            fresh.cut()

    async def end(self) -> None:
        for watcher in (*self._sessions.values(), *self._observers):
            watcher.cut()
        for who in self._sessions:
            await self._until_gone(who)

    async def _until_gone(self, who: int) -> None:
        """Return when its last session has ended for everybody, and with it what it chose."""

        async def is_gone() -> bool:
            return not any(self._agents[who] in gateway.node.presence._agents for gateway in self._pair.gateways)

        await until(is_gone)
        self._chosen.pop(who, None)


ACTS = st.lists(
    st.tuples(
        st.integers(0, _MEMBERS - 1),
        st.sampled_from(["come", "come", "move", "go", "dnd", "online", "wait"]),
        st.integers(0, 1),
    ),
    min_size=3,
    max_size=12,
)
LEAKS = st.lists(st.booleans(), min_size=1, max_size=5)


@given(acts=ACTS, leaks=st.tuples(LEAKS, LEAKS))
# Each example takes a second or two, so a failing one is shown as it is: shrinking it would outlast any time limit.
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_all_see_the_same_in_the_end(
    pair: Pair, acts: list[tuple[int, str, int]], leaks: tuple[list[bool], list[bool]]
) -> None:
    observers = [await pair.follower(gateway, None) for gateway in pair.gateways]
    leaky = [Leak(gateway.node.hear) for gateway in pair.gateways]
    for gateway, leak, plan in zip(pair.gateways, leaky, leaks, strict=True):
        leak.plan = itertools.cycle(plan)
        gateway.node.subscriber._on_event = leak.take
    play = Play(pair, observers)
    for act in acts:
        await play.act(*act)
    for gateway in pair.gateways:
        gateway.node.subscriber._on_event = gateway.node.hear
    await play.assert_all_see_the_truth()
    await play.end()
