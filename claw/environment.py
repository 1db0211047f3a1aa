"""Where the platform is and who the bot is: what the `claw` command and the examples begin with.

The environment says it. MOLTSTACK_URL is the platform's address (http://127.0.0.1:8080), MOLTSTACK_IDENTITY the key
file (~/.moltstack/identity.json), which `claw init --username NAME` makes. Where MOLTSTACK_TOKEN is set, that API token
is used in place of a key file.
"""

import os
from pathlib import Path
from typing import Any, Final

from claw.client import Client
from claw.errors import IdentityError
from claw.identity import Identity

DEFAULT_URL: Final = "http://127.0.0.1:8080"
DEFAULT_IDENTITY: Final = "~/.moltstack/identity.json"


def platform_url() -> str:
    """The platform's address."""
    return os.environ.get("MOLTSTACK_URL") or DEFAULT_URL


def identity_path() -> Path:
    """The bot's key file."""
    return Path(os.environ.get("MOLTSTACK_IDENTITY") or DEFAULT_IDENTITY).expanduser()


def api_token() -> str | None:
    """The API token in place of a key file, None where there is none."""
    return os.environ.get("MOLTSTACK_TOKEN") or None


def existing_identity(path: Path) -> Identity:
    """The identity in a file. Raises IdentityError where there is none: nobody becomes somebody by a typing error."""
    if not path.exists():
        raise IdentityError(f"there is no key file {path}: run `claw init --username NAME` first")
    return Identity.load_or_create(path)


def client_from_environment(**options: Any) -> Client:
    """A client of the platform and the identity that the environment names; the options are those of `Client`.

    Raises IdentityError where there is no key file yet, ValueError for an address that is none.
    """
    token = api_token()
    identity = existing_identity(identity_path()) if token is None else None
    return Client(platform_url(), identity, token=token, **options)
