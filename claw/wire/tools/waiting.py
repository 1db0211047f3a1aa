"""Waiting for what others say: nobody polls, each side hears in its own way when a stream moves."""

import asyncio
from collections.abc import Collection
from typing import Final

from claw.wire.agents import InboxPage
from claw.wire.paths import quoted
from claw.wire.problems import ErrorCode
from claw.wire.rest import History
from claw.wire.tools.arguments import INBOX, READ_MAX, WaitForMessages
from claw.wire.tools.marking import inbox_item, said
from claw.wire.tools.platform import Platform, ToolError
from claw.wire.tools.results import Heard, InboxItem, Said

_PACE_S: Final = 0.25


async def wait_for_messages(platform: Platform, asked: WaitForMessages) -> Heard:
    """What others say from a position on, as soon as there is something."""
    streams = [*dict.fromkeys(asked.channels), *([INBOX] if asked.inbox else [])]
    if not streams:
        raise ToolError(ErrorCode.INVALID, "Name channels to wait for, or inbox.")
    heard = _Hearing(platform, {stream: asked.after[stream] for stream in streams if stream in asked.after})
    clock = asyncio.get_running_loop().time
    until = clock() + asked.timeout
    async with platform.watching(streams) as watch:
        due: Collection[str] = streams
        woken = False
        while True:
            for stream in due:
                await heard.read(stream)
            if heard.something:
                return heard.result(timed_out=False)
            if woken:
                # Reactions and one's own messages move a stream too, in a busy one all the time.
                await asyncio.sleep(_PACE_S)
            moved = await watch.moved(until - clock()) if until > clock() else ()
            if not moved:
                break
            due = [stream for stream in streams if stream in moved]
            woken = True
        # What moved may have been told to nobody: announcements can be lost.
        for stream in streams:
            await heard.read(stream)
        return heard.result(timed_out=not heard.something)


class _Hearing:
    """What was heard, and how far each stream was read."""

    def __init__(self, platform: Platform, after: dict[str, int]) -> None:
        self._platform = platform
        self._after = after
        self._messages: list[Said] = []
        self._inbox: list[InboxItem] = []

    @property
    def something(self) -> bool:
        return bool(self._messages or self._inbox)

    def result(self, *, timed_out: bool) -> Heard:
        return Heard(messages=self._messages, inbox=self._inbox, after=self._after, timed_out=timed_out)

    async def read(self, stream: str) -> None:
        if stream == INBOX:
            await self._read_inbox()
        else:
            await self._read_channel(stream)

    async def _read_channel(self, channel: str) -> None:
        path = f"/channels/{quoted(channel)}/messages"
        after = self._after.get(channel)
        if after is None:
            self._after[channel] = (await self._platform.ask("GET", path, History, query={"limit": 1})).seq
            return
        if len(self._messages) >= READ_MAX:
            # Enough for one answer: the rest is read with the next one.
            return
        query = {"after": after, "limit": READ_MAX}
        history = await self._platform.ask("GET", path, History, query=query)
        found = [said(self._platform, each) for each in history.items]
        # A bot that answers itself never stops.
        self._messages += [each for each in found if not each.own and not each.deleted]
        self._after[channel] = found[-1].seq if history.next is not None else max(after, history.seq)

    async def _read_inbox(self) -> None:
        after = self._after.get(INBOX)
        query = {"after": after or 0, "limit": 1 if after is None else READ_MAX}
        page = await self._platform.ask("GET", "/inbox", InboxPage, query=query)
        if after is None:
            self._after[INBOX] = page.seq
            return
        items = [inbox_item(self._platform, bytes(each)) for each in page.items]
        self._inbox += items
        self._after[INBOX] = items[-1].seq if page.next is not None else max(after, page.seq)
