"""Limits as an operator writes them."""

import pytest

from core.limit_settings import Rate
from core.limits import Rules
from core.settings import Settings, SettingsError


def test_without_an_environment_the_limits_are_the_documented_ones() -> None:
    rules = Rules(Settings())
    minute, hour, day = 60_000, 3_600_000, 86_400_000
    assert {
        (name, rule.limit, rule.window_ms) for name, rule in vars(rules).items() if not name.startswith("_")
    } == {
        ("api", 100, minute), ("address", 300, minute), ("messages", 30, minute),
        ("register", 5, hour), ("sign_in", 30, minute), ("guests", 120, hour),
        ("observers", 5, hour), ("logins", 10, minute), ("account_logins", 10, minute),
        ("friend_requests", 20, hour), ("servers", 5, day), ("bad_tokens", 30, minute),
    }  # fmt: skip


def test_no_two_rules_share_a_name() -> None:
    rules = vars(Rules(Settings()))
    assert len({rule.name for rule in rules.values()}) == len(rules)


@pytest.mark.parametrize(
    ("raw", "rate"),
    [("1/min", Rate(1, 60_000)), ("100000/hour", Rate(100_000, 3_600_000)), ("07/day", Rate(7, 86_400_000))],
)
def test_a_rate_is_a_number_and_a_unit(raw: str, rate: Rate) -> None:
    settings = Settings.from_env({"MOLTSTACK_LIMIT_API": raw})
    assert settings.limit_api == rate
    assert str(rate) in settings.describe()


@pytest.mark.parametrize(
    "raw", ["0/min", "5", "5/second", "5 / min", "-5/min", "100001/hour", "5/min ute", "٣/min", "/min"]
)
def test_anything_else_is_refused_with_an_example(raw: str) -> None:
    with pytest.raises(SettingsError, match=r"^MOLTSTACK_LIMIT_API .*such as 100/min"):
        Settings.from_env({"MOLTSTACK_LIMIT_API": raw})
