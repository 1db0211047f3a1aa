"""The server is gone for an hour: the clock moves, nobody sleeps."""

import logging
from pathlib import Path

import pytest

from claw import Client, Identity
from claw.backoff import LONGEST_SECONDS, Backoff
from claw.effects import ConnectAfter, Login
from claw.errors import TransportError
from claw.session import Session
from claw.wire.commands import SendMessage
from claw.wire.frames import MessageAck
from tests.unit.claw.driver import HELLO, delivered, live, message, opened, sent, settled

_HOUR = 3_600.0


def _back_after_an_hour(session: Session) -> tuple[float, int]:
    """When the server is reached again, and how often it was tried in vain."""
    now, tries = 1.0, 0
    (*_, step) = session.closed(None, "", now)
    while True:
        assert isinstance(step, ConnectAfter)
        assert step.login is Login.KEEP
        assert step.seconds <= LONGEST_SECONDS
        now += step.seconds
        if now > _HOUR:
            return now, tries
        tries += 1
        (*_, step) = session.closed(None, "cannot connect", now)


def test_after_an_hour_each_stream_goes_on_where_it_was_and_what_waited_is_sent_once() -> None:
    session = live(opened(), seq=4)
    session.received(message(5), 0.0)
    _, effects = session.call(SendMessage(channel="ch_a", content="kept", nonce="n"), keep=True)
    (first,) = sent(effects)
    now, tries = _back_after_an_hour(session)
    # Half of the longest wait on average: it neither hammers nor forgets to look.
    assert _HOUR / LONGEST_SECONDS <= tries <= _HOUR
    session.connected(now)
    wishes, again = sent(session.received(HELLO, now))
    assert wishes["channels"] == [{"id": "ch_a", "after": 5, "epoch": "e1"}]
    assert wishes["inbox"] == {"after": 7, "epoch": "e1"}
    assert again == first
    assert [event.seq for each in (5, 6) for event in delivered(session.received(message(each), now))] == [6]
    ack = b'{"op":"message_ack","id":"m","channel":"ch_a","seq":6,"timestamp":"t","nonce":"n","ref":"%s"}'
    (answer,) = settled(session.received(ack % again["ref"].encode(), now))
    assert isinstance(answer, MessageAck)
    assert session.calls_waiting == 0


async def test_it_is_told_in_one_line_however_often_it_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "claw")
    monkeypatch.setattr("claw.session.Backoff", lambda: Backoff(draw=lambda: 0.0))
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    with pytest.raises(TransportError, match=r"no session within 0.5 s: .*ConnectError") as caught:
        await Client("http://127.0.0.1:1", identity, open_within=0.5).open()
    assert "\n" not in str(caught.value)
    told = [record for record in caplog.records if record.name == "claw"]
    assert [record.levelno for record in told] == [logging.INFO, *[logging.DEBUG] * (len(told) - 1)]
    assert told[0].getMessage().startswith("not connected: ")
