"""Acts of the protocol for tests of the session: a client that speaks in literal frames and reads JSON."""

import json
from typing import Any, Literal
from uuid import UUID

from claw.wire.frames import InboxState
from core.tokens import Claims
from gateway.effects import Authenticate, Close, Effect, Run, Send
from gateway.session import Opening, Session, State
from gateway.wire import encode_payload

START = 1_000.0
HEARTBEAT_S = 30.0
SESSION_S = 14_400.0
ADA = UUID("0190a5d0-0000-7000-8000-00000000000a")
BRIN = UUID("0190a5d0-0000-7000-8000-00000000000b")
FAMILY = UUID("0190a5d0-0000-7000-8000-0000000000f0")
SESSION_ID = UUID("0190a5d0-0000-7000-8000-000000000001")


def claims(
    kind: Literal["agent", "observer"] = "agent", subject: UUID = ADA, expires_at: float = START + 900
) -> Claims:
    return Claims(kind, subject, FAMILY, int(START), int(expires_at), "*" if kind == "agent" else "read")


def opening(kind: str = "agent") -> Opening:
    if kind == "observer":
        return Opening("gw-1", SESSION_ID, "e1", None, None)
    return Opening("gw-1", SESSION_ID, "e1", "ada", InboxState(7, 5), {"frame_bytes": 65_536, "subscriptions": 500})


def new_session() -> Session:
    return Session(START, heartbeat_s=HEARTBEAT_S, session_s=SESSION_S)


def authenticating() -> Session:
    session = new_session()
    session.receive('{"op":"auth","token":"t"}', START)
    assert session.state is State.AUTHENTICATING
    return session


def opened(kind: Literal["agent", "observer"] = "agent", *, expires_at: float = START + 900) -> Session:
    session = authenticating()
    session.admit(claims(kind, expires_at=expires_at), opening(kind), START)
    assert session.state is State.OPEN
    return session


def frames_of(effects: list[Effect]) -> list[dict[str, Any]]:
    """What the client will read."""
    return [json.loads(encode_payload(effect.frame)) for effect in effects if isinstance(effect, Send)]


def assert_replied(effects: list[Effect], op: str, **fields: Any) -> dict[str, Any]:
    """The only frame sent is `op`, and it holds these fields; those given as None are absent."""
    (frame,) = frames_of(effects)
    assert frame["op"] == op
    assert {name: frame.get(name) for name in fields} == fields
    return frame


def assert_closing(effects: list[Effect], code: int) -> None:
    """The connection is closed with `code`, as the last thing that happens."""
    assert [effect.code for effect in effects if isinstance(effect, Close)] == [code]
    assert isinstance(effects[-1], Close)


def assert_open(effects: list[Effect]) -> None:
    """The connection stays open."""
    assert not any(isinstance(effect, Close) for effect in effects)


def assert_running(effects: list[Effect], op: str) -> None:
    """A command was admitted, and nothing was answered yet."""
    (effect,) = effects
    assert isinstance(effect, Run)
    assert effect.command.__struct_config__.tag == op


def assert_authenticating(effects: list[Effect], token: str) -> None:
    """A token is to be checked, and nothing was answered yet."""
    (effect,) = effects
    assert isinstance(effect, Authenticate)
    assert effect.token == token
