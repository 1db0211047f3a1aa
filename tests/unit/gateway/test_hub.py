"""Fan-out: each event once and in order, to whoever listens at its turn, in as few writes as possible."""

from uuid import UUID

import pytest

from tests.unit.gateway.desk import ROOM, Desk, Socket, loop_pass

HALL = UUID(int=2)


async def test_each_event_reaches_every_listener_as_a_text_frame() -> None:
    desk, one, two = Desk(), Socket(), Socket()
    desk.follow(one, two)
    desk.offer(1)
    assert one.writes == []
    await loop_pass()
    assert one.writes == two.writes == [b"\x81\x02e1"]


async def test_what_is_due_in_one_loop_pass_is_one_write_of_the_same_bytes() -> None:
    desk, one, two = Desk(), Socket(), Socket()
    desk.follow(one, two)
    desk.offer(1, 2, 3)
    await loop_pass()
    assert one.writes == [b"\x81\x02e1\x81\x02e2\x81\x02e3"]
    assert one.writes[0] is two.writes[0]
    desk.offer(4)
    await loop_pass()
    assert one.writes[1:] == [b"\x81\x02e4"]
    assert (desk.hub.writes, desk.hub.deliveries) == (4, 8)


async def test_streams_do_not_mix() -> None:
    desk, one, two = Desk(), Socket(), Socket()
    desk.follow(one)
    desk.follow(two, stream=HALL, head=7)
    desk.offer(1)
    desk.offer(8, stream=HALL)
    desk.offer(5, stream=UUID(int=3))
    await loop_pass()
    assert (one.payloads, two.payloads) == (["e1"], ["e8"])


async def test_an_event_that_comes_again_is_dropped() -> None:
    desk, socket = Desk(), Socket()
    desk.follow(socket, head=3)
    desk.offer(4, 4, 3, 1, 5, 4)
    await loop_pass()
    desk.offer(5)
    await loop_pass()
    assert socket.payloads == ["e4", "e5"]
    assert desk.gaps == []


async def test_an_event_ahead_of_its_turn_is_held_and_the_gap_reported() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    desk.offer(1, 3)
    await loop_pass()
    assert socket.payloads == ["e1"]
    assert desk.gaps == [live]
    assert (live.head, bool(live.held)) == (1, True)


async def test_held_events_follow_in_order_once_the_missing_one_is_there() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    desk.offer(4, 2, 3, 1)
    await loop_pass()
    assert socket.payloads == ["e1", "e2", "e3", "e4"]
    assert len(socket.writes) == 1
    assert (live.head, bool(live.held)) == (4, False)


async def test_a_second_gap_behind_the_first_is_reported_when_the_first_is_closed() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    desk.offer(2, 5)
    desk.gaps.clear()
    desk.offer(1)
    await loop_pass()
    assert socket.payloads == ["e1", "e2"]
    assert desk.gaps == [live]
    desk.offer(3, 4)
    await loop_pass()
    assert socket.payloads == ["e1", "e2", "e3", "e4", "e5"]


async def test_until_the_head_is_known_events_are_kept_and_no_gap_is_reported() -> None:
    desk, socket = Desk(), Socket()
    live = desk.hub.open(ROOM)
    desk.offer(6, 5, 4)
    assert desk.gaps == []
    assert desk.hub.followed() == []
    desk.hub.attach(live, socket)
    desk.hub.set_head(live, 4)
    await loop_pass()
    assert socket.payloads == ["e5", "e6"]
    assert desk.hub.followed() == [live]
    assert live.held == {}


async def test_going_on_after_pruned_events_skips_them() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    desk.offer(3, 8)
    desk.hub.set_head(live, 7)
    await loop_pass()
    assert socket.payloads == ["e8"]
    assert live.held == {}


async def test_what_is_held_is_bounded() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    desk.offer(*range(2, 2_000))
    assert len(live.held) == 1_000
    desk.offer(*range(1, 2_000))
    await loop_pass()
    assert socket.payloads == [f"e{seq}" for seq in range(1, 2_000)]


async def test_what_has_no_number_is_passed_on_behind_the_events_of_its_pass() -> None:
    desk, socket = Desk(), Socket()
    desk.follow(socket)
    desk.offer(1, 0, 3, 0, 2)
    await loop_pass()
    assert socket.payloads == ["e1", "e2", "e3", "e0", "e0"]
    assert len(socket.writes) == 1


async def test_a_socket_that_lags_gets_events_and_nothing_that_may_be_lost() -> None:
    desk, quick, slow = Desk(), Socket(), Socket()
    slow.lagging = True
    live = desk.follow(quick, slow)
    desk.offer(0)
    await loop_pass()
    desk.offer(1, 0)
    await loop_pass()
    assert quick.payloads == ["e0", "e1", "e0"]
    assert slow.payloads == ["e1"]
    assert desk.hub.passing_dropped == 2
    assert (quick.missed, slow.missed) == ([], [live, live])


