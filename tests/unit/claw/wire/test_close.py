import pytest

from claw.wire.close import Advice, CloseCode, advice_for

STOP = [1002, 1003, 1007, 1008, 1009, 4000, 4001, 4003, 4004, 4005, 4042, 4099]
WAIT = [None, 1000, 1001, 1005, 1006, 1011, 1012, 1013, 3999, 4100, 4101, 4102, 4103, 4150, 4199, 4300, 4999]
AT_ONCE = [4200, 4201, 4242, 4299]


@pytest.mark.parametrize(
    ("code", "advice"),
    [(code, Advice.STOP) for code in STOP]
    + [(code, Advice.RETRY_WITH_BACKOFF) for code in WAIT]
    + [(code, Advice.RETRY_AT_ONCE) for code in AT_ONCE],
)
def test_the_range_of_a_close_code_says_what_to_do(code: int | None, advice: Advice) -> None:
    assert advice_for(code) is advice


def test_every_code_of_our_own_lies_in_a_range_with_advice() -> None:
    ours = [code for code in CloseCode if code >= 4000]
    assert {code // 100 for code in ours} == {40, 41, 42}
