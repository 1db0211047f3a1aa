"""How a session begins and ends: hello, tokens, close codes, waits."""

import pytest

from claw.effects import (
    CloseSocket,
    ConnectAfter,
    Login,
    Opened,
    RenewToken,
    Stop,
)
from claw.errors import (
    ClientClosedError,
    SessionStoppedError,
)
from claw.session import State
from claw.wire.commands import SendMessage
from tests.unit.claw.driver import HELLO, new_session, opened, sent, settled


def test_nothing_is_sent_before_the_hello() -> None:
    session = new_session()
    assert session.subscribe([("ch_a", None)], 0.0) == []
    assert session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)[1] == []
    assert session.connected(0.0) == []
    effects = session.received(HELLO, 0.0)
    assert isinstance(effects[0], Opened)
    assert [frame["op"] for frame in sent(effects)] == ["subscribe", "message"]


def test_without_a_hello_in_time_the_socket_is_closed() -> None:
    session = new_session()
    session.connected(100.0)
    assert session.deadline() == 110.0
    assert session.tick(109.9) == []
    assert session.tick(110.0) == [CloseSocket()]
    assert session.deadline() is None


def test_an_expiring_token_asks_for_another_and_shows_it_on_the_open_socket() -> None:
    session = opened()
    assert session.received(b'{"op":"token_expiring","in_s":60}', 0.0) == [RenewToken(60)]
    effects = session.renew("secret-token")
    assert sent(effects)[0]["token"] == "secret-token"
    assert "secret-token" not in repr(effects)


def test_the_server_says_when_to_come_back() -> None:
    session = opened()
    session.received(b'{"op":"reconnect","reason":"drain","after_ms":1234}', 0.0)
    assert session.closed(4100, "drain", 1.0)[-1] == ConnectAfter(1.234, Login.KEEP)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (None, ConnectAfter(0.5, Login.KEEP)),
        (1006, ConnectAfter(0.5, Login.KEEP)),
        (4101, ConnectAfter(0.5, Login.KEEP)),
        (4200, ConnectAfter(0.0, Login.RENEW)),
        (4201, ConnectAfter(0.0, Login.KEEP)),
        (4001, ConnectAfter(0.5, Login.ANEW)),
    ],
)
def test_the_close_code_says_how_to_come_back(code: int | None, step: ConnectAfter) -> None:
    assert opened().closed(code, "", 20.0)[-1] == step


@pytest.mark.parametrize("code", [1002, 1008, 1009, 4003, 4004, 4005])
def test_a_close_code_that_says_stop_ends_everything(code: int) -> None:
    session = opened()
    session.subscribe([("ch_a", None)], 0.0)
    session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    effects = session.closed(code, "enough", 1.0)
    assert isinstance(effects[-1], Stop)
    assert session.state is State.STOPPED
    assert {type(outcome) for outcome in settled(effects)} == {SessionStoppedError}
    with pytest.raises(SessionStoppedError, match="enough"):
        session.subscribe([("ch_b", None)], 1.0)


def test_a_fresh_log_in_that_is_refused_again_is_the_end() -> None:
    session = opened()
    session.closed(4001, "revoked", 20.0)
    session.connected(21.0)
    session.received(b'{"op":"error","code":"unauthorized","message":"no such agent"}', 21.0)
    (*_, stop) = session.closed(4001, "", 21.0)
    assert isinstance(stop, Stop)
    assert "no such agent" in str(stop.error)


def test_waits_grow_until_a_session_has_held() -> None:
    session = new_session()
    waits = [session.closed(None, "", 0.0)[-1] for _ in range(4)]
    assert [wait.seconds for wait in waits if isinstance(wait, ConnectAfter)] == [0.5, 1.0, 2.0, 4.0]
    opened(session, now=100.0)
    assert session.closed(None, "", 101.0)[-1] == ConnectAfter(8.0, Login.KEEP)
    opened(session, now=200.0)
    assert session.closed(None, "", 211.0)[-1] == ConnectAfter(0.5, Login.KEEP)


def test_closing_the_client_ends_what_waits() -> None:
    session = opened()
    session.call(SendMessage(channel="ch_a", content="hi", nonce="n"), keep=True)
    assert [type(outcome) for outcome in settled(session.stop())] == [ClientClosedError, ClientClosedError]
    assert session.stop() == []
