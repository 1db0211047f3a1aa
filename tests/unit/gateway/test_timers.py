"""The timer wheel, turned by hand under a clock that is moved."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
import pytest_asyncio

from gateway.timers import TimerWheel

START = 1_000_000.0
TICK = 0.25


class Clock:
    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now


class Sleeper:
    """Wants to be asked every `every` seconds, or once."""

    def __init__(self, every: float | None = None) -> None:
        self.every = every
        self.asked: list[float] = []

    def on_time(self, now: float) -> float | None:
        self.asked.append(now)
        return None if self.every is None else now + self.every


class Hands:
    """A wheel and the clock that it looks at."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.wheel = TimerWheel()
        self.wheel.start()

    def move(self, seconds: float) -> None:
        """Move the clock in one step, and turn once."""
        self.clock.now += seconds
        self._turn()

    def run(self, seconds: float) -> None:
        """Turn as the loop would: once a tick."""
        for _ in range(int(seconds / TICK)):
            self.move(TICK)

    def _turn(self) -> None:
        # The loop would call it in a quarter of a second: nobody waits for that here.
        assert self.wheel._handle is not None
        self.wheel._handle.cancel()
        self.wheel._turn()


@pytest_asyncio.fixture
async def hands(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hands]:
    clock = Clock()
    monkeypatch.setattr("gateway.timers.time", SimpleNamespace(time=clock.time))
    hands = Hands(clock)
    yield hands
    hands.wheel.stop()


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.25, 1.0, 29.9])
async def test_nobody_is_asked_early_nor_later_than_two_ticks(hands: Hands, wait: float) -> None:
    sleeper = Sleeper()
    hands.wheel.plan(sleeper, START + wait)
    hands.run(60)
    (asked,) = sleeper.asked
    assert START + wait <= asked <= START + wait + 2 * TICK


async def test_what_is_long_past_is_asked_at_the_next_turn(hands: Hands) -> None:
    sleeper = Sleeper()
    hands.run(10)
    hands.wheel.plan(sleeper, START - 5)
    hands.run(0.5)
    assert len(sleeper.asked) == 1


async def test_who_answers_with_a_time_is_asked_again_and_who_does_not_is_forgotten(hands: Hands) -> None:
    once, often = Sleeper(), Sleeper(every=2.0)
    hands.wheel.plan(once, START + 1)
    hands.wheel.plan(often, START + 1)
    hands.run(10)
    assert len(once.asked) == 1
    assert often.asked == [START + 1.25, START + 3.5, START + 5.75, START + 8.0]


async def test_who_wants_to_be_asked_at_once_is_asked_once_a_turn(hands: Hands) -> None:
    eager = Sleeper(every=0.0)
    hands.wheel.plan(eager, START)
    hands.run(1)
    assert len(eager.asked) <= 4


async def test_a_turn_that_comes_late_asks_all_that_were_due_meanwhile(hands: Hands) -> None:
    sleepers = [Sleeper() for _ in range(20)]
    for number, sleeper in enumerate(sleepers):
        hands.wheel.plan(sleeper, START + number)
    hands.move(10)
    assert [len(sleeper.asked) for sleeper in sleepers] == [1] * 10 + [0] * 10
    hands.run(11)
    assert [len(sleeper.asked) for sleeper in sleepers] == [1] * 20


@pytest.mark.parametrize("jump", [-3_600.0, -86_400.0 * 365])
async def test_a_clock_that_is_set_back_delays_nobody(hands: Hands, jump: float) -> None:
    sleeper = Sleeper(every=30.0)
    hands.wheel.plan(sleeper, START + 30)
    hands.run(60)
    before = len(sleeper.asked)
    hands.move(jump)
    hands.run(61)
    assert len(sleeper.asked) >= before + 2


@pytest.mark.parametrize("jump", [120.0, 86_400.0 * 365 * 56])
async def test_a_clock_that_is_set_forward_asks_everybody_at_once(hands: Hands, jump: float) -> None:
    sleepers = [Sleeper(every=30.0) for _ in range(3)]
    for number, sleeper in enumerate(sleepers):
        hands.wheel.plan(sleeper, START + 60 * number)
    hands.move(jump)
    assert [sleeper.asked for sleeper in sleepers] == [[START + jump]] * 3
    hands.run(31)
    assert [len(sleeper.asked) for sleeper in sleepers] == [2] * 3


async def test_one_that_fails_costs_the_others_nothing_and_is_asked_again_later(hands: Hands) -> None:
    class Broken(Sleeper):
        def on_time(self, now: float) -> float | None:
            super().on_time(now)
            raise RuntimeError("a fault of ours")

    before, broken, behind = Sleeper(), Broken(), Sleeper()
    for each in (before, broken, behind):
        hands.wheel.plan(each, START + 1)
    hands.run(2)
    assert [len(each.asked) for each in (before, broken, behind)] == [1, 1, 1]
    hands.run(40)
    assert len(broken.asked) == 2


async def test_a_stopped_wheel_asks_nobody(hands: Hands) -> None:
    sleeper = Sleeper()
    hands.wheel.plan(sleeper, START)
    hands.wheel.stop()
    hands.run(5)
    assert sleeper.asked == []


async def test_every_turn_plans_the_next_one(hands: Hands) -> None:
    first = hands.wheel._handle
    hands.move(TICK)
    assert first is not None
    assert first.cancelled()
    assert hands.wheel._handle is not None
    assert not hands.wheel._handle.cancelled()
