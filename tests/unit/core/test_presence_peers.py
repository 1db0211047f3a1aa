"""Which gateways live: told by stamps that change, without comparing two clocks."""

from uuid import UUID

from core.presence.peers import LOST_AFTER_S, News, Peers

A, B = UUID(int=1), UUID(int=2)
NOTHING = News(set(), set())
LONG = LOST_AFTER_S + 0.1


def test_a_gateway_lives_while_its_stamp_changes() -> None:
    peers = Peers()
    assert peers.observe({A: 1_000}, 1_000, 0.0) == News({A}, set())
    for second in range(1, 20):
        assert peers.observe({A: 1_000 * second + 1}, 99_000, float(second)) == NOTHING
    assert peers.alive == {A}


def test_a_gateway_whose_stamp_stands_still_is_lost_once() -> None:
    peers = Peers()
    peers.observe({A: 1_000, B: 1_000}, 1_000, 0.0)
    assert peers.observe({A: 1_000, B: 2_000}, 2_000, LOST_AFTER_S) == NOTHING
    assert peers.observe({A: 1_000, B: 3_000}, 3_000, LONG) == News(set(), {A})
    assert peers.observe({A: 1_000, B: 4_000}, 4_000, LONG + 1) == NOTHING
    assert peers.lost == {A}


def test_a_gateway_that_was_lost_and_stamps_again_is_back() -> None:
    peers = Peers()
    peers.observe({A: 1_000}, 1_000, 0.0)
    peers.observe({A: 1_000}, 9_000, LONG)
    assert peers.observe({A: 9_500}, 9_500, LONG + 1) == News({A}, set())
    assert peers.lost == set()


def test_an_old_stamp_of_a_stranger_is_that_of_one_long_gone() -> None:
    peers = Peers()
    assert peers.observe({A: 1_000}, 60_000, 0.0) == NOTHING
    assert (peers.alive, peers.lost) == (set(), {A})
    assert peers.observe({A: 60_500}, 61_000, 1.0) == News({A}, set())


def test_nobody_is_lost_for_a_time_in_which_stamps_could_not_be_read() -> None:
    peers = Peers()
    peers.observe({A: 1_000, B: 1_000}, 1_000, 0.0)
    peers.rearm(600.0)
    assert peers.observe({A: 1_000, B: 601_000}, 601_000, 600.1) == NOTHING
    assert peers.observe({A: 1_000, B: 607_000}, 607_000, 600.1 + LONG) == News(set(), {A})


def test_an_empty_redis_makes_nobody_lost_who_stamps_anew() -> None:
    peers = Peers()
    peers.observe({A: 1_000, B: 1_000}, 1_000, 0.0)
    assert peers.observe({}, 2_000, 1.0) == NOTHING
    assert peers.observe({A: 3_000}, 3_000, 2.0) == NOTHING
    assert peers.observe({A: 8_000}, 8_000, 1.0 + LONG) == News(set(), {B})


def test_who_is_heard_from_lives_until_it_is_missed() -> None:
    peers = Peers()
    peers.meet(A, 0.0)
    assert peers.alive == {A}
    assert peers.observe({}, 1_000, LONG) == News(set(), {A})
