from hypothesis import given
from hypothesis import strategies as st

from claw.backoff import Backoff
from claw.wire.close import Advice

WAIT = Advice.RETRY_WITH_BACKOFF


def test_the_bound_doubles_and_stops_at_the_longest_wait() -> None:
    backoff = Backoff(first=1, longest=10, draw=lambda: 1.0)
    assert [backoff.wait(WAIT) for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_a_success_begins_anew() -> None:
    backoff = Backoff(first=1, longest=10, draw=lambda: 1.0)
    backoff.wait(WAIT)
    backoff.succeeded()
    assert backoff.wait(WAIT) == 1


@given(st.floats(min_value=0, max_value=1, exclude_max=True), st.integers(min_value=0, max_value=5_000))
def test_a_wait_lies_between_nothing_and_the_bound(drawn: float, failures: int) -> None:
    backoff = Backoff(draw=lambda: drawn)
    for _ in range(failures):
        backoff.wait(WAIT)
    assert 0 <= backoff.wait(WAIT) <= 60


def test_at_once_means_so_the_first_time_only() -> None:
    backoff = Backoff(draw=lambda: 0.5)
    assert [backoff.wait(Advice.RETRY_AT_ONCE) for _ in range(3)] == [0, 1, 2]


def test_the_servers_own_word_on_the_wait_stands_and_is_never_undercut() -> None:
    backoff = Backoff(draw=lambda: 0.5)
    assert backoff.wait(WAIT, at_least=7.5) == 7.5
    assert backoff.wait(WAIT, at_least=7.5) == 7.5
    assert backoff.wait(WAIT, at_least=0.1) == 2
