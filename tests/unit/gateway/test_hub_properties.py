"""Announcements may come twice, late or never, sockets may come and go: each event arrives once and in order."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.repositories.streams import StoredEvent
from gateway.hub import Hub, LiveStream

STREAM = UUID(int=1)
EVENTS = 12
SOCKETS = 4


class Follower:
    """A listener, the head at which it was attached and the one at which it left."""

    def __init__(self, attached_at: int) -> None:
        self.attached_at = attached_at
        self.left_at: int | None = None
        self.seqs: list[int] = []

    lagging = False

    def deliver(self, data: bytes) -> None:
        # Frames of one byte: two of header, then the number, 0 for what has none.
        assert len(data) % 3 == 0
        self.seqs += [seq for seq in data[2::3] if seq]

    def miss(self, live: LiveStream) -> None:
        raise AssertionError(f"it does not lag on {live.id}")

    def cut(self) -> None:
        raise AssertionError("nothing went wrong")


class Room:
    """A stream of a hub, and everybody who ever followed it."""

    def __init__(self) -> None:
        self.hub = Hub(on_gap=lambda _: None, on_idle=lambda _: None)
        self.live = self.hub.open(STREAM)
        self.here: dict[int, Follower] = {}
        self.everybody: list[Follower] = []

    def offer(self, seq: int) -> None:
        self.hub.offer(StoredEvent(STREAM, seq, bytes([seq])))

    def attach(self, number: int) -> None:
        if number not in self.here and self.live.head is not None:
            self.here[number] = Follower(self.live.head)
            self.everybody.append(self.here[number])
            self.hub.attach(self.live, self.here[number])

    def detach(self, number: int) -> None:
        if number in self.here:
            left = self.here.pop(number)
            self.hub.detach(self.live, left)
            left.left_at = self.live.head

    async def settle(self) -> None:
        """Read everything from the store, and let it all be written."""
        if self.live.head is None:
            self.hub.set_head(self.live, 0)
        for seq in range(1, EVENTS + 1):
            self.offer(seq)
        while self.live.due or self.live.batches:
            await asyncio.sleep(0)
        assert (self.live.head, self.live.held) == (EVENTS, {})


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, EVENTS)),
        st.tuples(st.just("offer"), st.integers(0, EVENTS)),
        st.tuples(st.just("next"), st.just(0)),
        st.tuples(st.just("attach"), st.integers(0, SOCKETS - 1)),
        st.tuples(st.sampled_from(["attach", "detach"]), st.integers(0, SOCKETS - 1)),
        st.tuples(st.just("pass"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, EVENTS), st.integers(1, 3))
@settings(max_examples=500, deadline=None)
def test_every_listener_gets_what_comes_after_it_attached_once_and_in_order(
    steps: list[tuple[str, int]], known_at: int, at_a_time: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.hub._SLICE", at_a_time)
        asyncio.run(_follow(steps, known_at))


async def _follow(steps: list[tuple[str, int]], known_at: int) -> None:
    room = Room()
    for number, (act, value) in enumerate(steps):
        if number == known_at:
            room.hub.set_head(room.live, 0)
        match act:
            case "offer":
                room.offer(value)
            case "next" if room.live.head is not None and room.live.head < EVENTS:
                room.offer(room.live.head + 1)
            case "attach":
                room.attach(value)
            case "detach":
                room.detach(value)
            case _:
                await asyncio.sleep(0)
    await room.settle()
    for follower in room.everybody:
        first = follower.attached_at + 1
        assert follower.seqs == list(range(first, first + len(follower.seqs)))
        if follower.left_at is None:
            assert len(follower.seqs) == EVENTS - follower.attached_at
        else:
            assert len(follower.seqs) <= follower.left_at - follower.attached_at
