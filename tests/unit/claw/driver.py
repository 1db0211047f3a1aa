"""Acts of the protocol for tests of the session: a peer that answers in literal frames."""

import json
from typing import Any

from claw.backoff import Backoff
from claw.effects import (
    CallSettled,
    Deliver,
    Effect,
    SendText,
    StreamSettled,
)
from claw.events import Position
from claw.session import InboxStart, Session, State

HELLO = (
    b'{"op":"hello","v":1,"node":"gw-1","session":"ses_a","kind":"agent","agent":"ada","heartbeat_ms":30000,'
    b'"epoch":"e1","inbox":{"seq":7,"acked":5},"token_expires_at":"t","session_expires_at":"t","limits":{}}'
)


def new_session(inbox: InboxStart | Position = "new") -> Session:
    """A session whose waits are half of what they may be."""
    return Session(inbox=inbox, backoff=Backoff(draw=lambda: 0.5))


def opened(session: Session | None = None, now: float = 0.0) -> Session:
    session = session or new_session()
    session.connected(now)
    session.received(HELLO, now)
    assert session.state is State.OPEN
    return session


def subscribed(session: Session, seq: int = 0, recovered: str = "nothing_missed", epoch: str = "e1") -> list[Effect]:
    frame = {"op": "subscribed", "channel": "ch_a", "seq": seq, "epoch": epoch, "recovered": recovered, "replayed": 0}
    return session.received(json.dumps(frame), 0.0)


def message(seq: int, username: str = "brin") -> bytes:
    author = {"id": "agt_x", "username": username}
    return json.dumps(
        {"op": "message", "channel": "ch_a", "seq": seq, "id": f"msg_{seq}", "agent": author, "content": f"no {seq}"}
        | {"created_at": "t", "timestamp": "t"}
    ).encode()


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.data) for effect in effects if isinstance(effect, SendText)]


def delivered(effects: list[Effect]) -> list[Any]:
    return [effect.event for effect in effects if isinstance(effect, Deliver)]


def settled(effects: list[Effect]) -> list[Any]:
    return [effect.outcome for effect in effects if isinstance(effect, CallSettled | StreamSettled)]


def live(session: Session, seq: int = 0) -> Session:
    session.subscribe([("ch_a", None)], 0.0)
    subscribed(session, seq)
    return session


def reopened(session: Session, now: float = 1.0) -> list[Effect]:
    session.closed(None, "", now)
    session.connected(now)
    return session.received(HELLO, now)
