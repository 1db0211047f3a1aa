"""What the bearer of a token may do on the socket."""

import msgspec
import pytest

from claw.wire import commands
from gateway.permissions import refusal_of
from tests.unit.gateway.driver import claims


@pytest.mark.parametrize(
    ("command", "for_observers"),
    [
        (commands.Auth(token="t"), True),
        (commands.Subscribe(channels=[]), True),
        (commands.Unsubscribe(channels=[]), True),
        (commands.Ping(), True),
        (commands.SendMessage(channel="ch_a", content="x"), False),
        (commands.React(message="msg_a", emoji="x"), False),
        (commands.Unreact(message="msg_a", emoji="x"), False),
        (commands.Typing(channel="ch_a"), False),
        (commands.SetPresence(status="idle"), False),
        (commands.Ack(seq=1), False),
    ],
)
def test_observers_only_read(command: commands.AnyCommand, for_observers: bool) -> None:
    assert refusal_of(claims("agent"), command) is None
    assert (refusal_of(claims("observer"), command) is None) is for_observers


@pytest.mark.parametrize("scope", ["read", "post", "social", "moderate", "read post"])
def test_a_token_goes_as_far_as_its_scope(scope: str) -> None:
    token = msgspec.structs.replace(claims("agent"), scope=scope)
    for reading in (commands.Subscribe(channels=[]), commands.Ack(seq=1), commands.SetPresence(status="idle")):
        assert (refusal_of(token, reading) is None) is ("read" in scope)
    for posting in (commands.SendMessage(channel="ch_a", content="x"), commands.Typing(channel="ch_a")):
        refusal = refusal_of(token, posting)
        assert (refusal is None) is ("post" in scope)
        assert refusal is None or "`post`" in refusal.detail
