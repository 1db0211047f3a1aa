"""How far the bot has come in each stream: which events were read, which were handled, and where a restart goes on."""

from claw.events import (
    INBOX,
    CommandFault,
    Event,
    Position,
    StreamReset,
    SubscriptionLost,
    UnknownEvent,
    stream_of,
)
from claw.positions import Positions
from claw.wire.frames import Hello, Subscribed


class Progress:
    """The positions of one client, with the file behind them where it has one."""

    def __init__(self, positions: Positions | None) -> None:
        self._positions = positions
        # The life of the log from which the events read last came: the session may be further already.
        self._epochs: dict[str, str | None] = {}

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._positions is not None

    async def open(self, agent_id: str | None) -> Position | None:
        """Take the file; gives where the inbox goes on. Raises PositionsError."""
        if self._positions is None:
            return None
        await self._positions.open()
        if agent_id is None:
            return None
        self._positions.belong_to(agent_id)
        return self._positions.get(INBOX)

    def close(self) -> None:
        """Leave the file to others."""
        if self._positions is not None:
            self._positions.close()

    async def opened(self, hello: Hello, agent_id: str | None, begin: Position | None) -> int | None:
        """The session is open, the inbox begins at `begin`.

        Gives up to where the inbox was handled without the platform knowing it. Raises PositionsError.
        """
        self._epochs[INBOX] = hello.epoch
        if self._positions is None or begin is None or hello.inbox is None:
            return None
        if agent_id is not None:
            self._positions.belong_to(agent_id)
        handled = self._positions.get(INBOX)
        if handled is None:
            # Otherwise a bot that is stopped before its first `done` would begin with what is new another time.
            self._positions.note(INBOX, begin)
            await self._positions.save()
            return None
        # It was handled and noted, and the bot was stopped before it could say so.
        return handled.seq if handled.epoch == hello.epoch and hello.inbox.acked < handled.seq else None

    def of(self, stream: str) -> Position | None:
        """Where to go on in a stream, None for its head."""
        return None if self._positions is None else self._positions.get(stream)

    async def began(self, stream: str, answer: Subscribed) -> None:
        """The stream was granted; without a position from before it goes on from there. Raises PositionsError."""
        self._epochs.setdefault(stream, answer.epoch)
        if self._positions is not None and self._positions.get(stream) is None and answer.recovered != "reset":
            self._positions.note(stream, Position(answer.seq - answer.replayed, answer.epoch))
            await self._positions.save()

    def read(self, event: Event) -> None:
        """The event is being handed to the application."""
        if isinstance(event, StreamReset):
            self._epochs[event.stream] = event.resumed_at.epoch

    async def done(self, event: Event) -> int | None:
        """Everything up to this event was handled; gives the seq to acknowledge to the platform, where there is one.

        Raises PositionsError.
        """
        match event:
            case StreamReset(stream=stream, resumed_at=position):
                acknowledge = None
            case CommandFault() | SubscriptionLost() | UnknownEvent():
                return None
            case _:
                place = stream_of(event)
                if place is None:
                    return None
                stream, seq = place
                position = Position(seq, self._epochs.get(stream))
                acknowledge = seq if stream == INBOX else None
        if self._positions is not None:
            self._positions.note(stream, position)
            await self._positions.save()
        return acknowledge

    async def left(self, stream: str) -> None:
        """The stream is followed no longer, by the bot's own wish. Raises PositionsError."""
        self._epochs.pop(stream, None)
        if self._positions is not None:
            self._positions.forget(stream)
            await self._positions.save()
