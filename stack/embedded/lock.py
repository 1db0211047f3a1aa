"""One `moltstack up` at a time on a data directory, and none before the children of a killed one are gone."""

import asyncio
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.errors import DataDirTakenError, EmbeddedError


class DataDirLock:
    """Two kernel locks (`flock`) that vanish with their holders, so that nothing stale can remain.

    `up.lock` belongs to the supervisor alone: whoever meets it held is told at once. `children.lock` is inherited by
    every child: while it is held without the first, a supervisor was killed and its children are draining; the next
    run waits for them instead of failing on their port.

    `async with DataDirLock(data_dir) as lock` makes the directory if need be and holds both.
    """

    def __init__(self, data_dir: Path, *, patience: float = 25.0) -> None:
        """Set up without touching anything.

        Args:
            data_dir: the directory to guard.
            patience: seconds to wait for the children of a killed run.
        """
        self._data_dir = data_dir
        self._patience = patience
        self._files: list[int] = []

    @property
    def children_fd(self) -> int:
        """The descriptor that every child is to inherit."""
        return self._files[1]

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._acquire_own)
            await self._acquire_children()
        except BaseException:
            self.release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give both locks back; the files stay, since removing a lock file is a race."""
        while self._files:
            os.close(self._files.pop())

    def _acquire_own(self) -> None:
        try:
            # 0711: the service user of PostgreSQL may pass through to its own directory, nobody may look around.
            self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
            own = self._open("up.lock")
            self._open("children.lock")
        except OSError as error:
            raise EmbeddedError(
                f"the data directory {self._data_dir} cannot be written ({error.strerror}); "
                "give another one with --data-dir or MOLTSTACK_DATA_DIR"
            ) from error
        if not _try_lock(own):
            holder = os.pread(own, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirTakenError(
                f"another moltstack (process {holder}) runs on {self._data_dir}; stop it, or give another --data-dir"
            )
        os.ftruncate(own, 0)
        os.pwrite(own, f"{os.getpid()}\n".encode(), 0)

    async def _acquire_children(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        # flock has no timed wait; this happens only after a kill, and for seconds.
        while not _try_lock(self._files[1]):
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedError(
                    f"processes of a killed moltstack still run on {self._data_dir}; "
                    f"`fuser {self._data_dir / 'children.lock'}` names them"
                )
            await asyncio.sleep(0.05)

    def _open(self, name: str) -> int:
        self._files.append(os.open(self._data_dir / name, os.O_RDWR | os.O_CREAT, 0o600))
        return self._files[-1]


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
