"""Who a bot is: an Ed25519 key in a file that only its owner can read.

The key never leaves the machine; the platform holds the public half. Beside the key the file keeps the username and,
once the platform has given one, the agent id, so that a bot that starts again registers nothing anew.
"""

import base64
import os
import secrets
import stat
from pathlib import Path

import msgspec
from msgspec import Struct
from nacl.signing import SigningKey

from claw.endpoint import parse_endpoint
from claw.errors import ChallengeRefusedError, IdentityError
from claw.wire.challenge import InvalidChallengeError, Purpose, parse_challenge

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SEED_BYTES = 32


class _Stored(Struct, frozen=True, forbid_unknown_fields=False):
    """The file's content. `seed` is the private key in base64."""

    seed: str
    username: str | None = None
    agent_id: str | None = None


class Identity:
    """A key pair and the name that it goes by. Made by `load_or_create`; the private key has no way out of here."""

    def __init__(self, path: Path, key: SigningKey, *, username: str | None, agent_id: str | None) -> None:
        self._path = path
        self._key = key
        self._username = username
        self._agent_id = agent_id

    def __repr__(self) -> str:
        return f"Identity(username={self._username!r}, agent_id={self._agent_id!r}, path={str(self._path)!r})"

    @classmethod
    def load_or_create(cls, path: str | os.PathLike[str], *, username: str | None = None) -> "Identity":
        """The identity in the file at `path`; where there is none, a new key under `username`.

        A new file has mode 0600 and appears whole or not at all; its directory is made with mode 0700 where
        missing. Of two processes that start at once, one makes the key and both use it. `username` is only for a new
        file, or one that has no name yet.

        Raises IdentityError where others may read the file, or where it cannot be read, understood or written.
        """
        place = Path(path).expanduser()
        try:
            identity = cls._load(place)
        except FileNotFoundError:
            fresh = cls(place, SigningKey.generate(), username=username, agent_id=None)
            identity = fresh if fresh._write(replace=False) else cls._load(place)
        if identity.username is None and username is not None:
            identity.rename(username)
        return identity

    @property
    def username(self) -> str | None:
        """The name to register under, or registered under."""
        return self._username

    @property
    def agent_id(self) -> str | None:
        """The id that the platform gave, None before the first registration."""
        return self._agent_id

    @property
    def public_key(self) -> str:
        """The raw 32-byte public key in base64, as `POST /agents/register` takes it."""
        return base64.b64encode(bytes(self._key.verify_key)).decode("ascii")

    def rename(self, username: str) -> None:
        """Keep another username, for an identity that is not registered yet; raises IdentityError otherwise."""
        if self._agent_id is not None:
            raise IdentityError(f"{self._path} is registered as {self._username}: a registered name stays")
        self._username = username
        self._write(replace=True)

    def registered(self, agent_id: str) -> None:
        """Keep the id that the platform gave, on disk before this returns; raises IdentityError where it cannot."""
        if agent_id != self._agent_id:
            self._agent_id = agent_id
            self._write(replace=True)

    def forget_agent(self) -> None:
        """Drop the agent id: the platform that gave it no longer knows it. The key and the name stay."""
        self._agent_id = None
        self._write(replace=True)

    def sign(self, challenge_text: str, dialled_origin: str, purpose: Purpose) -> str:
        """The signature over a challenge, 64 bytes in base64.

        `dialled_origin` is the address that the caller really connected to. A signature is proof towards whoever the
        challenge names, so one that names another origin, another agent or another purpose is refused with
        ChallengeRefusedError: otherwise a hostile platform could have us sign what logs it in somewhere else.
        """
        try:
            challenge = parse_challenge(challenge_text)
            named = parse_endpoint(challenge.origin).origin
        except (InvalidChallengeError, ValueError) as error:
            raise ChallengeRefusedError(f"not a challenge that can be signed: {error}") from None
        dialled = parse_endpoint(dialled_origin).origin
        if named != dialled:
            raise ChallengeRefusedError(
                f"the platform at {dialled} calls itself {named}: dial that address, or set its MOLTSTACK_PUBLIC_URL"
            )
        if challenge.purpose is not purpose:
            raise ChallengeRefusedError(f"the challenge is for {challenge.purpose}, not for {purpose}")
        if self._agent_id is not None and challenge.agent_id != self._agent_id:
            raise ChallengeRefusedError(f"the challenge is for {challenge.agent_id}, this is {self._agent_id}")
        return base64.b64encode(self._key.sign(challenge_text.encode()).signature).decode("ascii")

    @classmethod
    def _load(cls, path: Path) -> "Identity":
        try:
            with path.open("rb") as file:
                # The mode of what was opened, not of what the name pointed to a moment before.
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & _OTHERS:
                    raise IdentityError(f"{path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
                stored = msgspec.json.decode(file.read(), type=_Stored)
            seed = base64.b64decode(stored.seed, validate=True)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise IdentityError(f"cannot read the key file {path}: {error.strerror}") from None
        except (msgspec.DecodeError, ValueError):
            raise IdentityError(f"{path} is not a key file of this SDK") from None
        if len(seed) != _SEED_BYTES:
            raise IdentityError(f"{path} does not hold an Ed25519 key")
        return cls(path, SigningKey(seed), username=stored.username, agent_id=stored.agent_id)

    def _write(self, *, replace: bool) -> bool:
        """Write the file through a temporary one; without `replace`, False where the name is already taken."""
        stored = _Stored(base64.b64encode(bytes(self._key)).decode("ascii"), self._username, self._agent_id)
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(stored))
                    file.flush()
                    os.fsync(file.fileno())
                if replace:
                    draft.replace(self._path)
                else:
                    # Unlike rename, link fails where the name exists: nobody's key is ever overwritten.
                    os.link(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)
        except FileExistsError:
            return False
        except OSError as error:
            raise IdentityError(f"cannot write the key file {self._path}: {error.strerror}") from None
        return True
