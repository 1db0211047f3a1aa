"""`moltstack init`: the `.env` that docker-compose.yml is filled in with, its secrets made afresh."""

import os
import re
import secrets
from pathlib import Path
from typing import Final

from core.setting_values import origin
from stack.errors import StackError

DEFAULT_PUBLIC_URL: Final = "http://localhost:8080"
DEFAULT_LISTEN: Final = "127.0.0.1:8080"

# An IPv4 address or an IPv6 one in brackets, and a port: what an engine can publish.
_LISTEN: Final = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_SECRET_BYTES: Final = 32


def env_text(*, public_url: str, listen: str, postgres: str = "", valkey: str = "", metrics: str = "") -> str:
    """The file's text; `.env.example` is the one without the three secrets."""
    return f"""\
# What docker-compose.yml is filled in with. `moltstack init` writes it as .env, with secrets in it: guard that file.

# The origin that clients dial: it stands in what they sign, so it must be the one from outside.
MOLTSTACK_PUBLIC_URL={public_url}

# Where nginx listens on this machine. Keep it on loopback where something in front of it speaks TLS.
LISTEN={listen}

# Passwords of the stores, which no process but ours reaches; letters, digits, - and _ only, since they stand in URLs.
# PostgreSQL takes its own when its volume is made: to change it later, `alter role` in the database as well.
POSTGRES_PASSWORD={postgres}
VALKEY_PASSWORD={valkey}

# Bearer token for /metrics, which each process answers inside and nginx does not pass on.
MOLTSTACK_METRICS_TOKEN={metrics}

# Proxies in front of nginx whose X-Forwarded-For is believed, as addresses or networks, comma-separated.
MOLTSTACK_TRUSTED_PROXIES=

# The network between nginx and the servers, and nginx' address in it. Others only where these are taken.
EDGE_SUBNET=172.30.77.0/24
EDGE_NGINX=172.30.77.10
"""


def write_env(file: Path, *, public_url: str, listen: str, force: bool) -> str:
    """Write `file` (mode 0600) with new secrets; what the operator is to do next.

    An existing file is only replaced with `force`. The file comes into being whole or not at all. Raises StackError.
    """
    try:
        dialled = origin(public_url)
    except ValueError as error:
        raise StackError(f"--public-url {error}") from None
    if not _LISTEN.fullmatch(listen):
        raise StackError(f"--listen is {listen!r}; give an address and a port such as {DEFAULT_LISTEN}")
    made = {name: secrets.token_urlsafe(_SECRET_BYTES) for name in ("postgres", "valkey", "metrics")}
    _publish(file, env_text(public_url=dialled, listen=listen, **made), force=force)
    return "\n".join(
        (
            f"{file} is written, with new secrets. Keep a copy of it apart from the backups.",
            "Next, beside docker-compose.yml:",
            "  docker compose build && docker compose up --detach",
            f"then open {dialled}/ and see docs/operate.md.",
        )
    )


def _publish(file: Path, text: str, *, force: bool) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            if force:
                aside.replace(file)
            else:
                os.link(aside, file)  # Refuses to overwrite, where a rename would not ask.
        finally:
            aside.unlink(missing_ok=True)
    except FileExistsError:
        raise StackError(
            f"{file} exists and is kept: the stores know its passwords; --force replaces it with new ones"
        ) from None
    except OSError as error:
        raise StackError(f"{file} cannot be written: {error.strerror}") from error
