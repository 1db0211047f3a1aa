"""A file that comes into being whole or not at all."""

import asyncio
import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.errors import ArchiveError


class Draft:
    """`FILE.partial`, readable by us alone, until `publish` gives it its name; removed when that does not happen.

    A draft that a killed run left is written over; one that a living run writes is not: a kernel lock tells which.
    """

    def __init__(self, target: Path) -> None:
        """Set up without touching anything; an existing `target` is refused."""
        self._target = target
        self._partial = target.with_name(f"{target.name}.partial")
        self.descriptor = -1

    def __enter__(self) -> Self:
        """Make the draft. Raises ArchiveError."""
        if self._target.exists():
            raise self._in_the_way()
        try:
            self.descriptor = self._open()
        except OSError as error:
            raise ArchiveError(f"{self._partial} cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._partial.unlink(missing_ok=True)
        os.close(self.descriptor)

    async def publish(self) -> int:
        """Bring the draft to disk and give it its name; its size in bytes. Raises ArchiveError."""
        try:
            await asyncio.to_thread(os.fsync, self.descriptor)
            await asyncio.to_thread(self._name)
        except FileExistsError:
            raise self._in_the_way() from None
        except OSError as error:
            raise ArchiveError(f"{self._target} cannot be written: {error.strerror}") from error
        return os.fstat(self.descriptor).st_size

    def _open(self) -> int:
        while True:
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Between opening and locking, who had the lock may have given this very file its name.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), self._partial.lstat()):
                        os.fchmod(descriptor, 0o600)
                        os.ftruncate(descriptor, 0)
                        return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise ArchiveError(f"another backup is writing {self._partial} just now") from None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _name(self) -> None:
        # A link refuses to overwrite, where a rename would not ask. The draft's own name goes at the end.
        try:
            os.link(self._partial, self._target)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS) or self._target.exists():
                raise
            self._partial.rename(self._target)  # A file system without links.
        directory = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _in_the_way(self) -> ArchiveError:
        return ArchiveError(f"{self._target} exists and is not overwritten; name another file")
