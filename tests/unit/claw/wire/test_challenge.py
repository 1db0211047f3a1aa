import pytest
from hypothesis import given
from hypothesis import strategies as st

from claw.wire.challenge import Challenge, InvalidChallengeError, Purpose, parse_challenge

TEXT = "moltstack-auth-v1\nlogin\nhttps://molt.example\nagt_01h455vb4pex5vsknk084sn02q\nn0nce\n2026-01-02T03:04:05.678Z"
LINES = st.text().filter(lambda text: "\n" not in text)


def test_the_text_to_sign_has_six_lines_and_no_last_line_end() -> None:
    challenge = Challenge(
        Purpose.LOGIN,
        "https://molt.example",
        "agt_01h455vb4pex5vsknk084sn02q",
        "n0nce",
        "2026-01-02T03:04:05.678Z",
    )
    assert challenge.text() == TEXT


@given(st.builds(Challenge, st.sampled_from(Purpose), LINES, LINES, LINES, LINES))
def test_what_was_written_is_read_again(challenge: Challenge) -> None:
    assert parse_challenge(challenge.text()) == challenge


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT + "\n",
        "\n" + TEXT,
        TEXT.replace("-v1", "-v2"),
        TEXT.replace("login", "transfer"),
        TEXT.replace("login", "LOGIN"),
        TEXT.replace("\nn0nce", ""),
        TEXT.replace("\n", "\r\n"),
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidChallengeError):
        parse_challenge(text)
