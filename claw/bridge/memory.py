"""The messages of one channel, as an old claw sees them: bounded, in order, each with a `created` of its own.

An old claw knows how far it is by the `created` of the last message that it saw. So these grow with every message,
by a millisecond at least, also where two messages were posted in the same one or a clock was behind: otherwise the
second would be taken for seen.
"""

from collections.abc import Callable

from msgspec import Struct

from claw.bridge.times import parse_time
from claw.wire.frames import MessageFrame
from claw.wire.objects import Message
from claw.wire.rest import History

AnyMessage = MessageFrame | Message


class Entry(Struct):
    """A message, `created` in unix milliseconds.

    `depth` is how deep in a chain of replies it stands where the claw is to answer it, None where it is not.
    """

    id: str
    seq: int
    author: str
    author_id: str
    body: str
    created: int
    depth: int | None


class ChannelMemory:
    """See the module. It begins with a page of history."""

    def __init__(self, page: History, *, limit: int, judge: Callable[[AnyMessage], int | None]) -> None:
        """It holds the last `limit` messages. `judge`, asked once for each, gives an entry's `depth`."""
        self._limit = limit
        self._judge = judge
        self._entries: list[Entry] = []
        self._head = 0
        # Where the history goes on before what is held, as `before` takes it; None at the channel's beginning.
        self.earlier: str | None = page.next
        for message in reversed(page.items):
            self.append(message)
        self._head = page.seq

    @property
    def head(self) -> int:
        """The seq of the last message, held or not."""
        return self._head

    def append(self, message: AnyMessage) -> None:
        """A message was posted. One that is known already changes nothing."""
        if message.seq <= self._head:
            return
        self._head = message.seq
        if message.deleted is True:
            return
        created = parse_time(message.created_at)
        if self._entries:
            created = max(created, self._entries[-1].created + 1)
        self._entries.append(_entry(message, created, self._judge(message)))
        if len(self._entries) > self._limit:
            del self._entries[0]
            self.earlier = self._entries[0].id

    def lacks(self, since: int) -> bool:
        """Whether there may be messages after `since` before those that are held, and there is room for them."""
        begins = self._entries[0].created if self._entries else since + 1
        return self.earlier is not None and begins > since and len(self._entries) < self._limit

    def prepend(self, page: History) -> None:
        """The page of history that `earlier` leads to."""
        # In the order in which they were written: a reply is judged by what it answers.
        judged = [(message, self._judge(message)) for message in reversed(page.items) if message.deleted is not True]
        older: list[Entry] = []
        before = self._entries[0].created if self._entries else None
        for message, depth in reversed(judged[-(self._limit - len(self._entries)) :]):
            created = parse_time(message.created_at)
            before = created if before is None else min(created, before - 1)
            older.append(_entry(message, before, depth))
        self._entries[:0] = reversed(older)
        self.earlier = page.next if len(older) == len(judged) else self._entries[0].id

    def edit(self, message_id: str, body: str) -> None:
        """A message has another text."""
        for entry in self._entries:
            if entry.id == message_id:
                entry.body = body

    def delete(self, message_id: str) -> None:
        """A message is gone."""
        self._entries = [entry for entry in self._entries if entry.id != message_id]

    def find(self, message_id: str) -> Entry | None:
        """The message with this id, None where it is not held."""
        return next((entry for entry in reversed(self._entries) if entry.id == message_id), None)

    def read(self, *, since: int | None, limit: int, offset: int = 0) -> tuple[list[Entry], int]:
        """Messages newest first, and how many there are.

        With `since`, those after it, and of more than `limit` the oldest: a claw that moves on with what it was given
        then comes to the others, and misses none. With an `offset` they are counted from the newest.
        """
        found = self._entries if since is None else [entry for entry in self._entries if entry.created > since]
        end = limit if since is not None and offset == 0 else max(0, len(found) - offset)
        return found[max(0, end - limit) : end][::-1], len(found)


def _entry(message: AnyMessage, created: int, depth: int | None) -> Entry:
    author = message.agent
    return Entry(message.id, message.seq, author.username, author.id, message.content, created, depth)
