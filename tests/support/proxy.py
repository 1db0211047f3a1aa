"""A wire between two processes that a test can cut, or make swallow everything without a word."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to the unix socket or port `target`. `async with` opens it.

    `opened` counts the connections, `sent` the bytes that went to the target.
    """

    def __init__(self, target: str | int) -> None:
        self.port = 0
        self.opened = 0
        self.sent = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._wires: set[_Wire] = set()
        self._is_cut = False
        self._is_silent = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        while self._wires:
            await asyncio.sleep(0.01)

    def cut(self) -> None:
        """Close all connections, and each new one at once."""
        self._is_cut = True
        for wire in self._wires:
            wire.close()

    def fall_silent(self) -> None:
        """From now on nothing comes through, and nobody is told: connections stay open, new ones are taken."""
        self._is_silent = True
        for wire in self._wires:
            wire.is_silent = True

    def mend(self) -> None:
        """Pass on what connects from now on. What went into a silent wire never arrives."""
        self._is_cut = self._is_silent = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        self.opened += 1
        wire = _Wire(self, is_silent=self._is_silent)
        self._wires.add(wire)
        try:
            await wire.carry(self._target, reader, writer)
        finally:
            self._wires.discard(wire)


class _Wire:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, *, is_silent: bool) -> None:
        self.is_silent = is_silent
        self._proxy = proxy
        self._writers: list[asyncio.StreamWriter] = []

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, target: str | int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            if isinstance(target, int):
                theirs, ours = await asyncio.open_connection("127.0.0.1", target)
            else:
                theirs, ours = await asyncio.open_unix_connection(target)
            self._writers.append(ours)
            await asyncio.gather(self._pass_on(reader, ours, counted=True), self._pass_on(theirs, writer))
        except OSError:
            pass  # The other side is not there: whoever dialled is cut off.
        finally:
            self.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool = False
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if counted:
                    self._proxy.sent += len(data)
                if not self.is_silent:
                    writer.write(data)
                    await writer.drain()
        if not self.is_silent:
            writer.close()
