"""What the session does with streams: asking, positions, repetitions, losses."""

import json

import pytest

from claw.errors import (
    NotFoundError,
)
from claw.events import MessageEvent, Position, StreamReset, SubscriptionLost, UnknownEvent
from claw.session import InboxStart, State
from claw.wire.frames import Subscribed
from tests.unit.claw.driver import (
    HELLO,
    delivered,
    live,
    message,
    new_session,
    opened,
    reopened,
    sent,
    settled,
    subscribed,
)


def test_the_inbox_is_asked_for_from_where_the_hello_saw_it() -> None:
    session = new_session()
    session.connected(0.0)
    assert sent(session.received(HELLO, 0.0)) == [
        {"op": "subscribe", "ref": "s1", "inbox": {"after": 7, "epoch": "e1"}}
    ]


@pytest.mark.parametrize(("start", "after"), [("unacknowledged", 5), (Position(3, "e1"), 3)])
def test_the_inbox_may_begin_elsewhere(start: InboxStart | Position, after: int) -> None:
    session = new_session(inbox=start)
    session.connected(0.0)
    assert sent(session.received(HELLO, 0.0))[0]["inbox"]["after"] == after


def test_a_hundred_streams_fit_a_request_and_more_take_several() -> None:
    session = opened()
    requests = sent(session.subscribe([(f"ch_{n}", None) for n in range(250)], 0.0))
    assert [len(request["channels"]) for request in requests] == [100, 100, 50]


def test_an_event_is_delivered_once_and_its_repetition_skipped() -> None:
    session = live(opened(), seq=4)
    (event,) = delivered(session.received(message(5), 0.0))
    assert isinstance(event, MessageEvent)
    assert (event.channel, event.seq, event.author.username, event.content) == ("ch_a", 5, "brin", "no 5")
    assert session.received(message(5), 0.0) == []
    assert session.received(message(4), 0.0) == []
    assert session.position("ch_a") == Position(5, "e1")


def test_the_agents_own_messages_are_marked() -> None:
    session = live(opened())
    own, other = [*delivered(session.received(message(1, "ada"), 0.0)), *delivered(session.received(message(2), 0.0))]
    assert (own.own, other.own) == (True, False)


def test_after_a_reconnect_each_stream_goes_on_behind_its_last_event() -> None:
    session = live(opened(), seq=4)
    session.received(message(5), 0.0)
    session.received(b'{"op":"notice","seq":8,"kind":"hint"}', 0.0)
    (request,) = sent(reopened(session))
    assert request["channels"] == [{"id": "ch_a", "after": 5, "epoch": "e1"}]
    assert request["inbox"] == {"after": 8, "epoch": "e1"}


def test_an_inbox_event_counts_on_the_inbox_and_not_on_the_channel_that_it_names() -> None:
    session = live(opened(), seq=4)
    accepted = b'{"op":"friend_accepted","seq":90,"friend":"brin","channel":"ch_a"}'
    assert len(delivered(session.received(accepted, 0.0))) == 1
    assert session.position("ch_a") == Position(4, "e1")
    assert session.position("inbox") == Position(90, "e1")


def test_a_reset_is_an_event_and_moves_the_position() -> None:
    session = live(opened(), seq=40)
    reopened(session)
    effects = subscribed(session, seq=2, recovered="reset", epoch="e2")
    assert delivered(effects) == [StreamReset("ch_a", Position(40, "e1"), Position(2, "e2"))]
    assert [event.seq for event in delivered(session.received(message(3), 0.0))] == [3]


def test_the_feed_is_a_stream_like_others() -> None:
    session = opened()
    session.subscribe([("feed", None)], 0.0)
    feed = {"op": "subscribed", "feed": True, "seq": 4, "epoch": "e1", "recovered": "nothing_missed", "replayed": 0}
    (outcome,) = settled(session.received(json.dumps(feed), 0.0))
    assert isinstance(outcome, Subscribed)
    news = b'{"op":"feed","seq":5,"kind":"agent","at":"t","agent":"ada"}'
    assert len(delivered(session.received(news, 0.0))) == 1
    assert session.received(news, 0.0) == []
    assert session.position("feed") == Position(5, "e1")
    assert session.position("inbox") == Position(7, "e1")


