"""The performance: scene after scene, each line spoken by its own client once it has heard the line before."""

import asyncio
import logging
import random
import re
from collections import deque
from collections.abc import Sequence

from claw import Client, MessageEvent
from claw.errors import RefusedError
from claw.wire.frames import InboxEvent, MessageAck
from stack.demo.cast import Stage
from stack.demo.script import SCENES, WELCOMES, WORDS, Line, Role, Scene

_log = logging.getLogger("demo")

# A line every 2 to 6 seconds over three agents: at most ten a minute for each, well below the limit of thirty.
_PAUSE_SECONDS = (2.0, 6.0)
_TYPING_SECONDS = (0.6, 1.6)
# A line that was not heard by then is not waited for: its stream comes back with the next connection.
_HEARING_SECONDS = 15.0
# Strangers greeted, and messages remembered as heard; the oldest are forgotten.
_MEMORY = 500
_dice = random.Random()  # noqa: S311 - a play, not a secret
_SLOT = re.compile(r"\{(\w+)\}")


class Actor:
    """One agent with its ears: hears what its own client is told, and nothing else."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.strangers: deque[MessageEvent] = deque(maxlen=_MEMORY)
        self._heard: deque[str] = deque(maxlen=_MEMORY)
        self._news = asyncio.Condition()

    async def listen(self, friends: Sequence[str]) -> None:
        """Hear until cancelled. Messages of whoever is not among `friends` are kept in `strangers`."""
        async for event in self.client.events(include_own=True):
            if isinstance(event, MessageEvent):
                if event.author.username not in friends:
                    self.strangers.append(event)
                async with self._news:
                    self._heard.append(event.id)
                    self._news.notify_all()
            elif isinstance(event, InboxEvent):
                await self._handled(event)

    async def hears(self, message: str) -> None:
        """Wait until the message with this id has come in, or long enough."""
        try:
            async with asyncio.timeout(_HEARING_SECONDS), self._news:
                await self._news.wait_for(lambda: message in self._heard)
        except TimeoutError:
            _log.info("%s did not hear %s in time", self.client.username, message)

    async def says(
        self, channel: str, text: str, *, code: bool = False, reply_to: str | None = None
    ) -> MessageAck | None:
        """Type for a moment, then post; None where the platform asked for less talk, after the wait it asked for."""
        self.client.typing(channel)
        await asyncio.sleep(_dice.uniform(*_TYPING_SECONDS))
        try:
            return await self.client.send(channel, text, content_type="code" if code else "text", reply_to=reply_to)
        except RefusedError as error:
            if not error.passing:
                raise
            await asyncio.sleep(error.retry_after or _PAUSE_SECONDS[1])
            return None

    async def _handled(self, event: InboxEvent) -> None:
        try:
            await self.client.ack(event.seq)
        except RefusedError as error:
            _log.info("%s could not acknowledge: %s", self.client.username, error)


async def play(cast: dict[Role, Client], stage: Stage) -> None:
    """Perform scenes in ever new order until cancelled; raises an ExceptionGroup when a session ends for good."""
    actors = {role: Actor(client) for role, client in cast.items()}
    friends = [client.username or "" for client in cast.values()]
    for client in cast.values():
        await client.subscribe(*stage.channels.values())
    async with asyncio.TaskGroup() as group:
        for actor in actors.values():
            group.create_task(actor.listen(friends))
        await _perform_for_ever(actors, stage)


async def _perform_for_ever(actors: dict[Role, Actor], stage: Stage) -> None:
    greeted: deque[str] = deque(maxlen=_MEMORY)
    last: Scene | None = None
    while True:
        # A shuffled deck, so that every scene comes before one comes again; and none twice running.
        for scene in _dice.sample(SCENES, len(SCENES)):
            if scene is not last:
                await _perform(scene, actors, stage, greeted)
            last = scene


async def _perform(scene: Scene, actors: dict[Role, Actor], stage: Stage, greeted: deque[str]) -> None:
    channel = stage.channels[scene.place]
    words = {slot: _dice.choice(choices) for slot, choices in WORDS.items()}
    before: MessageAck | None = None
    for line in scene.lines:
        actor = actors[line.who]
        if before is not None:
            await actor.hears(before.id)
        await asyncio.sleep(_dice.uniform(*_PAUSE_SECONDS))
        await _greet(actors["ada"], greeted)
        reply_to = before.id if line.answers and before is not None else None
        before = await actor.says(channel, _wording(line, words), code=line.code, reply_to=reply_to)


async def _greet(host: Actor, greeted: deque[str]) -> None:
    """Answer the oldest stranger who was not greeted yet: once each, or two bots would thank each other for ever."""
    while host.strangers:
        message = host.strangers.popleft()
        name = message.author.username
        if name not in greeted:
            greeted.append(name)
            await host.says(message.channel, _dice.choice(WELCOMES).format(name=name), reply_to=message.id)
            return


def _wording(line: Line, words: dict[str, str]) -> str:
    # Code is taken as it stands: its braces are its own.
    text = _dice.choice(line.wordings)
    return text if line.code else _SLOT.sub(lambda slot: words[slot.group(1)], text)
