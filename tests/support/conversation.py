"""Bots that go on talking and listening whatever happens, and remember all of it: who must get what is then known."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any, Self

import websockets

from tests.support.bots import Bot, Socket

_PATIENCE_S = 60
_PAUSE_S = 0.05

_LOST = (OSError, websockets.WebSocketException, AssertionError)


class Talker:
    """A bot that says one thing after the other on one gateway, each until it is acknowledged."""

    def __init__(self, url: str, bot: Bot, channel: str, name: str) -> None:
        self.acknowledged: dict[str, int] = {}  # content to seq
        self.refusals: list[str] = []
        self._url = url
        self._bot = bot
        self._channel = channel
        self._name = name
        self._socket: Socket | None = None
        self._stopping = False

    async def run(self) -> None:
        for number in itertools.count(1):
            if self._stopping:
                return
            await self.say(f"{self._name} {number}")
            await asyncio.sleep(_PAUSE_S)

    def stop(self) -> None:
        """After the present thing is acknowledged."""
        self._stopping = True

    async def hang_up(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def say(self, content: str) -> None:
        """Say it, again and again until it is acknowledged."""
        while content not in self.acknowledged:
            try:
                if self._socket is None:
                    self._socket = await Socket.open(self._url, self._bot.token)
                await self._socket.send(
                    op="message", channel=self._channel, content=content, nonce=content, ref=content
                )
                answer = await self._answer(self._socket, content)
            except _LOST:
                await self._let_go()
                continue
            if answer["op"] == "message_ack":
                self.acknowledged[content] = answer["seq"]
            else:
                self.refusals.append(answer["code"])
                await asyncio.sleep(_PAUSE_S)

    async def _answer(self, socket: Socket, ref: str) -> dict[str, Any]:
        while True:
            frame = await socket.receive(timeout=_PATIENCE_S)
            if frame.get("ref") == ref:
                return frame

    async def _let_go(self) -> None:
        socket, self._socket = self._socket, None
        await asyncio.sleep(_PAUSE_S)
        if socket is not None:
            await socket.close()


@dataclass
class Heard:
    """What a listener got: contents by position, and what should not have been."""

    contents: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    connections: int = 0


class Listener:
    """A bot that follows a channel on one gateway from its beginning, and resumes when its connection is lost."""

    def __init__(self, url: str, bot: Bot, channel: str) -> None:
        self.heard = Heard()
        self._url = url
        self.bot = bot
        self.channel = channel
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                socket = await Socket.open(self._url, self.bot.token)
            except _LOST:
                await asyncio.sleep(_PAUSE_S)
                continue
            self.heard.connections += 1
            try:
                await self._follow(socket)
            except _LOST:
                continue
            finally:
                await socket.close()

    async def until(self, count: int) -> None:
        """Return when so many messages were heard."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while len(self.heard.contents) < count:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"{len(self.heard.contents)} of {count} heard, {self.heard.faults}") from None

    async def until_more(self, count: int = 5) -> None:
        """Return when so many more were heard than by now."""
        await self.until(len(self.heard.contents) + count)

    async def _follow(self, socket: Socket) -> None:
        await socket.send(op="subscribe", channels=[{"id": self.channel, "after": len(self.heard.contents)}])
        while True:
            frame = await socket.receive(timeout=24 * 3600)
            if frame["op"] == "message":
                if frame["seq"] != len(self.heard.contents) + 1:
                    self.heard.faults.append(f"{frame['seq']} came after {len(self.heard.contents)}")
                self.heard.contents.append(frame["content"])
                self._arrived.set()
            elif frame["op"] == "error":
                # The store was not there to ask: once more from the beginning.
                await asyncio.sleep(_PAUSE_S)
                return


class Conversation:
    """Talkers and listeners in one channel, all running. `async with` begins it, `end` judges it."""

    def __init__(self, talkers: list[Talker], listeners: list[Listener]) -> None:
        self.talkers = talkers
        self.listeners = listeners
        self._talking: list[asyncio.Task[None]] = []
        self._listening: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._listening = [asyncio.create_task(each.run()) for each in self.listeners]
        self._talking = [asyncio.create_task(each.run()) for each in self.talkers]
        for listener in self.listeners:
            await listener.until(5)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in [*self._talking, *self._listening]:
            task.cancel()
        await asyncio.gather(*self._talking, *self._listening, return_exceptions=True)
        for talker in self.talkers:
            await talker.hang_up()

    def join(self, listener: Listener) -> None:
        """One more who is to hear everything."""
        self.listeners.append(listener)
        self._listening.append(asyncio.create_task(listener.run()))

    async def end(self) -> None:
        """Fall silent, and see that everybody heard each thing once, in one order, at the place it was promised."""
        for talker in self.talkers:
            talker.stop()
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*self._talking)
        # Behind it, in its order, nothing can come any more that belongs before.
        await self.talkers[0].say("the end")
        said = {content: seq for talker in self.talkers for content, seq in talker.acknowledged.items()}
        for listener in self.listeners:
            await listener.until(len(said))
        for listener in self.listeners:
            assert listener.heard.faults == []
            assert {content: seq for seq, content in enumerate(listener.heard.contents, 1)} == said
            assert len(listener.heard.contents) == len(said)
