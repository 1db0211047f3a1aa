"""Processes and directories of the embedded servers: found, ended, made private.

Who still runs on a directory is asked of the kernel (`/proc/PID/cwd`: both servers make their directory their working
directory), not of a pid file, whose number may long belong to somebody else.
"""

import asyncio
import hashlib
import os
import signal
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stack.embedded.identity import Identity
from stack.errors import EmbeddedError

# The environment of the servers: nothing of ours, so no PGDATA or LC_ALL of the operator's can bend them.
SERVER_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

# sockaddr_un holds 108 bytes, the last one zero.
_LONGEST_SOCKET_PATH = 107
_LOG_KEPT_BYTES = 4 << 20


def processes_in(directory: Path, program: str) -> list[int]:
    """The ids of the processes named `program` whose working directory is `directory`, the oldest id first."""
    try:
        wanted = directory.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            cwd = (entry / "cwd").stat()
            if (cwd.st_dev, cwd.st_ino) != (wanted.st_dev, wanted.st_ino):
                continue
            if (entry / "comm").read_text(encoding="utf-8", errors="replace").strip() == program:
                found.append(int(entry.name))
        except OSError:
            continue  # It ended while we looked, or it is another user's and so not ours.
    return sorted(found)


async def end_processes(pids: Sequence[int], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Signal processes that are not our children until they are gone.

    Args:
        pids: whom.
        steps: signals and the seconds to wait after each; processes that are gone get no further signal.

    Raises:
        EmbeddedError: some outlived the last step, or may not be signalled.
    """
    for number, patience in steps:
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            except PermissionError:
                raise EmbeddedError(
                    f"process {pid} of a killed run may not be ended by this user; end it by hand"
                ) from None
        alive = await asyncio.gather(*(_outlives(pid, patience) for pid in pids))
        pids = [pid for pid, still in zip(pids, alive, strict=True) if still]
        if not pids:
            return
    raise EmbeddedError(f"process {pids[0]} of a killed run cannot be ended; end it by hand and try again")


async def _outlives(pid: int, patience: float) -> bool:
    """Whether a process that need not be our child still lives after `patience` seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)  # A pidfd becomes readable when its process ends.
    try:
        await asyncio.wait_for(gone.wait(), patience)
    except TimeoutError:
        return True
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return False


async def end_child(process: asyncio.subprocess.Process, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Signal a child of ours, waiting after each step, until it is gone and reaped; the last resort is SIGKILL."""
    for number, patience in steps:
        if process.returncode is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            continue
    if process.returncode is None:
        process.kill()
    await process.wait()


def private_directory(path: Path, identity: Identity) -> None:
    """Make `path` a 0700 directory of the service user's, or check that it is one.

    Raises:
        EmbeddedError: somebody else's file or directory is in the way (which in a shared temp directory may be a trap).
    """
    # The parent is only a passage (0711): what is worth guarding lies inside the directory itself.
    path.parent.mkdir(mode=0o711, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), identity.uid):
        raise EmbeddedError(f"{path} is in the way and not ours; remove it and try again")
    path.chmod(0o700)
    identity.own(path)


def socket_directory(data_dir: Path, kind: str, socket_name: str) -> Path:
    """Where the socket of the server `kind` goes: `data_dir/run/kind`, or a short stand-in where that cannot be.

    It cannot where the path is too long, or holds a comma, which separates hosts in a database URL. The stand-in lies
    in the temp directory and is named after the user and the data directory, so that the next run finds it.
    """
    preferred = data_dir / "run" / kind
    if len(os.fsencode(preferred / socket_name)) <= _LONGEST_SOCKET_PATH and "," not in str(preferred):
        return preferred
    digest = hashlib.sha256(os.fsencode(data_dir / kind)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"moltstack-{os.geteuid()}-{digest}"


def open_log(path: Path) -> int:
    """A descriptor that appends to the log; one that has grown large is set aside first, as `.1`."""
    if path.exists() and path.stat().st_size > _LOG_KEPT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def last_words(log: Path, since: int) -> str:
    """The most telling line written to a log after position `since`, behind the one before it, for an error message."""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 16_384))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [number for number, line in enumerate(lines) if "FATAL" in line or "PANIC" in line]
    last = telling[-1] if telling else len(lines) - 1
    # PostgreSQL often names the cause in one line and gives up in the next.
    return " / ".join(lines[max(last - 1, 0) : last + 1]) or "it said nothing"
