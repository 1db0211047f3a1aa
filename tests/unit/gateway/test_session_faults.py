"""What a fault costs, and how it differs from a mistake in a command."""

import json
from typing import Any

import msgspec
import pytest

from gateway.effects import Effect
from gateway.session import Session, State
from tests.unit.gateway.driver import START, assert_closing, assert_open, assert_replied, new_session, opened

UNKNOWN_OP = '{"op":"dance","ref":"r1","channel":"ch_a","nonce":"n1"}'
NO_OP = '{"ref":"r1"}'
ODD_OP = '{"op":7,"ref":"r1"}'
BINARY = "binary"
PING_WITH = '{"op":"ping","ref":%s}'
DANCE_WITH = '{"op":"dance","ref":%s}'
TYPING_WITH = '{"op":"typing","ref":%s}'


def commit(session: Session, fault: str, now: float = START) -> list[Effect]:
    return session.receive_binary(now) if fault is BINARY else session.receive(fault, now)


@pytest.mark.parametrize(
    ("fault", "code", "ref"),
    [
        (UNKNOWN_OP, "unknown_op", "r1"),
        (NO_OP, "invalid", "r1"),
        (ODD_OP, "invalid", "r1"),
        ("[]", "invalid", None),
        (BINARY, "invalid", None),
    ],
)
def test_a_fault_is_answered_on_the_open_socket(fault: str, code: str, ref: str | None) -> None:
    session = opened()
    effects = commit(session, fault)
    assert_replied(effects, "error", code=code, ref=ref)
    assert_open(effects)
    assert session.state is State.OPEN


@pytest.mark.parametrize("fault", [UNKNOWN_OP, NO_OP, ODD_OP, "{", BINARY])
def test_the_twentieth_fault_within_a_minute_closes(fault: str) -> None:
    session = opened()
    for second in range(19):
        assert_open(commit(session, fault, START + second))
    effects = commit(session, fault, START + 59)
    assert_replied(effects, "error")
    assert_closing(effects, 4004)
    assert session.state is State.CLOSED


def test_faults_of_all_kinds_count_together() -> None:
    session = opened()
    for number in range(19):
        assert_open(commit(session, (UNKNOWN_OP, NO_OP, "{", BINARY)[number % 4]))
    assert_closing(commit(session, NO_OP), 4004)


def test_faults_before_logging_in_count_as_well() -> None:
    session = new_session()
    for _ in range(19):
        assert_open(commit(session, "{"))
        assert session.state is State.NEW
    assert_closing(commit(session, "{"), 4004)


def test_after_a_minute_the_count_begins_anew() -> None:
    session = opened()
    for _ in range(19):
        commit(session, "{", START + 1)
    for _ in range(19):
        assert_open(commit(session, "{", START + 62))
    assert_closing(commit(session, "{", START + 62), 4004)


@pytest.mark.parametrize(
    ("frame", "where"),
    [
        ('{"op":"message","channel":"ch_a","content":"","ref":4,"nonce":"n1"}', "$.content"),
        ('{"op":"message","channel":"ch_a","content":5,"ref":4,"nonce":"n1"}', "$.content"),
        ('{"op":"message","channel":"ch_a","ref":4,"nonce":"n1"}', "content"),
        ('{"op":"message","channel":"ch_a","content":"x","content_type":"html","ref":4,"nonce":"n1"}', "content_type"),
    ],
)
def test_a_known_op_with_a_wrong_field_is_told_what_is_wrong(frame: str, where: str) -> None:
    reply = assert_replied(
        opened().receive(frame, START), "error", code="invalid", ref=4, channel="ch_a", nonce="n1", retry_after=None
    )
    assert where in reply["message"]


@pytest.mark.parametrize(
    "frame",
    [
        '{"op":"ack","seq":-1}',
        '{"op":"ack","seq":1.5}',
        '{"op":"auth","token":null}',
        '{"op":"subscribe","channels":[1]}',
        '{"op":"subscribe","inbox":{"after":"x"}}',
        '{"op":"unsubscribe"}',
        '{"op":"typing"}',
        '{"op":"message","channel":"ch_a","content":"' + "x" * 8_001 + '"}',
    ],
)
def test_a_mistake_in_a_command_never_counts_towards_closing(frame: str) -> None:
    session = opened()
    for _ in range(50):
        effects = session.receive(frame, START)
        assert_replied(effects, "error", code="invalid")
        assert_open(effects)


@pytest.mark.parametrize("ref", ["r", "", 0, -1, 1.5, 2**63, 2**80, "é" * 128])
def test_a_ref_comes_back_as_it_was(ref: Any) -> None:
    encoded = msgspec.json.encode(ref).decode()
    for frame in (TYPING_WITH, DANCE_WITH, '{"ref":%s}'):
        assert_replied(opened().receive(frame % encoded, START), "error", ref=ref)
    assert_replied(opened().receive(PING_WITH % encoded, START), "pong", ref=ref)


@pytest.mark.parametrize("ref", ["true", "{}", "[1]", "null"])
def test_what_cannot_be_a_ref_is_left_out(ref: str) -> None:
    assert_replied(opened().receive(DANCE_WITH % ref, START), "error", code="unknown_op", ref=None)


@pytest.mark.parametrize("field", ["channel", "nonce"])
@pytest.mark.parametrize("value", [5, None, "x" * 129])
def test_only_short_texts_are_echoed(field: str, value: Any) -> None:
    frame = json.dumps({"op": "message", "content": 1, field: value})
    assert_replied(opened().receive(frame, START), "error", code="invalid", channel=None, nonce=None)
