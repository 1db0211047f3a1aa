import ipaddress
from pathlib import Path

import pytest

from core.setting_values import redact_url
from core.settings import Settings, SettingsError


def test_without_an_environment_every_setting_has_its_documented_default() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.node) == ("127.0.0.1", 8080, "node-1")
    assert settings.public_url == settings.local_url == "http://127.0.0.1:8080"
    assert settings.data_dir == Path(".moltstack")
    assert settings.keys_dir == Path(".moltstack/keys")
    assert settings.limits is True
    assert settings.lifeline is False
    assert (settings.database_url, settings.redis_url, settings.metrics_token) == (None, None, None)
    assert (settings.bcrypt_cost, settings.access_token_seconds, settings.heartbeat_ms) == (12, 900, 30_000)


def test_from_env_and_the_plain_constructor_agree_on_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_derived_defaults_follow_what_they_are_derived_from() -> None:
    settings = Settings.from_env({"MOLTSTACK_DATA_DIR": "/srv/molt", "MOLTSTACK_HOST": "::1", "MOLTSTACK_PORT": "9000"})
    assert settings.keys_dir == Path("/srv/molt/keys")
    assert settings.public_url == "http://[::1]:9000"


def test_a_wildcard_address_is_dialled_over_loopback() -> None:
    assert Settings.from_env({"MOLTSTACK_HOST": "0.0.0.0"}).local_url == "http://127.0.0.1:8080"  # noqa: S104


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_env({"MOLTSTACK_DATABASE_URL": "", "MOLTSTACK_PORT": "  "}) == Settings()


@pytest.mark.parametrize(
    ("variable", "raw", "attribute", "value"),
    [
        ("MOLTSTACK_LIMITS", "off", "limits", False),
        ("MOLTSTACK_LIMITS", "ON", "limits", True),
        ("MOLTSTACK_PUBLIC_URL", "https://Molt.Example/", "public_url", "https://molt.example"),
        ("MOLTSTACK_KEYS_DIR", "/keys", "keys_dir", Path("/keys")),
        ("MOLTSTACK_DRAIN_SECONDS", "2.5", "drain_seconds", 2.5),
        ("MOLTSTACK_LOG_FORMAT", "JSON", "log_format", "json"),
        ("MOLTSTACK_REDIS_URL", "unix:///run/valkey.sock", "redis_url", "unix:///run/valkey.sock"),
        (
            "MOLTSTACK_TRUSTED_PROXIES",
            "10.0.0.0/8, ::1",
            "trusted_proxies",
            (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")),
        ),
    ],
)
def test_a_variable_becomes_a_typed_value(variable: str, raw: str, attribute: str, value: object) -> None:
    assert getattr(Settings.from_env({variable: raw}), attribute) == value


@pytest.mark.parametrize(
    ("variable", "raw"),
    [
        ("MOLTSTACK_PORT", "80a"),
        ("MOLTSTACK_PORT", "65536"),
        ("MOLTSTACK_PORT", "1_0"),
        ("MOLTSTACK_PORT", "٣"),
        ("MOLTSTACK_LIMITS", "perhaps"),
        ("MOLTSTACK_BCRYPT_COST", "3"),
        ("MOLTSTACK_PUBLIC_URL", "molt.example"),
        ("MOLTSTACK_PUBLIC_URL", "https://molt.example/app"),
        ("MOLTSTACK_PUBLIC_URL", "https://user@molt.example"),
        ("MOLTSTACK_DATABASE_URL", "mysql://localhost/molt"),
        ("MOLTSTACK_DATABASE_URL", "postgresql://localhost:port/molt"),
        ("MOLTSTACK_REDIS_URL", "localhost:6379"),
        ("MOLTSTACK_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("MOLTSTACK_NODE", "two words"),
        ("MOLTSTACK_DRAIN_SECONDS", "nan"),
        ("MOLTSTACK_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_the_variable(variable: str, raw: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} ") as caught:
        Settings.from_env({variable: raw})
    assert "\n" not in str(caught.value)


def test_an_admin_url_alone_is_a_contradiction() -> None:
    with pytest.raises(SettingsError, match="without MOLTSTACK_DATABASE_URL"):
        Settings.from_env({"MOLTSTACK_ADMIN_DATABASE_URL": "postgresql://localhost/molt"})


SECRETIVE = {
    "MOLTSTACK_DATABASE_URL": "postgresql://molt:hunter2@db/molt?sslpassword=hunter3",
    "MOLTSTACK_REDIS_URL": "redis://:hunter4@cache:6379/0",
    "MOLTSTACK_METRICS_TOKEN": "hunter5",
}


def test_neither_repr_nor_description_shows_a_secret() -> None:
    settings = Settings.from_env(SECRETIVE)
    for shown in (repr(settings), settings.describe()):
        assert "hunter" not in shown
        assert "molt:***@db/molt" in shown


@pytest.mark.parametrize("url", ["postgresql://molt:hun/ter2@db:x/molt", "http://molt:hunter2@db/molt"])
def test_an_error_does_not_show_the_password_of_the_url_that_it_refuses(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"MOLTSTACK_DATABASE_URL": url})
    assert "ter2" not in str(caught.value)


def test_a_url_without_a_password_is_shown_whole() -> None:
    assert redact_url("postgresql://molt@db:5432/molt?host=/run/x") == "postgresql://molt@db:5432/molt?host=/run/x"


def test_the_description_names_every_variable_with_default_and_present_value() -> None:
    described = Settings.from_env({"MOLTSTACK_PORT": "9000"}).describe()
    assert "MOLTSTACK_PORT" in described
    assert "default: 8080   now: 9000" in described
    assert "default: DATA_DIR/keys   now: .moltstack/keys" in described
    assert described.count("default: ") == len(Settings.__dataclass_fields__)
