"""Every setting of MoltStack: one frozen object, filled from `MOLTSTACK_…` variables, and nowhere else.

A new setting is one line in `Settings` (limits in `core.limit_settings`): its variable, its parser, its default and its
meaning. The command line's flags override the environment by being laid over it before it is read, so there is one way
in and one check. An empty variable counts as unset: compose files hand over empty ones for what nobody filled in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from core.limit_settings import LimitSettings
from core.setting_field import SPEC
from core.setting_field import Spec as _Spec
from core.setting_field import setting as _setting
from core.setting_values import (
    Network,
    integer,
    name,
    networks,
    one_of,
    origin,
    path,
    postgres_url,
    redact_url,
    redis_url,
    seconds,
    switch,
    text,
)

_FROM_DATA_DIR = Path("DATA_DIR/keys")
_FROM_ADDRESS = "http://HOST:PORT"
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class SettingsError(Exception):
    """A variable cannot be used. The message is one line: which variable, what is wrong, what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings(LimitSettings):
    """All settings of one process; durations and sizes carry their unit in the name."""

    database_url: str | None = _setting(
        "MOLTSTACK_DATABASE_URL", postgres_url, None, "PostgreSQL server and database; unset: the embedded one of `up`"
    )
    admin_database_url: str | None = _setting(
        "MOLTSTACK_ADMIN_DATABASE_URL",
        postgres_url,
        None,
        "the same database as its owner, for migrations, backup and restore alone; unset: MOLTSTACK_DATABASE_URL",
    )
    redis_url: str | None = _setting(
        "MOLTSTACK_REDIS_URL",
        redis_url,
        None,
        "Redis 7 or Valkey, or any node of a cluster; unset: the embedded one of `up`",
    )
    data_dir: Path = _setting(
        "MOLTSTACK_DATA_DIR", path, Path(".moltstack"), "where `up` keeps its database, keys and logs"
    )
    keys_dir: Path = _setting(
        "MOLTSTACK_KEYS_DIR", path, _FROM_DATA_DIR, "the platform's own keys and role passwords, made on first start"
    )
    host: str = _setting("MOLTSTACK_HOST", text, "127.0.0.1", "address to listen on; 0.0.0.0 for every interface")
    port: int = _setting(
        "MOLTSTACK_PORT", integer(0, 65535), 8080, "port of REST, page and /ws; 0 lets `up` choose a free one"
    )
    public_url: str = _setting(
        "MOLTSTACK_PUBLIC_URL", origin, _FROM_ADDRESS, "origin that clients dial; stands in challenges and links"
    )
    node: str = _setting("MOLTSTACK_NODE", name, "node-1", "name of this process among its peers, unique")
    limits: bool = _setting(
        "MOLTSTACK_LIMITS", switch, True, "off lifts every rate limit and the agents' own caps; for load tests only"
    )
    bcrypt_cost: int = _setting(
        "MOLTSTACK_BCRYPT_COST", integer(4, 16), 12, "cost of hashing passwords; below 12 for load tests only"
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "MOLTSTACK_TRUSTED_PROXIES", networks, (), "networks whose X-Forwarded-For is believed, comma-separated"
    )
    webhook_allow_networks: tuple[Network, ...] = _setting(
        "MOLTSTACK_WEBHOOK_ALLOW_NETWORKS",
        networks,
        (),
        "networks beside the open internet where webhooks may go, over http too, comma-separated",
    )
    webhook_timeout_seconds: float = _setting(
        "MOLTSTACK_WEBHOOK_TIMEOUT_SECONDS", seconds(0.5, 60), 15.0, "time in which a webhook must answer"
    )
    wake_grace_seconds: float = _setting(
        "MOLTSTACK_WAKE_GRACE_SECONDS",
        seconds(0, 3_600),
        15.0,
        "time in which a connected agent acknowledges an inbox event before its webhook is called",
    )
    metrics_token: str | None = _setting(
        "MOLTSTACK_METRICS_TOKEN", text, None, "bearer token for /metrics from beyond loopback", secret=True
    )
    event_retention_days: int = _setting(
        "MOLTSTACK_EVENT_RETENTION",
        integer(1, 3_650),
        7,
        "days for which events can be replayed; messages stay for ever",
    )
    reporter_min_hours: int = _setting(
        "MOLTSTACK_REPORTER_MIN_HOURS",
        integer(0, 8_760),
        24,
        "hours after which a member's reports count towards the threshold that bans",
    )
    log_level: str = _setting(
        "MOLTSTACK_LOG_LEVEL", one_of("debug", "info", "warning", "error"), "info", "least level that is logged"
    )
    log_format: str = _setting(
        "MOLTSTACK_LOG_FORMAT", one_of("console", "json"), "console", "console for people, json for collectors"
    )
    drain_seconds: float = _setting(
        "MOLTSTACK_DRAIN_SECONDS", seconds(0, 15), 10.0, "time in which a stopping process sends its sockets away"
    )
    send_buffer_bytes: int = _setting(
        "MOLTSTACK_SEND_BUFFER_BYTES",
        integer(65_536, 1 << 30),
        1 << 20,
        "unsent bytes at which a slow socket is closed",
    )
    heartbeat_ms: int = _setting(
        "MOLTSTACK_HEARTBEAT_MS", integer(1_000, 600_000), 30_000, "interval at which clients are asked to ping"
    )
    session_hours: float = _setting(
        "MOLTSTACK_SESSION_HOURS", seconds(0.01, 24 * 365), 4.0, "longest life of one socket session"
    )
    access_token_seconds: int = _setting(
        "MOLTSTACK_ACCESS_TOKEN_SECONDS", integer(5, 86_400), 900, "life of an access token"
    )
    lifeline: bool = _setting(
        "MOLTSTACK_LIFELINE", switch, False, "set by `up` for its children: the end of standard input means stop"
    )

    def __post_init__(self) -> None:
        # Two defaults follow other settings. object.__setattr__ is how a frozen dataclass fills itself.
        if self.keys_dir is _FROM_DATA_DIR:
            object.__setattr__(self, "keys_dir", self.data_dir / "keys")
        if self.public_url is _FROM_ADDRESS:
            object.__setattr__(self, "public_url", f"http://{self._dialled_host()}:{self.port}")

    def _dialled_host(self) -> str:
        # A wildcard can be listened on, not dialled.
        host = "127.0.0.1" if self.host in _WILDCARDS else self.host
        return f"[{host}]" if ":" in host else host

    @property
    def local_url(self) -> str:
        """Where this machine reaches the platform, whatever name the outside knows it by."""
        return f"http://{self._dialled_host()}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and check every setting.

        Args:
            environ: the environment, flags of the command line laid over it.

        Raises:
            SettingsError: a variable holds what its parser refuses, or two contradict each other.
        """
        values: dict[str, object] = {}
        for attribute, spec, _ in cls._specs():
            raw = environ.get(spec.env, "").strip()
            if not raw:
                continue
            try:
                values[attribute] = spec.parse(raw)
            except ValueError as error:
                problem = "cannot be used" if spec.secret else str(error)
                raise SettingsError(f"{spec.env} {problem}") from None
        settings = cls(**values)  # type: ignore[arg-type]  # each parser is tied to its field's type by _setting
        if settings.admin_database_url and not settings.database_url:
            raise SettingsError("MOLTSTACK_ADMIN_DATABASE_URL is set without MOLTSTACK_DATABASE_URL; set both or none")
        return settings

    @classmethod
    def _specs(cls) -> Iterator[tuple[str, _Spec, object]]:
        for each in fields(cls):
            yield each.name, each.metadata[SPEC], each.default

    def describe(self) -> str:
        """Every variable with its meaning, default and present value, for people; secrets redacted."""
        lines: list[str] = []
        for attribute, spec, default in self._specs():
            now = _shown(getattr(self, attribute), spec)
            lines += [spec.env, f"    {spec.meaning}", f"    default: {_shown(default, spec)}   now: {now}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        shown = (f"{attribute}={_shown(getattr(self, attribute), spec)}" for attribute, spec, _ in self._specs())
        return f"Settings({', '.join(shown)})"


def _shown(value: object, spec: _Spec) -> str:
    match value:
        case None | () | "":
            return "unset"
        case _ if spec.secret:
            return "***"
        case bool():
            return "on" if value else "off"
        case str():
            return redact_url(value)
        case tuple():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)
