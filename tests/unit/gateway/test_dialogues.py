"""The recorded dialogues, replayed against the server's session: no socket, and time is moved."""

import json
from collections import deque
from typing import Any
from uuid import UUID

import msgspec
import pytest

from claw.wire.close import CloseCode
from claw.wire.commands import AnyCommand
from claw.wire.frames import AnyFrame, InboxState
from claw.wire.problems import ErrorCode
from core.errors import ForbiddenError, MoltError, RateLimitedError, UnauthorizedError, UnavailableError
from core.tokens import Claims
from gateway.effects import Authenticate, Close, Effect, PingPeer, Run, Send
from gateway.permissions import refusal_of
from gateway.session import Opening, Session
from gateway.wire import encode_payload
from tests.support.dialogues import Bindings, Dialogue, Step, filled, load, matches

START = 1_000_000.0
HEARTBEAT_S = 30.0
JITTER = 0.5
ADA, BRIN, GUEST = (UUID(int=number) for number in (10, 11, 12))
REFUSALS: dict[str, MoltError] = {
    "bad": UnauthorizedError("bad"),
    "old": UnauthorizedError("old", expired=True),
    "suspended": ForbiddenError("suspended", ErrorCode.SUSPENDED),
    "unchecked": UnavailableError("later"),
    "crowded": RateLimitedError("too many", retry_after=30.0),
}


class Server:
    """The session of the present connection, and what it did that the dialogue has not told yet."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.bindings: Bindings = {"$agent": "ada"}
        self.session_s = float(dialogue.head.get("session_s", 14_400))
        self.session = Session(START, heartbeat_s=HEARTBEAT_S, session_s=self.session_s)
        self.done: deque[tuple[float, Effect]] = deque()
        self.commands: list[AnyCommand] = []
        self.now = START
        self.due = START

    # One line or two for each kind of step: a table, as in the README.
    def replay(self, step: Step) -> None:  # noqa: C901
        self.pass_time(START + step["at"])
        match step:
            case {"connect": {"token": token}}:
                assert not self.done
                self.session = Session(self.now, heartbeat_s=HEARTBEAT_S, session_s=self.session_s)
                self.due = self.now
                self.take([] if token is None else self.session.begin_with_token(token))
            case {"client": frame}:
                self.hear(json.dumps(filled(frame, self.bindings)))
            case {"client_text": text}:
                self.hear(text)
            case {"client_binary": _}:
                self.session.heard(self.now)
                self.take(self.session.receive_binary(self.now))
            case {"server": frame, "by": "store"}:
                self.assert_answerable(frame)
            case {"server": frame}:
                effect = self.next_effect(Send)
                assert matches(frame, json.loads(encode_payload(effect.frame)), self.bindings), (frame, effect)
            case {"ping": True}:
                self.next_effect(PingPeer)
            case {"pong": True}:
                self.session.heard(self.now)
            case {"close": code}:
                self.take(self.session.finish())  # Who was sent away has the answers to all that it had sent.
                assert self.next_effect(Close).code == code
            case {"world": happening}:
                self.take(self.happen(happening))
            case {"app": _}:
                pass
            case _:
                raise AssertionError(f"no step that a server knows: {step}")

    def pass_time(self, until: float) -> None:
        assert until >= self.now
        while self.due <= until:
            self.now = self.due
            effects, again = self.session.tick(self.now, JITTER)
            self.take(effects)
            self.due = max(again, self.now + 0.001)
        self.now = until

    def hear(self, text: str) -> None:
        assert not self.done, f"not recorded: {self.done}"
        self.session.heard(self.now)
        self.take(self.session.receive(text, self.now))

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Authenticate(token, ref):
                    self.take(self.check(token, ref))
                case Run(command):
                    self.commands.append(command)
                case _:
                    self.done.append((self.now, effect))

    def check(self, token: str, ref: Any) -> list[Effect]:
        if token in REFUSALS:
            return self.session.refuse(REFUSALS[token], ref)
        subject = {"guest": GUEST, "other": BRIN}.get(token, ADA)
        expires_at = int(self.now) + (20 if token == "short" else 900)
        claims = Claims("observer" if token == "guest" else "agent", subject, UUID(int=1), self.now, expires_at, "*")
        if self.session.claims is not None:
            return self.session.renew(claims, ref)
        known = None if token == "guest" else "ada"
        inbox = None if token == "guest" else InboxState(0, 0)
        opening = Opening("gw-1", UUID(int=2), "epoch-1", known, inbox)
        return self.session.admit(claims, opening, self.now)

    def happen(self, happening: dict[str, Any]) -> list[Effect]:
        match happening:
            case {"drains": after_ms}:
                return self.session.drain(after_ms, self.now)
            case {"revokes": True}:
                return self.session.end(CloseCode.UNAUTHORIZED, "ended", error=ErrorCode.UNAUTHORIZED)
            case {"suspends": True}:
                return self.session.end(CloseCode.SUSPENDED, "suspended", error=ErrorCode.SUSPENDED)
            case _:
                return []

    def next_effect(self, kind: type[Any]) -> Any:
        assert self.done, f"recorded, but the session did nothing: {kind.__name__}"
        at, effect = self.done.popleft()
        assert isinstance(effect, kind), effect
        assert at == self.now, "at another time than recorded"
        return effect

    def assert_answerable(self, frame: dict[str, Any]) -> None:
        """The frame is one of the contract, and where it answers, a command was admitted that it can answer."""
        assert not self.done, f"not recorded: {self.done}"
        whole = filled(frame, self.bindings)
        msgspec.json.decode(json.dumps(whole), type=AnyFrame)
        if "ref" not in frame:
            return
        (command,) = [each for each in self.commands if each.ref == frame["ref"]]
        assert self.session.claims is not None
        refused = refusal_of(self.session.claims, command) is not None
        assert refused is (whole.get("code") == "forbidden"), command


@pytest.mark.parametrize("dialogue", load(side="server"))
def test_the_session_says_what_was_recorded_and_nothing_else(dialogue: Dialogue) -> None:
    server = Server(dialogue)
    for number, step in enumerate(dialogue.steps, 2):
        try:
            server.replay(step)
        except AssertionError as error:
            raise AssertionError(f"{dialogue.name}.jsonl, line {number}: {error}") from error
    assert not server.done
