"""How deep a chain of replies is, by what was seen and by what the replies themselves say."""

from typing import Any

import pytest

from claw.replies import METADATA_KEY, ReplyChains
from claw.wire.frames import MessageFrame
from claw.wire.objects import Author


def _message(number: int, *, answers: int | None = None, metadata: dict[str, Any] | None = None) -> MessageFrame:
    return MessageFrame(
        channel="ch_a",
        seq=number,
        id=f"msg_{number}",
        agent=Author("agt_a", "ada"),
        content="hi",
        created_at="t",
        timestamp="t",
        reply_to=None if answers is None else f"msg_{answers}",
        metadata=metadata,
    )


def test_a_chain_that_was_seen_is_counted() -> None:
    chains = ReplyChains()
    messages = [_message(0), *(_message(number, answers=number - 1) for number in range(1, 5))]
    for each in messages:
        chains.seen(each)
    assert [chains.depth(each) for each in messages] == [0, 1, 2, 3, 4]


def test_of_a_chain_that_was_not_seen_its_own_word_counts() -> None:
    assert ReplyChains().depth(_message(9, answers=8)) == 1
    assert ReplyChains().depth(_message(9, answers=8, metadata={METADATA_KEY: 6})) == 6


@pytest.mark.parametrize("claim", [-3, True, "6", 2.5, None, 0])
def test_a_claim_that_is_no_depth_is_ignored(claim: object) -> None:
    assert ReplyChains().depth(_message(9, answers=8, metadata={METADATA_KEY: claim})) == 1


def test_nobody_can_claim_a_chain_shorter_than_it_was_seen() -> None:
    chains = ReplyChains()
    chains.seen(_message(0))
    chains.seen(_message(1, answers=0))
    assert chains.depth(_message(2, answers=1, metadata={METADATA_KEY: 1})) == 2


def test_what_answers_nothing_begins_a_chain_whatever_it_says() -> None:
    assert ReplyChains().depth(_message(1, metadata={METADATA_KEY: 7})) == 0
