"""How the text of an environment variable becomes a checked value.

Each parser takes the variable's text and gives the value, or raises `ValueError` whose message finishes
the sentence "MOLTSTACK_X …" for a human. `core.settings` is the only caller.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_URL_PASSWORD = re.compile(r"(?P<before>://[^/?#@]*?:)\S*(?=@)")
_QUERY_PASSWORD = re.compile(r"(?P<before>[?&](?:password|sslpassword)=)[^&#]*", re.IGNORECASE)


def redact_url(url: str) -> str:
    """The URL with every password in it (userinfo or query parameter) replaced by `***`."""
    return _QUERY_PASSWORD.sub(r"\g<before>***", _URL_PASSWORD.sub(r"\g<before>***", url))


def text(value: str) -> str:
    """Any text."""
    return value


def path(value: str) -> Path:
    """A file system path; relative ones count from the working directory."""
    return Path(value)


def name(value: str) -> str:
    """A short name that is safe in logs, metric labels and Redis keys."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError(f"is {value!r}; use up to 64 letters, digits, dots, dashes and underscores")
    return value


def integer(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`, both included."""

    def parse(value: str) -> int:
        # int() would also take "1_000", " 7 " and digits of other scripts; a setting is plain.
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not low <= int(value) <= high:
            raise ValueError(f"is {value!r}; give a whole number from {low} to {high}")
        return int(value)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A parser of durations in seconds, fractions allowed, from `low` to `high`, both included."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value) or not low <= float(value) <= high:
            raise ValueError(f"is {value!r}; give seconds from {low:g} to {high:g}")
        return float(value)

    return parse


def switch(value: str) -> bool:
    """`on` or `off`; `1`, `0`, `true`, `false`, `yes` and `no` are understood too."""
    match value.lower():
        case "on" | "1" | "true" | "yes":
            return True
        case "off" | "0" | "false" | "no":
            return False
        case _:
            raise ValueError(f"is {value!r}; give on or off")


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that takes one of `choices`, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"is {value!r}; give one of {', '.join(choices)}")
        return value.lower()

    return parse


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # Reading it is what checks it.
    except ValueError as error:
        # The fault in front, the value redacted: a URL may hold a password, and this line is printed.
        raise ValueError(f"is not a URL ({error}): {redact_url(value)}") from None
    return parts


def postgres_url(value: str) -> str:
    """A `postgresql://` URL, as asyncpg takes it; a unix socket goes into `?host=/directory`."""
    parts = _split(value)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"is {redact_url(value)!r}; give postgresql://user:password@host:port/database")
    return value


def redis_url(value: str) -> str:
    """A `redis://`, `rediss://` (TLS) or `unix://` URL."""
    parts = _split(value)
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.netloc or parts.path):
        raise ValueError(f"is {redact_url(value)!r}; give redis://host:6379/0, rediss://… or unix:///path/to/socket")
    return value


def origin(value: str) -> str:
    """A web origin: `http` or `https`, a host, perhaps a port, and nothing behind; given back without a slash."""
    parts = _split(value)
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise ValueError(f"is {redact_url(value)!r}; give an origin such as https://molt.example, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def networks(value: str) -> tuple[Network, ...]:
    """Comma-separated IP networks or addresses, IPv4 or IPv6."""
    try:
        return tuple(ipaddress.ip_network(item.strip()) for item in value.split(",") if item.strip())
    except ValueError as error:
        raise ValueError(f"holds a fault ({error}); give networks such as 10.0.0.0/8,fd00::/8") from None
