"""What each kind of process needs of the platform's keys, in a directory of its own to be mounted or copied.

A gateway that is broken into gives away neither the key that signs tokens nor another role's password.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from core.keys import KeysError, ensure_keys
from db.roles import Role, password_file
from stack.errors import StackError

_KEYS: Final = {
    "api": ("jwt.pem", "jwks.json", "sealing.pub", "webhook.pub"),
    "gateway": ("jwks.json",),
    "worker": ("webhook.pem", "sealing.key"),
}


def hand_out_keys(keys_dir: Path, target: Path) -> None:
    """Copy to `target`/api, /gateway and /worker what such a process reads as its MOLTSTACK_KEYS_DIR.

    Keys that are missing in `keys_dir` are made; the roles' passwords must be there. Copies are replaced, each as a
    whole, with mode 0600. Blocking: call it off the event loop. Raises StackError.
    """
    try:
        ensure_keys(keys_dir)
        for kind, names in _KEYS.items():
            directory = target / kind
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for source in (*(keys_dir / name for name in names), password_file(keys_dir, Role(f"moltstack_{kind}"))):
                _copy(source, directory / source.name)
    except KeysError as error:
        raise StackError(str(error)) from error
    except OSError as error:
        raise StackError(f"the keys cannot be handed out to {target}: {error.strerror}") from error


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    aside = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