async def test_where_nobody_listens_the_head_moves_on_all_the_same() -> None:
    desk, late = Desk(), Socket()
    live = desk.hub.open(ROOM)
    desk.hub.set_head(live, 0)
    desk.offer(1, 2)
    desk.hub.attach(live, late)
    desk.offer(3)
    await loop_pass()
    assert late.payloads == ["e3"]


async def test_who_attaches_in_the_middle_gets_the_later_events_only() -> None:
    desk, early, late = Desk(), Socket(), Socket()
    live = desk.follow(early)
    desk.offer(1, 2)
    desk.hub.attach(live, late)
    desk.offer(3)
    await loop_pass()
    assert early.payloads == ["e1", "e2", "e3"]
    assert late.payloads == ["e3"]


async def test_who_detaches_gets_nothing_further_not_even_what_was_due() -> None:
    desk, gone, stays = Desk(), Socket(), Socket()
    live = desk.follow(gone, stays)
    desk.offer(1)
    await loop_pass()
    desk.offer(2)
    desk.hub.detach(live, gone)
    desk.offer(3)
    await loop_pass()
    assert gone.payloads == ["e1"]
    assert stays.payloads == ["e1", "e2", "e3"]


async def test_a_fan_out_to_very_many_goes_in_slices_and_keeps_the_order_for_all() -> None:
    desk, sockets = Desk(), [Socket() for _ in range(1_203)]
    desk.follow(*sockets)
    desk.offer(1, 2)
    written = []
    for number in range(8):
        before = desk.hub.writes
        await loop_pass()
        written.append(desk.hub.writes - before)
        if number == 1:
            desk.offer(3)
    assert written == [500, 500, 500, 500, 406, 0, 0, 0]
    assert {tuple(socket.payloads) for socket in sockets} == {("e1", "e2", "e3")}


async def test_who_detaches_during_a_sliced_fan_out_gets_nothing_further() -> None:
    desk, sockets = Desk(), [Socket() for _ in range(1_200)]
    live = desk.follow(*sockets)
    desk.offer(1)
    await loop_pass()
    reached, waiting = sockets[0], sockets[1_100]
    assert (reached.payloads, waiting.payloads) == (["e1"], [])
    desk.hub.detach(live, waiting)
    desk.hub.detach(live, reached)
    desk.offer(2)
    for _ in range(6):
        await loop_pass()
    assert (reached.payloads, waiting.payloads) == (["e1"], [])
    sockets.remove(reached)
    sockets.remove(waiting)
    assert {tuple(socket.payloads) for socket in sockets} == {("e1", "e2")}


async def test_who_attaches_during_a_sliced_fan_out_gets_the_later_events_only() -> None:
    desk, late = Desk(), Socket()
    live = desk.follow(*[Socket() for _ in range(700)])
    desk.offer(1)
    await loop_pass()
    desk.hub.attach(live, late)
    desk.offer(2)
    for _ in range(4):
        await loop_pass()
    assert late.payloads == ["e2"]


@pytest.mark.parametrize("due", [False, True])
async def test_a_stream_that_nobody_follows_is_dropped_and_reported_once(due: bool) -> None:
    desk, one, two = Desk(), Socket(), Socket()
    live = desk.follow(one, two)
    if due:
        desk.offer(1)
    desk.hub.detach(live, one)
    assert desk.idle == []
    desk.hub.detach(live, two)
    desk.hub.detach(live, two)
    assert desk.idle == [live]
    assert desk.hub.get(ROOM) is None
    await loop_pass()
    assert one.writes == two.writes == []
    assert desk.hub.open(ROOM).head is None


async def test_a_stream_that_somebody_is_joining_is_kept() -> None:
    desk, socket = Desk(), Socket()
    live = desk.follow(socket)
    assert desk.hub.open(ROOM) is live
    desk.hub.detach(live, socket)
    assert desk.hub.get(ROOM) is live
    desk.hub.close(live)
    assert desk.idle == [live]


class Broken(Socket):
    """Something of ours fails at it, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False

    def deliver(self, data: bytes) -> None:  # noqa: ARG002
        raise RuntimeError("a fault of ours")

    def cut(self) -> None:
        self.is_cut = True


async def test_a_socket_at_which_something_fails_is_cut_and_costs_the_others_nothing() -> None:
    desk, before, broken, behind = Desk(), Socket(), Broken(), Socket()
    desk.follow(before, broken, behind)
    desk.offer(1)
    await loop_pass()
    assert before.payloads == behind.payloads == ["e1"]
    assert broken.is_cut
    desk.offer(2)
    await loop_pass()
    assert before.payloads == behind.payloads == ["e1", "e2"]
