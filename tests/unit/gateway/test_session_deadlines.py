"""What a session does because time has passed."""

import pytest

from gateway.effects import Effect, PingPeer
from gateway.session import Session, State
from tests.unit.gateway.driver import (
    START,
    assert_closing,
    assert_open,
    assert_replied,
    authenticating,
    claims,
    frames_of,
    new_session,
    opened,
    opening,
)

FAR = START + 1e6


def tick(session: Session, seconds: float, jitter: float = 0.0) -> list[Effect]:
    effects, again = session.tick(START + seconds, jitter)
    assert again >= START + seconds
    return effects


def walk(session: Session, until: float, *, heard_every: float | None = None) -> list[tuple[float, Effect]]:
    """What happens where the session is asked only when it wants to be, and at once."""
    happened: list[tuple[float, Effect]] = []
    now = START
    ended = False
    while now <= START + until and not ended:
        if heard_every is not None:
            session.heard(START + (now - START) // heard_every * heard_every)
        effects, now_again = session.tick(now, 0.0)
        happened += [(now - START, effect) for effect in effects]
        ended = session.state is State.CLOSED
        assert now_again > now or ended
        now = now_again
    return happened


def test_without_a_token_within_ten_seconds_the_socket_is_closed_with_4001() -> None:
    session = new_session()
    assert tick(session, 9.9) == []
    effects = tick(session, 10)
    assert_replied(effects, "error", code="unauthorized")
    assert_closing(effects, 4001)
    assert tick(session, 11) == []


def test_where_checking_the_token_takes_too_long_the_client_may_come_back() -> None:
    session = new_session()
    session.receive('{"op":"auth","token":"t"}', START + 9)
    assert tick(session, 18.9) == []
    effects = tick(session, 19)
    assert_replied(effects, "error", code="unavailable")
    assert_closing(effects, 4100)


def test_an_answer_that_comes_after_the_deadline_opens_nothing() -> None:
    session = authenticating()
    assert_closing(tick(session, 10), 4100)
    assert session.admit(claims(), opening(), START + 11) == []
    assert session.state is State.CLOSED


def test_a_session_that_opens_meanwhile_is_asked_before_its_own_deadlines_are_long_past() -> None:
    session = authenticating()
    _, again = session.tick(START, 0.0)
    assert again <= START + 1
    session.admit(claims(expires_at=START + 5), opening(), START)
    assert [at for at, effect in walk(session, 20) if effect != PingPeer()][-1] == 5


def test_silence_is_answered_by_one_ping_and_then_by_4201() -> None:
    session = opened()
    assert tick(session, 29.9) == []
    assert tick(session, 30) == [PingPeer()]
    assert tick(session, 31) == []
    assert tick(session, 59.9) == []
    effects = tick(session, 60)
    assert frames_of(effects) == []
    assert_closing(effects, 4201)


def test_any_frame_counts_as_life() -> None:
    session = opened()
    assert tick(session, 30) == [PingPeer()]
    session.heard(START + 31)
    assert tick(session, 60.9) == []
    assert tick(session, 61) == [PingPeer()]
    session.heard(START + 90)
    assert tick(session, 119) == []


def test_a_token_that_ends_soon_is_announced_once_a_minute_before() -> None:
    session = opened(expires_at=START + 100)
    session.heard(FAR)
    assert tick(session, 39.9) == []
    assert_replied(tick(session, 40), "token_expiring", in_s=60)
    assert tick(session, 41) == []
    assert tick(session, 99.9) == []


def test_a_token_that_was_short_from_the_start_is_announced_with_what_is_left() -> None:
    session = opened(expires_at=START + 20)
    assert_replied(tick(session, 1.5), "token_expiring", in_s=18)


def test_a_renewed_token_is_announced_anew() -> None:
    session = opened(expires_at=START + 100)
    session.heard(FAR)
    assert_replied(tick(session, 40), "token_expiring")
    session.renew(claims(expires_at=START + 200), None)
    assert tick(session, 100) == []
    assert_replied(tick(session, 140), "token_expiring")


def test_at_its_expiry_the_token_closes_the_session_with_4200() -> None:
    session = opened(expires_at=START + 100)
    session.heard(FAR)
    assert_open(tick(session, 99.9))
    effects = tick(session, 100)
    assert_replied(effects, "error", code="token_expired")
    assert_closing(effects, 4200)


@pytest.mark.parametrize(("jitter", "after_ms"), [(0.0, 0), (0.5, 2_500), (0.999, 4_995)])
def test_the_longest_session_ends_with_reconnect_and_4103(jitter: float, after_ms: int) -> None:
    session = opened(expires_at=FAR)
    session.heard(FAR)
    assert tick(session, 14_399.9) == []
    effects = tick(session, 14_400, jitter)
    assert_replied(effects, "reconnect", reason="session_limit", after_ms=after_ms)
    assert_closing(session.finish(), 4103)


def test_what_takes_too_long_to_finish_holds_no_session_open() -> None:
    session = opened(expires_at=FAR)
    session.heard(FAR)
    tick(session, 14_400)
    assert tick(session, 14_404.9) == []
    assert_closing(tick(session, 14_405), 4103)
    drained = opened()
    drained.drain(0, START + 100)
    assert tick(drained, 104.9) == []
    assert_closing(tick(drained, 105), 4100)


def test_the_session_limit_is_told_before_the_token_expires_in_the_same_moment() -> None:
    session = opened(expires_at=START + 14_400)
    session.heard(FAR)
    assert_replied(tick(session, 14_400), "reconnect", reason="session_limit")
    assert_closing(session.finish(), 4103)


def test_asked_only_when_it_wants_to_be_a_silent_session_misses_no_deadline() -> None:
    happened = walk(opened(expires_at=START + 80), 1_000)
    assert [at for at, _ in happened] == [20, 30, 60]
    assert_closing([effect for _, effect in happened], 4201)


def test_asked_only_when_it_wants_to_be_a_lively_session_ends_on_time() -> None:
    happened = walk(opened(expires_at=START + 900), 20_000, heard_every=10)
    assert [at for at, _ in happened] == [840, 900, 900]
    assert_closing([effect for _, effect in happened], 4200)
    happened = walk(opened(expires_at=FAR), 20_000, heard_every=7)
    assert [at for at, _ in happened] == [14_400, 14_405]
    assert_closing([effect for _, effect in happened], 4103)
