"""The test's end of `webhook_receiver`: where to call, and what arrived there."""

import asyncio
import base64
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("webhook_receiver.py")
_PATIENCE_S = 30
_names = itertools.count(1)


@dataclass(frozen=True)
class Arrival:
    """One call as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """A running receiver."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._arrivals: list[Arrival] = []
        self._news = asyncio.Condition()

    def path(self, answers: str = "204") -> str:
        """A path of one's own that answers so."""
        return f"/{answers}/{next(_names)}"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str, kind: str | None = None) -> list[Arrival]:
        """What arrived there so far: all that is no probe, or calls of one type."""
        return [each for each in self._arrivals if each.path == path and _is_of(each, kind)]

    async def until(self, path: str, count: int, kind: str | None = None) -> list[Arrival]:
        """Wait until so many have arrived there."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._news:
                await self._news.wait_for(lambda: len(self.at(path, kind)) >= count)
        except TimeoutError:
            found = [(each.path, each.body) for each in self._arrivals]
            raise AssertionError(f"not {count} calls to {path}, but {found}") from None
        return self.at(path, kind)

    async def take(self, line: bytes) -> None:
        """A line of the receiver's output."""
        fields = json.loads(line)
        async with self._news:
            self._arrivals.append(Arrival(**{**fields, "body": base64.b64decode(fields["body"])}))
            self._news.notify_all()


def _is_of(arrival: Arrival, kind: str | None) -> bool:
    found = arrival.json.get("type")
    return found != "webhook.probe" if kind is None else found == kind


@asynccontextmanager
async def running_receiver(*arguments: str) -> AsyncIterator[Receiver]:
    """Start one, over TLS where it is given a file with certificate and key, and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_SCRIPT), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    receiver = Receiver(json.loads(await process.stdout.readline())["port"])
    lines = process.stdout

    async def read() -> None:
        while line := await lines.readline():
            await receiver.take(line)

    reading = asyncio.create_task(read())
    try:
        yield receiver
    finally:
        process.kill()
        await process.wait()
        await reading
        process.stdin.close()
