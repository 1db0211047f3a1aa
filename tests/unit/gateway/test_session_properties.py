"""Whatever a client sends, in whatever order: no exception, no effect after the close, no ref forgotten."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ForbiddenError, MoltError, UnauthorizedError, UnavailableError
from gateway.effects import Authenticate, Close, Effect, PingPeer, Run, Send
from gateway.session import Session, State
from gateway.wire import encode_frame
from tests.unit.gateway.driver import BRIN, HEARTBEAT_S, SESSION_S, START, claims, frames_of, opened, opening

DECLARED = (Send, Close, Run, Authenticate, PingPeer)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
OPS = st.sampled_from(
    ["auth", "subscribe", "unsubscribe", "message", "react", "unreact", "typing", "presence", "ack", "ping", "dance"]
)
REFS = st.text(max_size=128) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
# Half the values fit the field, so that deep paths are reached too.
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "op": OPS,
    "ref": REFS,
    "token": st.text(),
    "channel": st.text(),
    "channels": st.lists(st.text() | st.fixed_dictionaries({"id": st.text()}, optional={"after": st.integers(0, 99)})),
    "inbox": st.fixed_dictionaries({}, optional={"after": st.integers(0, 99), "epoch": st.text()}),
    "content": st.text(min_size=1),
    "nonce": st.text(min_size=1, max_size=64),
    "metadata": JSON,
    "message": st.text(),
    "emoji": st.text(min_size=1, max_size=32),
    "status": st.sampled_from(["online", "away"]),
    "seq": st.integers(0, 99),
}
OBJECTS = st.fixed_dictionaries({}, optional={name: fitting | JSON for name, fitting in FITTING.items()})
COMMANDS = st.fixed_dictionaries({"op": OPS}, optional={n: fitting for n, fitting in FITTING.items() if n != "op"})
OBJECT_TEXTS = (OBJECTS | COMMANDS).map(json.dumps)
TEXTS = (
    st.text()
    | JSON.map(json.dumps)
    | OBJECT_TEXTS
    | OBJECT_TEXTS.map(lambda text: text[:-1])
    | st.binary().map(lambda data: data.decode(errors="replace"))
    | st.sampled_from(["[" * 50_000, '{"op":' * 20_000, '{"op":"ping","a":' + "[" * 50_000 + "]" * 50_000 + "}"])
)
ERRORS = st.sampled_from([UnauthorizedError("x"), ForbiddenError("x"), UnavailableError("x"), MoltError("x")])
STEPS = st.one_of(
    st.tuples(st.just("text"), TEXTS),
    st.tuples(st.just("command"), COMMANDS.map(json.dumps)),
    st.tuples(st.just("binary"), st.none()),
    st.tuples(st.just("tick"), st.floats(0, 400)),
    st.tuples(st.just("heard"), st.none()),
    st.tuples(st.just("settle"), ERRORS | st.none()),
    st.tuples(st.just("drain"), st.none()),
    st.tuples(st.just("finish"), st.none()),
)


class Life:
    """One session, and a gateway around it that keeps to the rules."""

    def __init__(self) -> None:
        self.session = Session(START, heartbeat_s=HEARTBEAT_S, session_s=SESSION_S)
        self.now = START
        self.checking: list[Authenticate] = []

    def step(self, act: str, value: Any) -> list[Effect]:
        match act:
            case "text" | "command":
                self.session.heard(self.now)
                return self.session.receive(value, self.now)
            case "binary":
                return self.session.receive_binary(self.now)
            case "tick":
                self.now += value
                effects, again = self.session.tick(self.now, 0.5)
                assert self.session.state is State.CLOSED or again > self.now
                return effects
            case "heard":
                self.session.heard(self.now)
                return []
            case "settle" if self.checking:
                return self._settle(self.checking.pop(0), value)
            case "drain":
                return self.session.drain(7, self.now)
            case "finish":
                return self.session.finish()
        return []

    def _settle(self, authenticate: Authenticate, error: MoltError | None) -> list[Effect]:
        if error is not None:
            return self.session.refuse(error, authenticate.ref)
        subject = claims(subject=BRIN, expires_at=self.now + 300)
        if self.session.claims is not None:
            return self.session.renew(subject, authenticate.ref)
        return self.session.admit(subject, opening(), self.now)


@given(st.lists(STEPS, max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_sequence_of_frames_breaks_a_session(steps: list[tuple[str, Any]]) -> None:
    life = Life()
    closed = False
    for act, value in steps:
        effects = life.step(act, value)
        assert not (closed and effects)
        for number, effect in enumerate(effects):
            assert isinstance(effect, DECLARED)
            if isinstance(effect, Send):
                encode_frame(effect.frame)
            if isinstance(effect, Authenticate):
                life.checking.append(effect)
            if isinstance(effect, Close):
                assert number == len(effects) - 1
                closed = True
        assert closed is (life.session.state is State.CLOSED)


@given(st.one_of(OBJECTS, COMMANDS), REFS, st.booleans())
@settings(max_examples=500, deadline=None)
def test_whatever_answers_a_frame_repeats_its_ref(fields: dict[str, Any], ref: Any, is_open: bool) -> None:
    session = opened() if is_open else Session(START, heartbeat_s=HEARTBEAT_S, session_s=SESSION_S)
    effects = session.receive(json.dumps(fields | {"ref": ref}), START)
    assert effects
    assert [frame["ref"] for frame in frames_of(effects)] == [ref] * len(frames_of(effects))
    for effect in effects:
        match effect:
            case Run(command):
                assert command.ref == ref
            case Authenticate(_, carried):
                assert carried == ref
            case _:
                pass


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_frame_to_an_open_session_is_answered_or_handed_on(text: str) -> None:
    (effect,) = opened().receive(text, START)
    assert isinstance(effect, Send | Run | Authenticate)
