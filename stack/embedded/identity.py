"""As whom the embedded servers run.

PostgreSQL refuses to run as root, and is right. An ordinary user runs it as itself; root steps down to `nobody`, or to
the owner of a database that exists already, through util-linux' `setpriv`.

The service user must reach the binaries (in a virtual environment) and its data. Both may lie under a directory that
only root may enter: `/root`, or what `mktemp -d` makes. Opening those directories to everybody, as other managers do,
would change what is not ours and expose what the owner hid. Instead, when and only when a path cannot be walked, the
server keeps one capability of root's: CAP_DAC_READ_SEARCH, which lets it walk and read but not write. Where the
container's bounding set lacks that one (Docker's default does), it is CAP_DAC_OVERRIDE. The capability is ambient,
since an ordinary one would be lost at the first exec.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.errors import EmbeddedError

# In the order of preference: the number in linux/capability.h, and the name that setpriv takes.
_CAPABILITIES = ((2, "dac_read_search"), (1, "dac_override"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to run as; `steps_down` says that it is not the present one."""

    uid: int
    gid: int
    steps_down: bool

    def own(self, path: Path) -> None:
        """Give `path` to this user (not what is below it)."""
        if self.steps_down:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def command(self, argv: Sequence[str], needs: Iterable[Path]) -> list[str]:
        """The command line that runs `argv` as this user.

        Args:
            argv: the program, by its full path, and its arguments.
            needs: files and directories that it must be able to read or enter.

        Raises:
            EmbeddedError: root cannot step down here, or the user cannot be let through to what it needs.
        """
        if not self.steps_down:
            return list(argv)
        setpriv = shutil.which("setpriv", path=os.defpath)
        if setpriv is None:
            raise EmbeddedError(
                "PostgreSQL must not run as root and setpriv is missing; install util-linux, or run as another user"
            )
        command = [setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        blocked = next((path for path in needs if not self._can_read(path)), None)
        if blocked is None:
            command.append("--inh-caps=-all")
        else:
            capability = _available_capability(blocked)
            command += [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"]
        return [*command, "--", *argv]

    def _can_read(self, path: Path) -> bool:
        real = path.resolve()
        want = stat.S_IROTH | stat.S_IXOTH if real.is_dir() else stat.S_IROTH
        return self._allowed(real, want) and all(self._allowed(parent, stat.S_IXOTH) for parent in real.parents)

    def _allowed(self, path: Path, want: int) -> bool:
        """Whether the mode of `path` grants `want`, given in the bits for others, to this user."""
        found = path.stat()
        if found.st_uid == self.uid:
            granted = found.st_mode >> 6
        elif found.st_gid == self.gid:
            granted = found.st_mode >> 3
        else:
            granted = found.st_mode
        return granted & want == want


def service_identity(existing: Path) -> Identity:
    """The user for the embedded servers.

    Args:
        existing: the database directory; when it exists, its owner is kept.

    Raises:
        EmbeddedError: we are root and there is no user to step down to, or the directory is another user's.
    """
    owner = existing.stat() if existing.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{existing} belongs to user {_user_name(owner.st_uid)}; run as that user or as root, "
                "or give another --data-dir"
            )
        return Identity(os.geteuid(), os.getegid(), steps_down=False)
    if owner is not None and owner.st_uid != 0:
        return Identity(owner.st_uid, owner.st_gid, steps_down=True)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL must not run as root and there is no user `nobody` to step down to; run as another user"
        ) from None
    return Identity(nobody.pw_uid, nobody.pw_gid, steps_down=True)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _available_capability(blocked: Path) -> str:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    held = {key: int(value, 16) for key, _, value in (line.partition(":\t") for line in status.splitlines())
            if key in ("CapEff", "CapBnd")}  # fmt: skip
    usable = held["CapEff"] & held["CapBnd"]
    for bit, name in _CAPABILITIES:
        if usable >> bit & 1:
            return name
    raise EmbeddedError(
        f"the user that PostgreSQL runs as may not enter {blocked}, and this root may not let it; "
        "move the checkout and --data-dir to a place that others may pass through"
    )
