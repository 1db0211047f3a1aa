"""Sending sockets away: in slices, each with a wait of its own, and at last by force."""

import asyncio

import pytest

from gateway.drain import Plan, send_away


@pytest.mark.parametrize(("count", "seconds"), [(1, 10.0), (200, 10.0), (5_000, 10.0), (10_000, 10.0), (10_000, 2.0)])
def test_whoever_is_sent_away_comes_back_within_the_drain(count: int, seconds: float) -> None:
    plan = Plan.of(count, seconds)
    assert 0 < plan.telling_s + plan.waiting_s <= seconds
    assert plan.waiting_s <= 2.5
    waits = [plan.after_ms() for _ in range(1_000)]
    assert min(waits) >= 0
    assert max(waits) <= plan.waiting_s * 1_000


def test_a_few_are_sent_away_at_once_and_many_take_the_whole_time() -> None:
    assert Plan.of(4, 10.0).telling_s < 0.1
    assert Plan.of(10_000, 10.0) == Plan(7.5, 2.5)


def test_the_waits_differ() -> None:
    plan = Plan.of(10_000, 10.0)
    waits = sorted(plan.after_ms() for _ in range(1_000))
    assert waits[100] < 500
    assert waits[-100] > 2_000


def test_they_are_told_evenly() -> None:
    plan = Plan(7.5, 2.5)
    assert [plan.told_by(elapsed, 10_000) for elapsed in (0.0, 0.75, 3.75, 7.5, 9.0)] == [
        0, 1_000, 5_000, 10_000, 10_000,
    ]  # fmt: skip
    assert Plan(0.0, 0.0).told_by(0.0, 3) == 3


class Crowd:
    """Those who are to go. Each goes as its kind does: `at_once`, when told to `finish`, or only when `cut`."""

    def __init__(self, *kinds: str) -> None:
        self.gone = asyncio.Event()
        self.guests = {Guest(self, kind) for kind in kinds}

    def forget(self, guest: "Guest") -> None:
        self.guests.discard(guest)
        if not self.guests:
            self.gone.set()


class Guest:
    def __init__(self, crowd: Crowd, kind: str) -> None:
        self.kind = kind
        self.told_at: float | None = None
        self._crowd = crowd

    def leave(self, after_ms: int) -> None:
        assert after_ms >= 0
        assert self.told_at is None, "told twice"
        self.told_at = asyncio.get_running_loop().time()
        self._go_if(self.kind == "at_once")

    def finish(self) -> None:
        self._go_if(self.kind == "finish")

    def cut(self) -> None:
        self._go_if(True)

    def _go_if(self, goes: bool) -> None:
        if goes:
            asyncio.get_running_loop().call_soon(self._crowd.forget, self)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for deadline in ("_FINISHING_S", "_CLOSING_S"):
        monkeypatch.setattr(f"gateway.drain.{deadline}", 0.05)


async def _drain(crowd: Crowd, seconds: float) -> list[Guest]:
    everybody = list(crowd.guests)
    async with asyncio.timeout(30):
        await send_away(crowd.guests, crowd.gone, seconds)
        await crowd.gone.wait()
    return everybody


async def test_many_are_told_in_several_slices_and_each_once() -> None:
    everybody = await _drain(Crowd(*["at_once"] * 400), 1.0)
    slices = {guest.told_at for guest in everybody}
    assert None not in slices
    assert len(slices) > 2


@pytest.mark.parametrize("kinds", [("finish",), ("cut",), ("at_once", "finish", "cut")])
async def test_who_does_not_go_by_itself_is_made_to(kinds: tuple[str, ...]) -> None:
    await _drain(Crowd(*kinds), 0.1)


async def test_one_that_does_not_go_is_not_waited_for_by_those_behind_it() -> None:
    everybody = await _drain(Crowd("cut", *["at_once"] * 20), 0.2)
    assert all(guest.told_at is not None for guest in everybody)
