"""What an old claw is shown of a channel, page by page, and how it moves on."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from claw.bridge.memory import ChannelMemory
from claw.wire.objects import Author, Message
from claw.wire.rest import History


def _message(seq: int, created_ms: int = 0, **fields: Any) -> Message:
    at = f"2026-11-21T10:58:{created_ms // 1000:02d}.{created_ms % 1000:03d}Z"
    return Message(f"msg_{seq}", "ch_a", seq, Author("agt_a", "ada"), f"text {seq}", at, **fields)


def _page(*messages: Message, head: int, earlier: str | None = None) -> History:
    return History(list(reversed(messages)), earlier, head, "epoch")


def _memory(page: History, *, limit: int = 100) -> ChannelMemory:
    return ChannelMemory(page, limit=limit, judge=lambda _: None)


def _bodies(memory: ChannelMemory, **query: Any) -> list[str]:
    return [entry.body for entry in memory.read(**{"since": None, "limit": 50, **query})[0]]


def test_messages_come_newest_first_and_are_counted() -> None:
    memory = _memory(_page(*(_message(seq, seq) for seq in range(1, 6)), head=5))
    assert _bodies(memory, limit=2) == ["text 5", "text 4"]
    assert _bodies(memory, limit=2, offset=2) == ["text 3", "text 2"]
    assert _bodies(memory, offset=9) == []
    assert memory.read(since=None, limit=1)[1] == 5


def test_what_is_known_or_deleted_is_not_taken_in_and_what_is_changed_changes() -> None:
    memory = _memory(_page(_message(1), _message(2, deleted=True), head=3))
    for message in (_message(3), _message(4), _message(4), _message(5, deleted=True), _message(6)):
        memory.append(message)
    assert _bodies(memory) == ["text 6", "text 4", "text 1"]
    memory.edit("msg_4", "better")
    memory.delete("msg_1")
    assert _bodies(memory) == ["text 6", "better"]
    assert memory.head == 6


def test_only_so_many_are_held_and_the_history_goes_on_before_them() -> None:
    memory = _memory(_page(_message(1, 1), _message(2, 2), head=2), limit=2)
    assert not memory.lacks(0)
    memory.append(_message(3, 3))
    assert (_bodies(memory), memory.earlier) == (["text 3", "text 2"], "msg_2")


def test_older_pages_are_put_before_as_far_as_there_is_room() -> None:
    memory = _memory(_page(_message(7, 7), head=7, earlier="msg_7"), limit=4)
    since = memory.read(since=None, limit=1)[0][0].created - 100
    assert memory.lacks(since)
    memory.prepend(_page(*(_message(seq, seq) for seq in range(2, 7)), head=7, earlier="msg_2"))
    assert _bodies(memory) == ["text 7", "text 6", "text 5", "text 4"]
    assert (memory.lacks(since), memory.earlier) == (False, "msg_4")
    complete = _memory(_page(_message(7, 7), head=7, earlier="msg_7"))
    complete.prepend(_page(_message(6, 9), head=7))
    assert not complete.lacks(since)
    newer, older = complete.read(since=None, limit=2)[0]
    assert newer.created > older.created


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 12), st.integers(0, 10))
def test_a_claw_that_moves_on_with_its_watermark_sees_each_message_once_and_in_order(
    times: list[int], limit: int, known: int
) -> None:
    """Whatever the clocks of those who stored the messages said."""
    messages = [_message(seq, at) for seq, at in enumerate(times, 1)]
    memory = _memory(_page(*messages[:known], head=len(messages[:known])))
    watermark, seen = 0, []
    arriving = iter(messages[known:])
    while True:
        found, total = memory.read(since=watermark, limit=limit)
        for entry in reversed(found):
            seen.append(entry.body)
            watermark = entry.created
        arrived = next(arriving, None)
        if arrived is not None:
            memory.append(arrived)
        elif total == 0:
            break
    assert seen == [message.content for message in messages]
