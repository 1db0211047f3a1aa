"""The order of a session: who speaks when, what is refused, and what a fault costs."""

import json
from collections.abc import Callable

import pytest

from claw.wire import commands
from claw.wire.close import CloseCode
from claw.wire.problems import ErrorCode
from core.errors import ForbiddenError, InvalidError, MoltError, UnauthorizedError, UnavailableError
from gateway.effects import Authenticate, Close, Effect, Run
from gateway.session import Session, State
from tests.unit.gateway.driver import (
    ADA,
    BRIN,
    START,
    assert_authenticating,
    assert_closing,
    assert_open,
    assert_replied,
    assert_running,
    authenticating,
    claims,
    frames_of,
    new_session,
    opened,
    opening,
)

SUBSCRIBE = '{"op":"subscribe","channels":["ch_a"],"ref":9}'
UNSUBSCRIBE = '{"op":"unsubscribe","channels":["ch_a"],"ref":9}'
MESSAGE = '{"op":"message","channel":"ch_a","content":"hi","ref":9}'
TYPING = '{"op":"typing","channel":"ch_a","ref":9}'
ACK = '{"op":"ack","seq":1,"ref":9}'
PING = '{"op":"ping","ref":9}'
AUTH = '{"op":"auth","token":"secret","ref":9}'
TO_RUN = [SUBSCRIBE, UNSUBSCRIBE, MESSAGE, TYPING, ACK]

NOT_JSON = "hello"
FAULTS = [
    NOT_JSON,
    "",
    "[]",
    "null",
    '"ping"',
    '{"op":"ping"',
    '{"op":"ping"} {"op":"ping"}',
    '{"ref":1e400}',
    '{"op":"ping","x":' + "[" * 60_000,
    '{"op":"message","channel":"ch_a","content":"x","metadata":' + '{"a":' * 10_000,
]


def test_the_first_frame_is_the_token() -> None:
    session = new_session()
    effects = session.receive(AUTH, START)
    assert_authenticating(effects, "secret")
    assert effects == [Authenticate("secret", 9)]
    assert session.state is State.AUTHENTICATING
    assert "secret" not in repr(effects)


def test_a_token_of_the_handshake_is_checked_like_one_in_a_frame() -> None:
    session = new_session()
    assert session.begin_with_token("secret") == [Authenticate("secret", None)]
    assert session.state is State.AUTHENTICATING


@pytest.mark.parametrize("frame", [*TO_RUN, PING])
def test_anything_before_the_token_is_answered_and_closed_with_4001(frame: str) -> None:
    session = new_session()
    effects = session.receive(frame, START)
    assert_replied(effects, "error", code="unauthorized", ref=9)
    assert_closing(effects, 4001)
    assert session.state is State.CLOSED


@pytest.mark.parametrize("frame", TO_RUN)
def test_commands_wait_behind_the_token_that_is_being_checked(frame: str) -> None:
    session = authenticating()
    assert_running(session.receive(frame, START), json.loads(frame)["op"])
    assert session.state is State.AUTHENTICATING


def test_the_session_opens_with_hello_and_the_platforms_instructions() -> None:
    session = authenticating()
    hello, context = frames_of(session.admit(claims(), opening(), START))
    limits = hello.pop("limits")
    assert hello == {
        "op": "hello",
        "v": 1,
        "node": "gw-1",
        "session": "ses_01j2jx0000e008000000000001",
        "kind": "agent",
        "agent": "ada",
        "heartbeat_ms": 30_000,
        "epoch": "e1",
        "inbox": {"seq": 7, "acked": 5},
        "token_expires_at": "1970-01-01T00:31:40.000Z",
        "session_expires_at": "1970-01-01T04:16:40.000Z",
    }
    assert limits == {"frame_bytes": 65_536, "subscriptions": 500}
    assert list(context) == ["op", "platform"]
    assert context["op"] == "context"


def test_the_hello_of_an_observer_names_no_agent_and_no_inbox() -> None:
    (hello, _) = frames_of(authenticating().admit(claims("observer"), opening("observer"), START))
    assert (hello["kind"], hello["agent"], hello["inbox"]) == ("observer", None, None)


def test_a_ping_is_answered_at_once_with_its_ref() -> None:
    assert_replied(opened().receive(PING, START), "pong", ref=9)


def test_an_agent_renews_its_token_on_the_open_socket() -> None:
    session = opened()
    assert_authenticating(session.receive(AUTH, START), "secret")
    assert session.state is State.OPEN
    fresh = claims(expires_at=START + 1_800)
    assert_replied(session.renew(fresh, 9), "auth_ok", token_expires_at="1970-01-01T00:46:40.000Z", ref=9)
    assert session.claims is fresh


