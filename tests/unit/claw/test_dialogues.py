"""The recorded dialogues from the client's side: the server's frames in, the client's acts out, and time is moved."""

import json
from typing import Any

import msgspec
import pytest

from claw.backoff import Backoff
from claw.effects import CallSettled, ConnectAfter, Deliver, Effect, RenewToken, SendText, Stop, StreamSettled
from claw.errors import RefusedError, SessionStoppedError
from claw.events import INBOX, CommandFault, Event, MessageEvent, Position, StreamReset, SubscriptionLost
from claw.session import Session
from claw.wire import commands
from claw.wire.commands import AnyCommand, StreamPosition
from claw.wire.frames import Context, Frame, InboxEvent
from tests.support.dialogues import Bindings, Dialogue, Step, filled, load, matches


class Client:
    """The client's session, and what it did that the dialogue has not told yet."""

    def __init__(self) -> None:
        self.session = Session(backoff=Backoff(draw=lambda: 0.5))
        self.bindings: Bindings = {"$agent": "ada"}
        self.refs: dict[Any, Any] = {}  # the dialogue's to the client's own
        self.asked: dict[Any, list[str]] = {}
        self.done: list[Effect] = []
        self.now = 0.0

    def replay(self, step: Step) -> None:
        self.now = float(step["at"])
        match step:
            case {"connect": _}:
                self.take(self.session.connected(self.now))
            case {"server": frame}:
                self.hear(frame)
            case {"client": frame}:
                self.say(frame)
            case {"close": code}:
                self.take(self.session.closed(code, "", self.now))
            case {"lost": True}:
                self.take(self.session.closed(None, "", self.now))
            case {"app": owed}:
                self.owe(owed)
            case {"ping": True} | {"pong": True} | {"world": _}:
                pass
            case _:
                raise AssertionError(f"no step that a client knows: {step}")

    def hear(self, frame: dict[str, Any]) -> None:
        whole = filled(frame, self.bindings)
        if "ref" in whole:
            whole["ref"] = self.refs[whole["ref"]]
        self.take(self.session.received(json.dumps(whole), self.now))

    def say(self, frame: dict[str, Any]) -> None:
        """The client sends this, by itself or because the application wants what it says."""
        command = msgspec.json.decode(json.dumps(filled(frame, self.bindings)), type=AnyCommand)
        if not any(isinstance(effect, SendText) for effect in self.done):
            self.take(self.want(command))
        said = json.loads(self.next_effect(SendText).data)
        # Which ref it is, is the client's own choice; without one it does not wait for the answer.
        self.refs[command.ref] = said.pop("ref", command.ref)
        expected = {name: value for name, value in frame.items() if name != "ref"}
        assert matches(expected, said, self.bindings), (expected, said)
        if isinstance(command, commands.Subscribe):
            self.asked[command.ref] = [each if isinstance(each, str) else each.id for each in command.channels]
        if isinstance(command, commands.Unsubscribe):
            self.asked[command.ref] = command.channels

    def want(self, command: AnyCommand) -> list[Effect]:
        match command:
            case commands.Subscribe(channels=channels):
                return self.session.subscribe([_wish(each) for each in channels], self.now)
            case commands.Unsubscribe(channels=[stream]):
                return self.session.unsubscribe(stream)
            case _:
                return self.session.call(command, keep=not isinstance(command, commands.Ping))[1]

    def owe(self, owed: dict[str, Any]) -> None:
        match owed:
            case {"event": event}:
                delivered = self.next_effect(Deliver).event
                assert matches(event, _told(delivered), self.bindings), (event, delivered)
            case {"settled": ref}:
                self.assert_settled(ref, owed.get("stream"), owed.get("error"))
            case {"renews": token}:
                self.next_effect(RenewToken)
                self.take([] if token is None else self.session.renew(token))
            case {"comes_back": when, "token": login}:
                back = self.next_effect(ConnectAfter)
                assert back.login.value == login
                assert (back.seconds == 0) is (when == "at_once")
                assert back.seconds >= owed.get("at_least_ms", 0) / 1000
            case {"stops": code}:
                error = self.next_effect(Stop).error
                assert isinstance(error, SessionStoppedError)
                assert error.code == code
            case _:
                raise AssertionError(f"nothing that a client can owe: {owed}")

    def assert_settled(self, ref: Any, stream: str | None, error: str | None) -> None:
        effect = self.next_effect(CallSettled, StreamSettled)
        if isinstance(effect, CallSettled):
            assert effect.ref == self.refs[ref]
        else:
            assert effect.stream in self.asked[ref]
            assert stream is None or matches(stream, effect.stream, self.bindings)
        refused = effect.outcome.code if isinstance(effect.outcome, RefusedError) else None
        assert refused == error, effect

    def next_effect(self, *kinds: type[Any]) -> Any:
        for number, effect in enumerate(self.done):
            if isinstance(effect, kinds):
                return self.done.pop(number)
        raise AssertionError(f"recorded, but the client did nothing of the kind: {kinds}, only {self.done}")

    def take(self, effects: list[Effect]) -> None:
        self.done += [effect for effect in effects if not _goes_without_saying(effect)]

    def assert_nothing_else(self) -> None:
        assert self.done == []


def _goes_without_saying(effect: Effect) -> bool:
    """Instructions that are passed on, and the inbox, which a client asks for by itself."""
    match effect:
        case Deliver(event=Context()):
            return True
        case StreamSettled(stream=stream):
            return stream == INBOX
        case SendText() | Deliver() | CallSettled() | RenewToken() | ConnectAfter() | Stop():
            return False
        case _:
            return True


def _wish(entry: str | StreamPosition) -> tuple[str, Position | None]:
    if isinstance(entry, str):
        return entry, None
    return entry.id, None if entry.after is None else Position(entry.after, entry.epoch)


def _told(event: Event) -> dict[str, Any]:
    match event:
        case MessageEvent(frame=frame):
            return {"op": "message", "seq": frame.seq}
        case StreamReset(stream=stream, resumed_at=position):
            return {"reset": stream, "seq": position.seq}
        case SubscriptionLost(stream=stream, reason=reason):
            return {"lost": stream, "reason": reason}
        case CommandFault(error=error):
            return {"fault": error.code}
        case InboxEvent(seq=seq):
            return {"op": event.__struct_config__.tag, "seq": seq}
        case Frame():
            return {"op": event.__struct_config__.tag}
        case _:
            return {}


@pytest.mark.parametrize("dialogue", load(side="client"))
def test_the_client_does_what_was_recorded_and_nothing_else(dialogue: Dialogue) -> None:
    client = Client()
    for number, step in enumerate(dialogue.steps, 2):
        try:
            client.replay(step)
        except AssertionError as error:
            raise AssertionError(f"{dialogue.name}.jsonl, line {number}: {error}") from error
    client.assert_nothing_else()
