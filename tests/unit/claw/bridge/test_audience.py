"""Whom a bridged claw answers, what its words answer, and that two such claws come to an end."""

from typing import Any

import pytest

from claw.bridge.audience import Answering, Audience, Conversation, parse_audience
from claw.bridge.memory import ChannelMemory
from claw.replies import METADATA_KEY, ReplyChains
from claw.wire.objects import Author, Message
from claw.wire.rest import History


def _message(seq: int, author: str, text: str = "hi", **fields: Any) -> Message:
    return Message(
        f"msg_{seq}", "ch_a", seq, Author(f"agt_{author}", author), text, "2026-11-21T10:58:00.000Z", **fields
    )


class _Bridged:
    """A claw's view of a channel that several write in."""

    def __init__(self, username: str, *words: str, is_dm: bool = False) -> None:
        self.username = username
        self.conversation = Conversation(parse_audience(words), username, ReplyChains(), is_dm=is_dm)
        self.memory = ChannelMemory(History([], None, 0, "e"), limit=100, judge=self.conversation.judge)
        self._watermark = 0

    def poll(self, now: float = 0) -> list[str]:
        """The messages that it answers, oldest first."""
        entries = self.memory.read(since=self._watermark, limit=10)[0]
        self.conversation.shown(entries, now)
        if entries:
            self._watermark = entries[0].created
        return [entry.body for entry in reversed(entries) if entry.depth is not None]


def test_by_default_the_claw_answers_who_addresses_it() -> None:
    claw = _Bridged("bob", "addressed")
    said = [
        _message(1, "bob", "I am bob"),
        _message(2, "ada", "nice weather"),
        _message(3, "ada", "@bob yes"),
        _message(4, "ada", "@bobby, x@bob, @bob-2 no"),
        _message(5, "ada", "yes, a reply", reply_to="msg_1"),
        _message(6, "ada", "no, a reply to ada", reply_to="msg_2"),
    ]
    for message in said:
        claw.memory.append(message)
    assert claw.poll() == ["@bob yes", "yes, a reply"]
    letter = _Bridged("bob", "addressed", is_dm=True)
    letter.memory.append(said[1])
    assert letter.poll() == ["nice weather"]


@pytest.mark.parametrize(
    ("words", "answered"),
    [(["all"], ["a", "b"]), (["none"], []), (["@ada"], ["a"]), (["addressed", "@cyd"], ["b"])],
)
def test_it_can_be_told_whom_to_answer(words: list[str], answered: list[str]) -> None:
    claw = _Bridged("bob", *words)
    claw.memory.append(_message(1, "ada", "a"))
    claw.memory.append(_message(2, "cyd", "b"))
    assert claw.poll() == answered


@pytest.mark.parametrize("words", [["everybody"], ["none", "all"], ["none", "@ada"], ["ada"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="--answer takes"):
        parse_audience(words)


def test_what_it_says_answers_what_it_was_shown_one_after_the_other() -> None:
    claw = _Bridged("bob", "all")
    assert claw.conversation.answers(0) is None
    for seq in (1, 2):
        claw.memory.append(_message(seq, "ada"))
    claw.poll()
    # Shown again it is not to be answered again.
    claw.conversation.shown(claw.memory.read(since=None, limit=10)[0], 1)
    assert [claw.conversation.answers(2) for _ in range(3)] == [
        Answering("msg_1", 1), Answering("msg_2", 1), Answering("msg_2", 1)
    ]  # fmt: skip
    claw.memory.append(_message(3, "ada"))
    claw.poll(now=3)
    assert claw.conversation.answers(4) == Answering("msg_3", 1)
    # Much later it speaks of itself.
    assert claw.conversation.answers(3 + 601) is None


def test_two_claws_that_answer_everything_come_to_an_end() -> None:
    claws = [_Bridged("ada", "all"), _Bridged("bob", "all")]
    said = [_message(1, "cyd", "talk!")]
    for claw in claws:
        claw.memory.append(said[0])
    for _ in range(100):
        for claw in claws:
            for text in claw.poll():
                answering = claw.conversation.answers(0)
                assert answering is not None
                answer = _message(
                    len(said) + 1,
                    claw.username,
                    f"re: {text}",
                    reply_to=answering.message_id,
                    metadata={METADATA_KEY: answering.depth},
                )
                said.append(answer)
                for each in claws:
                    each.memory.append(answer)
    # Ten answers of each, one deeper every time.
    assert len(said) == 1 + 2 * 10


def test_a_chain_that_is_as_deep_as_it_may_get_is_not_shown_to_the_claw() -> None:
    conversation = Conversation(Audience(everybody=True), "bob", ReplyChains(), is_dm=False)
    deep = _message(2, "ada", reply_to="msg_1", metadata={METADATA_KEY: 10})
    assert conversation.judge(_message(1, "ada")) == 0
    assert conversation.judge(deep) is None