def test_a_guest_renews_with_any_guests_token() -> None:
    session = opened("observer")
    assert_replied(session.renew(claims("observer", BRIN), None), "auth_ok", ref=None)


@pytest.mark.parametrize(
    ("session", "others"),
    [
        (opened("agent"), claims("agent", BRIN)),
        (opened("agent"), claims("observer", ADA)),
        (opened("observer"), claims("agent", ADA)),
    ],
)
def test_somebody_elses_token_is_refused_and_changes_nothing(session: Session, others: object) -> None:
    mine = session.claims
    effects = session.renew(others, 9)  # type: ignore[arg-type]  # parametrize hides the type
    assert_replied(effects, "error", code="forbidden", ref=9)
    assert_open(effects)
    assert session.claims is mine
    assert session.state is State.OPEN


REFUSALS: list[tuple[MoltError, int]] = [
    (UnauthorizedError("no"), 4001),
    (UnauthorizedError("no", expired=True), 4200),
    (ForbiddenError("no", ErrorCode.SUSPENDED), 4003),
    (UnavailableError("no"), 4100),
    (InvalidError("no"), 4001),
]


@pytest.mark.parametrize(("error", "code"), REFUSALS)
def test_a_token_that_is_not_good_closes_with_the_code_that_says_what_to_do(error: MoltError, code: int) -> None:
    session = authenticating()
    effects = session.refuse(error, 9)
    assert_replied(effects, "error", code=error.code, message="no", ref=9, retry_after=error.retry_after)
    assert_closing(effects, code)
    assert session.state is State.CLOSED


@pytest.mark.parametrize(("error", "_code"), REFUSALS)
def test_an_open_session_survives_a_bad_renewal(error: MoltError, _code: int) -> None:
    session = opened()
    effects = session.refuse(error, 9)
    assert_replied(effects, "error", code=error.code, ref=9)
    assert_open(effects)
    assert session.state is State.OPEN


def test_a_stopping_node_sends_the_client_away_to_come_back() -> None:
    for session in (new_session(), authenticating()):
        effects = session.drain(1_234, START)
        assert_replied(effects, "reconnect", reason="drain", after_ms=1_234)
        assert_closing(effects, 4100)


def test_an_open_session_that_is_sent_away_takes_in_no_more_and_is_closed_once_all_is_finished() -> None:
    session = opened()
    effects = session.drain(1_234, START)
    assert_replied(effects, "reconnect", reason="drain", after_ms=1_234)
    assert_open(effects)
    assert session.receive(PING, START) == []
    assert session.receive_binary(START) == []
    assert session.drain(1, START) == []
    assert_closing(session.finish(), 4100)
    assert session.finish() == []


def test_nobody_is_finished_who_was_not_sent_away() -> None:
    for session in (new_session(), authenticating(), opened()):
        state = session.state
        assert session.finish() == []
        assert session.state is state


def test_an_end_from_outside_tells_why_before_it_closes() -> None:
    effects = opened().end(CloseCode.UNAUTHORIZED, "This log-in was ended.", error=ErrorCode.UNAUTHORIZED)
    assert_replied(effects, "error", code="unauthorized", message="This log-in was ended.")
    assert_closing(effects, 4001)
    assert opened().end(CloseCode.IDLE, "idle") == [Close(CloseCode.IDLE, "idle")]


@pytest.mark.parametrize(
    "act",
    [
        lambda session: session.receive(PING, START),
        lambda session: session.receive(NOT_JSON, START),
        lambda session: session.receive_binary(START),
        lambda session: session.admit(claims(), opening(), START),
        lambda session: session.renew(claims(), 1),
        lambda session: session.refuse(UnauthorizedError("no"), 1),
        lambda session: session.drain(0, START),
        lambda session: session.finish(),
        lambda session: session.end(CloseCode.IDLE, "idle", error=ErrorCode.UNAUTHORIZED),
        lambda session: session.tick(START + 1e6, 0.5)[0],
    ],
)
def test_after_the_close_nothing_happens_any_more(act: Callable[[Session], list[Effect]]) -> None:
    for session in (new_session(), authenticating(), opened()):
        session.end(CloseCode.IDLE, "idle")
        assert act(session) == []
        assert session.state is State.CLOSED


@pytest.mark.parametrize("frame", FAULTS)
def test_what_is_no_json_object_is_a_fault_on_the_open_socket(frame: str) -> None:
    session = opened()
    effects = session.receive(frame, START)
    assert_replied(effects, "error", code="invalid", ref=None)
    assert_open(effects)


def test_a_handled_command_is_handed_on_as_it_came() -> None:
    (effect,) = opened().receive('{"op":"message","channel":"ch_a","content":"hi","nonce":"n","new":1}', START)
    assert effect == Run(commands.SendMessage(channel="ch_a", content="hi", nonce="n"))
