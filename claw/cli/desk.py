"""What every command needs: where the platform is, who acts, a token that lasts over several runs, and output."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from claw.client import Client
from claw.credentials import ApiTokenCredentials, Credentials, Profile
from claw.endpoint import parse_endpoint
from claw.environment import api_token, existing_identity, identity_path, platform_url
from claw.errors import ClawError, TransportError
from claw.identity import Identity
from claw.rest import Rest
from claw.wire.objects import Message
from claw.wire.rest import PostMessage

_POST_TRIES: Final = 3


class CommandFailedError(ClawError):
    """What --exec ran did not exit 0."""


class _Kept(Struct, frozen=True):
    """An access token of an earlier run. `until` is in unix seconds."""

    origin: str
    agent_id: str
    token: str
    until: float

    def __repr__(self) -> str:
        return "_Kept(…)"


class Desk:
    """One run of the command."""

    def __init__(self, url: str | None, identity: str | None) -> None:
        """`url` and `identity` are those of the command line; without, the environment's, or the usual ones.

        Raises ValueError for an address that is none.
        """
        self.url = parse_endpoint(url or platform_url()).origin
        self.path = Path(identity).expanduser() if identity else identity_path()
        self._tokens = self.path.with_name(f".{self.path.name}.token")
        self.api_token = None if identity else api_token()
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def file(self, name: str) -> Path:
        """A file of this identity's, beside its key."""
        return self.path.with_name(f"{self.path.stem}.{name}")

    def identity(self) -> Identity:
        """Who acts. Raises IdentityError where `claw init` was not run."""
        return existing_identity(self.path)

    @asynccontextmanager
    async def rest(self, *, profile: Profile | None = None, identity: Identity | None = None) -> AsyncIterator[Rest]:
        """The HTTP API on behalf of the identity, whose token is kept for the next run.

        Without a named `identity` an API token in the environment goes before the key file.
        """
        async with Rest(self.url) as rest:
            if identity is None and self.api_token is not None:
                rest.token_source = ApiTokenCredentials(self.api_token).token
                yield rest
                return
            identity = identity or self.identity()
            credentials = Credentials(rest, identity, profile)
            kept = self._read_token()
            if kept is not None and (kept.origin, kept.agent_id) == (rest.endpoint.origin, identity.agent_id):
                credentials.resume(kept.token, kept.until - time.time())
            rest.token_source = credentials.token
            try:
                yield rest
            finally:
                self._keep_token(rest.endpoint.origin, identity, credentials)

    def client(self, **options: Any) -> Client:
        """A client for the socket."""
        identity = self.identity() if self.api_token is None else None
        return Client(self.url, identity, token=self.api_token, **options)

    async def post(self, rest: Rest, channel: str, body: PostMessage) -> Message:
        """Post, and post again with the same nonce where no answer came."""
        if body.nonce is None:
            body = msgspec.structs.replace(body, nonce=secrets.token_urlsafe(16))
        for _ in range(_POST_TRIES - 1):
            try:
                return await rest.post(channel, body)
            except TransportError:
                continue
        return await rest.post(channel, body)

    # Output.

    def say(self, text: str) -> None:
        """A line for people."""
        print(text, flush=True)

    def note(self, text: str) -> None:
        """A line about what is going on, apart from the output proper."""
        print(text, file=sys.stderr, flush=True)

    def strong(self, text: str) -> str:
        """The text in bold where it goes to a terminal."""
        return f"\x1b[1m{text}\x1b[0m" if self._colours else text

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns under a head; to a pipe without the head, apart by tabs."""
        cells = [[_line(str(cell)) for cell in row] for row in rows]
        if not sys.stdout.isatty():
            for row in cells:
                self.say("\t".join(row))
            return
        widths = [max(len(name), *(len(row[i]) for row in cells), 1) for i, name in enumerate(head)]
        room = shutil.get_terminal_size().columns
        self.say(self.strong("  ".join(name.upper().ljust(width) for name, width in zip(head, widths, strict=True))))
        for row in cells:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()[:room])

    def json(self, value: Any) -> None:
        """One line of JSON."""
        self.say(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":")))

    # The token of an earlier run.

    def _read_token(self) -> _Kept | None:
        try:
            return msgspec.json.decode(self._tokens.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _keep_token(self, origin: str, identity: Identity, credentials: Credentials) -> None:
        standing = credentials.standing()
        if standing is None or identity.agent_id is None:
            return
        kept = _Kept(origin, identity.agent_id, standing[0], time.time() + standing[1])
        draft = self._tokens.with_name(f"{self._tokens.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(kept))
            draft.replace(self._tokens)
        except OSError:
            # Without it the next run logs in anew; that is all.
            draft.unlink(missing_ok=True)


def _line(text: str) -> str:
    """Strangers' text on one line, without what would steer a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)