def test_another_position_of_a_followed_stream_is_refused() -> None:
    session = live(opened(), seq=4)
    with pytest.raises(ValueError, match="subscribed already"):
        session.subscribe([("ch_b", None), ("ch_a", Position(1))], 0.0)
    assert session.position("ch_b") is None
    (outcome,) = settled(session.subscribe([("ch_a", None)], 0.0))
    assert isinstance(outcome, Subscribed)


def test_frames_under_way_of_a_stream_that_is_being_left_are_dropped() -> None:
    session = live(opened(), seq=4)
    assert sent(session.unsubscribe("ch_a")) == [{"op": "unsubscribe", "channels": ["ch_a"]}]
    assert session.subscribe([("ch_a", Position(0, "e1"))], 0.0) == []
    assert session.received(message(5), 0.0) == []
    effects = session.received(b'{"op":"unsubscribed","channel":"ch_a","reason":"asked"}', 0.0)
    assert sent(effects)[0]["channels"] == [{"id": "ch_a", "after": 0, "epoch": "e1"}]
    assert [event.seq for event in delivered(session.received(message(1), 0.0))] == [1]


@pytest.mark.parametrize("reason", ["left", "banned", "deleted"])
def test_a_stream_taken_away_is_an_event_and_not_asked_for_again(reason: str) -> None:
    session = live(opened())
    effects = session.received(f'{{"op":"unsubscribed","channel":"ch_a","reason":"{reason}"}}', 0.0)
    assert delivered(effects) == [SubscriptionLost("ch_a", reason)]
    assert "channels" not in sent(reopened(session))[0]


def test_a_refused_subscription_fails_whoever_asked() -> None:
    session = opened()
    (request,) = sent(session.subscribe([("ch_a", None), ("ch_b", None)], 0.0))
    no = {"op": "error", "code": "not_found", "message": "no", "ref": request["ref"], "channel": "ch_a"}
    (outcome,) = settled(session.received(json.dumps(no), 0.0))
    assert isinstance(outcome, NotFoundError)
    assert sent(reopened(session))[0]["channels"] == ["ch_b"]


def test_a_subscription_refused_for_now_is_asked_for_again() -> None:
    session = opened()
    (request,) = sent(session.subscribe([("ch_a", None)], 0.0))
    slowly = {"op": "error", "code": "rate_limited", "message": "", "retry_after": 2.5, "ref": request["ref"]}
    assert session.received(json.dumps(slowly | {"channel": "ch_a"}), 10.0) == []
    assert session.deadline() == 12.5
    assert sent(session.tick(12.5))[0]["channels"] == ["ch_a"]


@pytest.mark.parametrize(
    "data",
    [b'{"op":"weather","channel":"ch_a","seq":9,"sky":"blue"}', b'{"op":"message","channel":"ch_a","seq":9}'],
)
def test_an_event_of_a_newer_server_is_passed_on_once_and_life_goes_on(data: bytes) -> None:
    session = live(opened(), seq=8)
    (event,) = delivered(session.received(data, 0.0))
    assert isinstance(event, UnknownEvent)
    assert event.data == json.loads(data)
    reopened(session)
    assert session.received(data, 1.0) == []
    assert len(delivered(session.received(message(10), 1.0))) == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"op":7}', b'{"op":"' + b"[" * 5_000])
def test_garbage_is_passed_on_as_such_and_harms_nothing(data: bytes) -> None:
    session = live(opened())
    (event,) = delivered(session.received(data, 0.0))
    assert isinstance(event, UnknownEvent)
    assert event.op == ""
    assert session.state is State.OPEN
