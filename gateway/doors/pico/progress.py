"""What one client follows and how far it has read, in this process.

A message that addresses the client stands in its channel and in its inbox. Where it follows the channel it is told the
one, elsewhere the other; that is decided by the event after which it began to follow, so none is told twice or never.
"""

from collections.abc import Callable, Iterable
from typing import Final

from claw.wire.ids import Prefix, encode_id
from db.repositories.door_positions import DoorPositionRow
from gateway.doors.pico.outbound import INBOX, Told

_REMEMBERED: Final = 64


class Progress:
    """Streams go by their wire id, the inbox by `inbox`."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` is called when there is something to take."""
        self._on_change = on_change
        self._since: dict[str, int] = {}
        self._resume: dict[str, int] = {}
        # What holds whatever becomes of the frames, and what does once they were written.
        self._sure: dict[str, int | None] = {}
        self._told: dict[str, int] = {}
        self._told_by_inbox: dict[str, None] = {}

    def restore(self, rows: Iterable[DoorPositionRow]) -> None:
        """Begin with what was kept."""
        for row in rows:
            channel = encode_id(Prefix.CHANNEL, row.stream_id)
            self._since[channel], self._resume[channel] = row.since, row.seq

    def follows(self, channel: str) -> bool:
        """Whether the channel is followed, or will be as soon as the gateway has done it."""
        return channel in self._since

    def since(self, channel: str, seq: int) -> int:
        """After which event the channel is followed; `seq` where that is not known."""
        return min(self._since.get(channel, seq), seq)

    def begin(self, channel: str, seq: int) -> None:
        """From the event after this one on the channel is followed, or gone on with."""
        if channel in self._since:
            self.move(channel, seq)
            return
        self._since[channel] = self._sure[channel] = seq
        self._on_change()

    def left_off(self) -> list[str]:
        """The channels that are to be gone on with."""
        return list(self._resume)

    def resume(self, channel: str) -> int | None:
        """Go on with a channel: after which event, None for one that was not followed before."""
        return self._resume.pop(channel, None)

    def move(self, stream: str, seq: int) -> None:
        """The client was told a stream up to `seq`."""
        self._told[stream] = seq
        self._on_change()

    def forget(self, channel: str) -> None:
        """The channel is followed no more."""
        if self._since.pop(channel, None) is not None:
            self._resume.pop(channel, None)
            self._told.pop(channel, None)
            self._sure[channel] = None
            self._on_change()

    def wants(self, event: Told) -> bool:
        """Whether a message is told by this way; to be asked once, when it is."""
        if event.stream != INBOX:
            return event.message not in self._told_by_inbox
        if event.channel in self._since and event.place > self._since[event.channel]:
            return False
        if event.message:
            self._told_by_inbox[event.message] = None
            if len(self._told_by_inbox) > _REMEMBERED:
                del self._told_by_inbox[next(iter(self._told_by_inbox))]
        return True

    def take_changes(self, *, is_written: bool) -> dict[str, int | None]:
        """By stream how far it was told since this was asked last, as far as it was written to the socket.

        None stands for a channel that is followed no more.
        """
        changes, self._sure = self._sure, {}
        if is_written:
            changes |= self._told
            self._told = {}
        elif self._told:
            self._on_change()
        return changes

    def take_back(self) -> None:
        """What was told since this was asked last did not reach the client."""
        self._told.clear()
