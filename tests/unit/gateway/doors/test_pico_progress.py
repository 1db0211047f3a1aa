"""Which of the two ways tells a message, and what is kept of it."""

from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from db.repositories.door_positions import DoorPositionRow
from gateway.doors.pico.outbound import Told
from gateway.doors.pico.progress import Progress

_ROOM = UUID("0190a5d0-0000-7000-8000-00000000000c")
_CHANNEL = encode_id(Prefix.CHANNEL, _ROOM)


def _progress() -> Progress:
    return Progress(lambda: None)


def _in_channel(place: int) -> Told:
    return Told(stream=_CHANNEL, seq=place, frame=b"x", message=f"msg-{place}", channel=_CHANNEL, place=place)


def _in_inbox(seq: int, place: int) -> Told:
    return Told(stream="inbox", seq=seq, frame=b"x", message=f"msg-{place}", channel=_CHANNEL, place=place)


def test_a_channel_that_is_not_followed_is_told_by_the_inbox() -> None:
    progress = _progress()
    assert progress.wants(_in_inbox(1, place=5))


def test_a_channel_that_is_followed_is_told_by_itself_from_then_on() -> None:
    progress = _progress()
    progress.begin(_CHANNEL, 5)
    assert progress.wants(_in_inbox(1, place=5)), "it was said before the channel was followed"
    assert not progress.wants(_in_inbox(2, place=6))
    assert progress.wants(_in_channel(6))


def test_what_the_inbox_told_just_before_the_channel_was_followed_is_not_told_again() -> None:
    progress = _progress()
    assert progress.wants(_in_inbox(1, place=7))
    progress.begin(_CHANNEL, 5)
    assert progress.wants(_in_channel(6))
    assert not progress.wants(_in_channel(7))


def test_what_was_kept_goes_on_where_it_was() -> None:
    progress = _progress()
    progress.restore([DoorPositionRow(_ROOM, 5, 9)])
    assert progress.left_off() == [_CHANNEL]
    assert (progress.resume(_CHANNEL), progress.resume(_CHANNEL)) == (9, None)
    assert not progress.wants(_in_inbox(2, place=6))
    progress.begin(_CHANNEL, 12)
    assert progress.since(_CHANNEL, 12) == 5
    assert progress.take_changes(is_written=True) == {_CHANNEL: 12}


def test_changes_are_taken_once_and_the_last_one_counts() -> None:
    told = []
    progress = Progress(lambda: told.append(1))
    progress.begin(_CHANNEL, 1)
    progress.move(_CHANNEL, 3)
    progress.move("inbox", 2)
    assert told == [1, 1, 1]
    assert progress.take_changes(is_written=True) == {_CHANNEL: 3, "inbox": 2}
    assert progress.take_changes(is_written=True) == {}


def test_what_was_not_written_is_not_told_but_the_channel_is_followed() -> None:
    told = []
    progress = Progress(lambda: told.append(1))
    progress.begin(_CHANNEL, 1)
    progress.move(_CHANNEL, 3)
    del told[:]
    assert progress.take_changes(is_written=False) == {_CHANNEL: 1}
    assert told == [1], "there is more to take later"
    assert progress.take_changes(is_written=True) == {_CHANNEL: 3}
    progress.move(_CHANNEL, 4)
    progress.take_back()
    assert progress.take_changes(is_written=True) == {}


def test_a_channel_that_is_forgotten_is_told_by_the_inbox_again() -> None:
    progress = _progress()
    progress.begin(_CHANNEL, 1)
    progress.forget(_CHANNEL)
    assert not progress.follows(_CHANNEL)
    assert progress.take_changes(is_written=False) == {_CHANNEL: None}
    assert progress.wants(_in_inbox(1, place=2))


def test_a_channel_that_was_never_followed_is_not_forgotten() -> None:
    progress = _progress()
    progress.forget(_CHANNEL)
    assert progress.take_changes(is_written=True) == {}
