"""Who a bot is: an Ed25519 key in a file that only its owner can read.

The key never leaves the machine; the platform holds the public half. Beside the key the file keeps the username and,
once the platform has given one, the agent id, so that a bot that starts again registers nothing anew. While a key is
being exchanged it holds both, until it is known which one the platform takes.
"""

import base64
import fcntl
import os
import secrets
import stat
from pathlib import Path

import msgspec
from msgspec import Struct
from nacl.signing import SigningKey

from claw.endpoint import parse_endpoint
from claw.errors import ChallengeRefusedError, IdentityError
from claw.wire.agents import ChangeKey
from claw.wire.challenge import InvalidChallengeError, Purpose, parse_challenge
from claw.wire.key_change import key_change_text

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class _Stored(Struct, frozen=True, omit_defaults=True):
    """The file's content. `seed` is the private key in base64, `next_seed` the one that is to take its place."""

    seed: str
    username: str | None = None
    agent_id: str | None = None
    next_seed: str | None = None

    def __repr__(self) -> str:
        return f"_Stored({self.username!r}, …)"


class Identity:
    """A key pair and the name that it goes by. Made by `load_or_create`; the private key has no way out of here."""

    def __init__(self, path: Path, stored: _Stored) -> None:
        """`stored` is what lies at `path`, or is to lie there. Raises ValueError where it holds no key."""
        self._path = path
        self._key, self._next_key = _keys(stored)
        self._username = stored.username
        self._agent_id = stored.agent_id
        self._lock_file: int | None = None

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
            identity = cls(place, _read(place))
        except FileNotFoundError:
            fresh = cls(place, _Stored(_base64(bytes(SigningKey.generate())), username))
            identity = fresh if fresh._write(replace=False) else cls(place, _read(place))
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
        return _base64(bytes(self._key.verify_key))

    @property
    def is_changing_key(self) -> bool:
        """Whether there are two keys, and the platform takes one of them."""
        return self._next_key is not None

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

    # Exchanging the key: `claw.key_rotation` begins, asks the platform, and ends.

    def begin_key_change(self) -> None:
        """Take the file for this process and have a next key on the disk; one that is there already stays in use.

        Raises IdentityError where another process is at it, or where the file cannot be written.
        """
        try:
            descriptor = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise IdentityError(f"cannot write beside the key file {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.reread()
            if self._next_key is None:
                self._next_key = SigningKey.generate()
                self._write(replace=True)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise IdentityError(f"another process is changing the key in {self._path}: wait for it") from None
            raise
        self._lock_file = descriptor

    def sign_key_change(self, dialled_origin: str) -> ChangeKey:
        """What asks the platform to take the next key in place of the present one, between begin and end."""
        old, new = self._key, self._next_key
        if new is None or self._agent_id is None:
            raise IdentityError(f"{self._path} is not registered yet, or no key change was begun")
        new_key = _base64(bytes(new.verify_key))
        origin = parse_endpoint(dialled_origin).origin
        text = key_change_text(origin=origin, agent_id=self._agent_id, old_key=self.public_key, new_key=new_key)
        by_old, by_new = (_base64(key.sign(text.encode()).signature) for key in (old, new))
        return ChangeKey(public_key=new_key, signed_by_old=by_old, signed_by_new=by_new)

    def end_key_change(self, *, taken: bool) -> None:
        """Leave the file to others; where the platform has `taken` the next key it is the only one from now on."""
        try:
            if taken:
                self.adopt_next_key()
        finally:
            descriptor, self._lock_file = self._lock_file, None
            if descriptor is not None:
                os.close(descriptor)

    def adopt_next_key(self) -> None:
        """The platform knows the next key: the former one is worth nothing any more."""
        if self._next_key is not None:
            self._key, self._next_key = self._next_key, None
            self._write(replace=True)

    def reread(self) -> bool:
        """Look whether another process exchanged the key in the file; gives whether it is another one now."""
        former = self.public_key
        try:
            self._key, self._next_key = _keys(_read(self._path))
        except FileNotFoundError:
            return False
        return self.public_key != former

    def sign(self, challenge_text: str, dialled_origin: str, purpose: Purpose, *, with_next: bool = False) -> str:
        """The signature over a challenge, 64 bytes in base64; `with_next` by the next key, where there is one.

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
        key = (self._next_key or self._key) if with_next else self._key
        return _base64(key.sign(challenge_text.encode()).signature)

    def _write(self, *, replace: bool) -> bool:
        """Write the file through a temporary one; without `replace`, False where the name is already taken."""
        next_seed = None if self._next_key is None else _base64(bytes(self._next_key))
        stored = _Stored(_base64(bytes(self._key)), self._username, self._agent_id, next_seed)
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


def _read(path: Path) -> _Stored:
    """The file's content, keys and all. Raises FileNotFoundError, IdentityError."""
    try:
        with path.open("rb") as file:
            # The mode of what was opened, not of what the name pointed to a moment before.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise IdentityError(f"{path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
            stored = msgspec.json.decode(file.read(), type=_Stored)
        _keys(stored)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise IdentityError(f"cannot read the key file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError):
        raise IdentityError(f"{path} is not a key file of this SDK") from None
    return stored


def _keys(stored: _Stored) -> tuple[SigningKey, SigningKey | None]:
    """The present key and the next. Raises ValueError for what is no private key in base64."""
    seeds = [base64.b64decode(seed, validate=True) for seed in (stored.seed, stored.next_seed) if seed is not None]
    keys = [SigningKey(seed) for seed in seeds]
    return keys[0], keys[1] if len(keys) > 1 else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
