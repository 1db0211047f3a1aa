"""What the session does with commands that are answered."""

import json

import pytest

from claw.effects import (
    CallSettled,
)
from claw.errors import (
    ForbiddenError,
    RateLimitedError,
    RefusedError,
    TooLargeError,
    TransportError,
)
from claw.events import CommandFault
from claw.wire.commands import Ack, Ping, SendMessage
from claw.wire.frames import MessageAck
from tests.unit.claw.driver import (
    delivered,
    opened,
    reopened,
    sent,
    settled,
)


def test_a_message_is_settled_by_its_ack() -> None:
    session = opened()
    ref, effects = session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    assert sent(effects) == [{"op": "message", "ref": ref, "channel": "ch_a", "content": "hi", "nonce": "n"}]
    ack = b'{"op":"message_ack","id":"msg_a","channel":"ch_a","seq":1,"timestamp":"t","nonce":"n"}'
    (effect,) = session.received(ack, 0.0)
    assert isinstance(effect, CallSettled)
    assert isinstance(effect.outcome, MessageAck)
    assert session.received(ack, 0.0) == []


def test_unanswered_messages_are_sent_again_in_their_order() -> None:
    session = opened()
    for nonce in ("n1", "n2", "n3"):
        session.call(SendMessage(channel="ch_a", content="hi", nonce=nonce), keep=True)
    session.received(b'{"op":"message_ack","id":"m","channel":"ch_a","seq":1,"timestamp":"t","nonce":"n2"}', 0.0)
    resent = [frame["nonce"] for frame in sent(reopened(session)) if frame["op"] == "message"]
    assert resent == ["n1", "n3"]


def test_a_refused_message_raises_the_error_of_its_code() -> None:
    session = opened()
    ref, _ = session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    no = {"op": "error", "code": "banned", "message": "you are banned", "ref": ref, "channel": "ch_a", "nonce": "n"}
    (outcome,) = settled(session.received(json.dumps(no), 0.0))
    assert isinstance(outcome, ForbiddenError)
    assert outcome.code == "banned"


def test_a_limit_is_reported_at_once_but_not_while_an_earlier_sending_may_be_stored() -> None:
    session = opened()
    ref, _ = session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    slowly = json.dumps({"op": "error", "code": "rate_limited", "message": "", "retry_after": 3.0, "ref": ref})
    other, _ = session.call(Ack(seq=1), keep=True)
    (outcome,) = settled(session.received(slowly.replace(f'"{ref}"', f'"{other}"'), 0.0))
    assert isinstance(outcome, RateLimitedError)
    reopened(session)
    assert session.received(slowly, 20.0) == []
    assert session.deadline() == 23.0
    assert [frame["nonce"] for frame in sent(session.tick(23.0))] == ["n"]


def test_an_error_code_from_a_newer_server_still_answers() -> None:
    session = opened()
    ref, _ = session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    (outcome,) = settled(session.received(json.dumps({"op": "error", "code": "paywall", "ref": ref}), 0.0))
    assert type(outcome) is RefusedError
    assert outcome.code == "paywall"


def test_an_error_that_answers_nothing_is_an_event() -> None:
    (event,) = delivered(
        opened().received(b'{"op":"error","code":"rate_limited","message":"typing","channel":"ch_a"}', 0.0)
    )
    assert isinstance(event, CommandFault)
    assert event.channel == "ch_a"


def test_a_ping_does_not_outlive_its_connection() -> None:
    session = opened()
    session.call(Ping(), keep=False)
    (outcome,) = settled(session.closed(None, "", 1.0))
    assert isinstance(outcome, TransportError)
    assert session.calls_waiting == 0


def test_a_frame_above_the_limit_is_not_sent_at_all() -> None:
    session = opened()
    with pytest.raises(TooLargeError):
        session.call(SendMessage(channel="ch_a", content="x" * 70_000, nonce="n"), keep=True)
    assert session.calls_waiting == 0
