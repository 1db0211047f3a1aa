"""Whatever happens to the connection: each event once and in order, each message stored once and answered."""

import json
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claw.backoff import Backoff
from claw.effects import CallSettled, Deliver, Effect, SendText
from claw.events import MessageEvent, Position, UnknownEvent
from claw.session import Session
from claw.wire.commands import SendMessage
from claw.wire.frames import MessageAck

READABLE, UNREADABLE = "message", "hologram"


class Wire:
    """A log as the contract describes it, at the other end of a connection that may be cut at any frame."""

    def __init__(self) -> None:
        self.session = Session(backoff=Backoff(draw=lambda: 0.5))
        self.log: list[dict[str, Any]] = []
        self.by_nonce: dict[str, dict[str, Any]] = {}
        self.events: list[int] = []
        self.answers: list[CallSettled] = []
        self._under_way: deque[str] = deque()
        self._last = ""
        self._commands: deque[dict[str, Any]] = deque()
        self._live = False
        self.session.subscribe([("ch_a", Position(0, "e1"))], 0.0)
        self.connect()

    def connect(self) -> None:
        self._live = False
        self._under_way.clear()
        self._commands.clear()
        self.session.connected(0.0)
        hello = {"op": "hello", "node": "gw", "session": "ses_a", "kind": "agent", "agent": "ada", "epoch": "e1"}
        rest: dict[str, Any] = {
            "heartbeat_ms": 1,
            "inbox": None,
            "token_expires_at": "",
            "session_expires_at": "",
            "limits": {},
        }
        self._take(self.session.received(json.dumps(hello | rest), 0.0))

    def cut(self) -> None:
        self._take(self.session.closed(None, "", 0.0))
        self.connect()

    def post(self, op: str) -> dict[str, Any]:
        seq = len(self.log) + 1
        author = {"id": "agt_x", "username": "brin"}
        event = {"op": op, "channel": "ch_a", "seq": seq, "id": f"msg_{seq}", "agent": author, "content": "x"}
        event |= {"created_at": "t", "timestamp": "t"}
        self.log.append(event)
        if self._live:
            self._under_way.append(json.dumps(event))
        return event

    def send(self, nonce: str) -> None:
        self._take(self.session.call(SendMessage(channel="ch_a", content="x", nonce=nonce), keep=True)[1])

    def serve(self) -> None:
        """The server handles one command."""
        if not self._commands:
            return
        command = self._commands.popleft()
        if command["op"] == "subscribe":
            (wish,) = command["channels"]
            missed = self.log[wish["after"] :]
            self._under_way.extend(json.dumps(event) for event in missed)
            granted = {"op": "subscribed", "channel": "ch_a", "seq": len(self.log), "epoch": "e1"}
            self._under_way.append(json.dumps(granted | {"recovered": "replayed", "replayed": len(missed)}))
            self._live = True
        else:
            nonce = command["nonce"]
            if nonce not in self.by_nonce:
                self.by_nonce[nonce] = self.post(READABLE)
            stored = self.by_nonce[nonce]
            ack = {"op": "message_ack", "id": stored["id"], "channel": "ch_a", "seq": stored["seq"], "timestamp": "t"}
            self._under_way.append(json.dumps(ack | {"nonce": nonce, "ref": command["ref"]}))

    def arrive(self) -> None:
        """The client receives one frame."""
        if self._under_way:
            self._last = self._under_way.popleft()
            self._take(self.session.received(self._last, 0.0))

    def repeat(self) -> None:
        """The last event comes a second time."""
        if '"seq"' in self._last and '"id"' in self._last:
            self._take(self.session.received(self._last, 0.0))

    def settle(self) -> None:
        while self._commands or self._under_way:
            self.serve()
            self.arrive()

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText(data=data):
                    self._commands.append(json.loads(data))
                case Deliver(event=MessageEvent(frame=frame)):
                    self.events.append(frame.seq)
                case Deliver(event=UnknownEvent(data=data)):
                    self.events.append(data["seq"])
                case CallSettled():
                    self.answers.append(effect)
                case _:
                    pass


STEPS = st.lists(
    st.sampled_from(
        ["post", "post", "unreadable", "send", "serve", "serve", "arrive", "arrive", "arrive", "repeat", "cut"]
    ),
    max_size=80,
)


@given(STEPS)
@settings(max_examples=400, deadline=None)
def test_each_event_comes_once_and_in_order_whatever_happens_to_the_connection(steps: list[str]) -> None:
    wire = Wire()
    nonces = 0
    for step in steps:
        match step:
            case "post":
                wire.post(READABLE)
            case "unreadable":
                wire.post(UNREADABLE)
            case "send":
                nonces += 1
                wire.send(f"n{nonces}")
            case _:
                getattr(wire, step)()
        assert wire.events == list(range(1, len(wire.events) + 1))
    wire.settle()
    assert wire.events == list(range(1, len(wire.log) + 1))
    assert len(wire.by_nonce) == len(wire.answers) == nonces
    assert all(isinstance(answer.outcome, MessageAck) for answer in wire.answers)


@given(st.lists(st.binary(max_size=60) | st.text(max_size=60), max_size=20))
def test_no_frame_whatever_raises(frames: list[bytes | str]) -> None:
    wire = Wire()
    for frame in frames:
        wire.session.received(frame, 0.0)


FIELDS = st.dictionaries(
    st.sampled_from(
        ["channel", "server", "seq", "epoch", "recovered", "ref", "code", "after_ms", "in_s", "agent", "id"]
    ),
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
)
OPS = st.sampled_from(
    ["hello", "subscribed", "unsubscribed", "message", "message_ack", "error", "reconnect", "typing", "x"]
)


@given(st.lists(st.tuples(OPS, FIELDS), max_size=20))
def test_no_object_whatever_raises(frames: list[tuple[str, dict[str, Any]]]) -> None:
    wire = Wire()
    for op, _fields in frames:
        wire.session.received(json.dumps({"op": op}), 0.0)
