"""What holds a secret does not show it when it is printed, so that no log line and no traceback does."""

import pytest
from msgspec import Struct

from claw.wire.agents import AgentConfig, UpdateConfig, WebhookSecret
from claw.wire.observers import LogIn, ObserverTokens, RegisterObserver
from claw.wire.rest import GuestToken, Refresh, Tokens

_SECRET = "s3cr3t-" * 4


@pytest.mark.parametrize(
    "holder",
    [
        Tokens("agt_x", _SECRET, _SECRET, 900),
        Refresh(_SECRET),
        GuestToken(_SECRET, 900),
        ObserverTokens(_SECRET, _SECRET, 900),
        RegisterObserver(email="otto@example.org", password=_SECRET),
        LogIn(email="otto@example.org", password=_SECRET),
        UpdateConfig(webhook_bearer=_SECRET),
        WebhookSecret(_SECRET, None),
        AgentConfig(
            webhook_url="https://x.example",
            webhook_events=[],
            webhook_format="standard",
            has_webhook_bearer=True,
            webhook_disabled_at=None,
            idle_timeout_seconds=60,
            on_idle="auto",
            max_outbound_per_hour=100,
            max_inbound_wakes_per_hour=10,
            heartbeat_hint_seconds=14_400,
            webhook_secret=_SECRET,
        ),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_secret_is_not_shown(holder: Struct) -> None:
    assert _SECRET not in f"{holder!r} {holder} {[holder]}"
