"""The database's roles: which there are, how their passwords come about, and the URL with which each logs in.

Every process connects as a login role that owns nothing. A role's password is a random file in the keys directory,
made when the migrations first run; the database is given its SCRAM verifier only, so that not even a logged statement
shows the password.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

_SCRAM_ITERATIONS: Final = 4096


class Role(StrEnum):
    """The login roles, one per kind of process."""

    API = "moltstack_api"
    GATEWAY = "moltstack_gateway"
    WORKER = "moltstack_worker"


class MissingPasswordError(Exception):
    """The keys directory has no password for a role, and the URL names none."""


def password_file(keys_dir: Path, role: Role) -> Path:
    """Where a role's password lies."""
    return keys_dir / f"{role}.password"


def load_or_create_password(keys_dir: Path, role: Role) -> str:
    """The role's password; made, mode 0600, where there is none yet. Blocking: call it off the event loop.

    Several processes may come at once: the file is written aside and linked to its name, so it is absent or whole.
    """
    keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = password_file(keys_dir, role)
    if not path.exists():
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{secrets.token_urlsafe(32)}\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    return path.read_text(encoding="ascii").strip()


def without_login(url: str) -> str:
    """The URL of server and database alone: no user, no password."""
    parts = urlsplit(url)
    return _joined(parts, parts.netloc.rpartition("@")[2], _query_without(parts, "user", "password"))


def without_password(url: str) -> str:
    """The URL with its user and without any password."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return _joined(parts, f"{user.partition(':')[0]}{at}{host}", _query_without(parts, "password", "sslpassword"))


def role_url(server_url: str, role: Role, keys_dir: Path) -> str:
    """The URL with which `role` logs in at the server that `server_url` names.

    A URL that names the role itself is used as it is (a machine that is given one role's password and no keys
    directory); otherwise user and password are replaced. Raises MissingPasswordError.
    """
    parts = urlsplit(server_url)
    if parts.username == role and parts.password:
        return server_url
    path = password_file(keys_dir, role)
    try:
        password = path.read_text().strip()
    except OSError:
        raise MissingPasswordError(
            f"no password for the database role {role}: run `moltstack migrate` first, or copy {path} to this machine"
        ) from None
    bare = urlsplit(without_login(server_url))
    return _joined(bare, f"{role}:{quote(password, safe='')}@{bare.netloc}", bare.query)


def _query_without(parts: SplitResult, *names: str) -> str:
    return "&".join(pair for pair in parts.query.split("&") if pair.partition("=")[0].lower() not in names)


def _joined(parts: SplitResult, netloc: str, query: str) -> str:
    # Not urlunsplit: where the host stands in the query, it would drop the slashes of the empty authority.
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{query}"


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for `password` under SCRAM-SHA-256 (RFC 5803, RFC 7677)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
