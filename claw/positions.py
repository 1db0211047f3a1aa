"""How far a bot has handled each stream, kept in a file, so that it goes on there when it starts again.

The file appears whole or not at all, and is on the disk before `save` returns: a bot that is killed at any line finds
either the position before an event or the one after it.
"""

import asyncio
import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from claw.errors import PositionsError
from claw.events import Position


class _Stored(Struct, frozen=True):
    """The file's content: positions by stream, for the agent that they belong to."""

    agent: str | None = None
    streams: dict[str, Position] = {}


class Positions:
    """The positions of one bot. One process at a time may hold them: enter it, or give it to a client.

    Every method that touches the file raises PositionsError, in one line, where it cannot.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """`path` is the file; it and its directory are made where missing."""
        self._path = Path(path).expanduser()
        self._lock_file: int | None = None
        self._agent: str | None = None
        self._streams: dict[str, Position] = {}
        self._unsaved = False
        self._saving = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Positions({str(self._path)!r}, {len(self._streams)} streams)"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def open(self) -> None:
        """Take the file for this process and read it."""
        if self._lock_file is None:
            stored = await asyncio.to_thread(self._take)
            self._agent, self._streams = stored.agent, dict(stored.streams)

    def close(self) -> None:
        """Leave the file to others."""
        descriptor, self._lock_file = self._lock_file, None
        if descriptor is not None:
            os.close(descriptor)

    def belong_to(self, agent_id: str) -> None:
        """Say whose positions these are; those of another agent, or of another platform's, are forgotten."""
        if self._agent != agent_id:
            self._agent = agent_id
            self._streams.clear()
            self._unsaved = True

    def get(self, stream: str) -> Position | None:
        """The last position that was noted."""
        return self._streams.get(stream)

    def note(self, stream: str, position: Position) -> None:
        """Everything up to `position` was handled. Kept on disk by the next `save`."""
        before = self._streams.get(stream)
        if before is None or before.epoch != position.epoch or before.seq < position.seq:
            self._streams[stream] = position
            self._unsaved = True

    def forget(self, stream: str) -> None:
        """The stream is followed no longer."""
        if self._streams.pop(stream, None) is not None:
            self._unsaved = True

    async def save(self) -> None:
        """Return when all that was noted is on the disk. Callers that wait together share one write."""
        async with self._saving:
            if not self._unsaved:
                return
            self._unsaved = False
            data = msgspec.json.encode(_Stored(self._agent, self._streams))
            writing = asyncio.ensure_future(asyncio.to_thread(self._write, data))
            try:
                # Shielded: who is cancelled meanwhile must not let go of the lock while the file is being written.
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                self._unsaved = self._unsaved or writing.exception() is not None
                raise
            except PositionsError:
                self._unsaved = True
                raise

    def _take(self) -> _Stored:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise PositionsError(f"cannot make the position file {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stored = _read(self._path)
        except BlockingIOError:
            os.close(descriptor)
            raise PositionsError(f"{self._path} is in use by another process: two bots cannot share it") from None
        except BaseException:
            os.close(descriptor)
            raise
        self._lock_file = descriptor
        return stored

    def _write(self, data: bytes) -> None:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._path)
            finally:
                draft.unlink(missing_ok=True)
            # The rename itself must outlive a power cut too.
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise PositionsError(f"cannot save the position in {self._path}: {error.strerror}") from None


def _read(path: Path) -> _Stored:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Stored)
    except FileNotFoundError:
        return _Stored()
    except OSError as error:
        raise PositionsError(f"cannot read the position file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f"{path} is not a position file of this SDK: move it away to begin with what is new"
        raise PositionsError(text) from None
