"""The streams that a bot wants, how far it has come in each, and the talk with the server about them.

A wish outlives the connection; what was asked on one connection does not. The position moves with every event that
is handed on, so asking for `after` that position on the next connection misses nothing and repeats nothing.
"""

from collections import OrderedDict
from enum import Enum
from typing import Any

from claw.codec import AnyErrorFrame, encode_command, given, refusal_of
from claw.effects import Deliver, Effect, SendText, StreamSettled
from claw.errors import ClawError, refusal
from claw.events import FEED, INBOX, Position, StreamReset, SubscriptionLost
from claw.wire.commands import InboxPosition, StreamPosition, Subscribe, Unsubscribe
from claw.wire.frames import Subscribed, Unsubscribed
from claw.wire.limits import SUBSCRIBE_MAX_STREAMS
from claw.wire.problems import ErrorCode

# Where a refusal is only for now and does not say for how long.
_RETRY_SECONDS = 1.0
# Keys of unknown events remembered against repetition. A replay brings at most 10,000 events a stream, and only those
# of them that this version cannot read need a key.
_UNKNOWN_REMEMBERED = 10_000


class Standing(Enum):
    """Where a wish stands on the present connection."""

    WANTED = "wanted"  # not asked yet, or to be asked again
    ASKED = "asked"
    LIVE = "live"
    LEAVING = "leaving"  # the wish is gone, the server's word on it still to come


class _Wish:
    """One stream. `granted` once the server ever said yes, `retry_at` is a time before which not to ask."""

    __slots__ = ("granted", "position", "retry_at", "standing", "stream", "successor")

    def __init__(self, stream: str, position: Position | None) -> None:
        self.stream = stream
        self.position = position
        self.standing = Standing.WANTED
        self.granted = False
        self.retry_at: float | None = None
        # What is wanted of the same stream once it is left: frames of this subscription may still be under way, so
        # the next one begins behind the server's last word on it.
        self.successor: _Wish | None = None


class Subscriptions:
    """All wishes, in the order in which they were made."""

    def __init__(self) -> None:
        self._wishes: dict[str, _Wish] = {}
        self._asked: dict[str, list[str]] = {}
        self._requests = 0
        self._unknown_seen: OrderedDict[tuple[object, ...], None] = OrderedDict()

    # What the application wants.

    def wanted(self, stream: str) -> bool:
        """Whether the stream is wanted, granted or not."""
        return stream in self._wishes

    def position(self, stream: str) -> Position | None:
        """How far the stream was handed on, None where that is not known (yet)."""
        wish = self._wishes.get(stream)
        return wish.position if wish else None

    def check(self, stream: str, position: Position | None) -> None:
        """Raise ValueError where the stream is wanted already and `position` names another place.

        Events that are under way could not be told from replayed ones: unsubscribe first.
        """
        present = self._wishes.get(stream)
        if present is None or present.standing is Standing.LEAVING or position in (None, present.position):
            return
        raise ValueError(f"{stream} is subscribed already: unsubscribe before asking from another position")

    def want(self, stream: str, position: Position | None) -> list[Effect]:
        """Add a wish, from `position` or from the head; `ask` sends it. A StreamSettled where it is live already."""
        present = self._wishes.get(stream)
        if present is None:
            self._wishes[stream] = _Wish(stream, position)
        elif present.standing is Standing.LEAVING:
            present.successor = _Wish(stream, position)
        elif present.standing is Standing.LIVE and present.position is not None:
            at = present.position
            epoch = at.epoch or ""
            live = Subscribed(channel=stream, seq=at.seq, epoch=epoch, recovered="nothing_missed", replayed=0)
            return [StreamSettled(stream, live)]
        return []

    def unwant(self, stream: str, *, connected: bool) -> list[Effect]:
        """Drop a wish. No event of the stream follows; a StreamSettled does, at once or with the server's answer."""
        wish = self._wishes.get(stream)
        if connected and wish is not None and wish.standing is not Standing.WANTED:
            wish.successor = None
            if wish.standing is Standing.LEAVING:
                return []
            wish.standing = Standing.LEAVING
            return [SendText("unsubscribe", encode_command(Unsubscribe(channels=[stream])))]
        self._remove(stream)
        return [_left(stream)]

    # The talk with the server.

    def ask(self, now: float) -> list[Effect]:
        """Ask for all that is wanted and due at `now`, in as many frames as it takes."""
        due = [
            wish
            for wish in self._wishes.values()
            if wish.standing is Standing.WANTED and (wish.retry_at is None or wish.retry_at <= now)
        ]
        effects: list[Effect] = []
        for start in range(0, len(due), SUBSCRIBE_MAX_STREAMS):
            part = due[start : start + SUBSCRIBE_MAX_STREAMS]
            inbox = next((wish.position for wish in part if wish.stream == INBOX), None)
            self._requests += 1
            ref = f"s{self._requests}"
            self._asked[ref] = [wish.stream for wish in part]
            for wish in part:
                wish.standing = Standing.ASKED
                wish.retry_at = None
            command = Subscribe(
                ref=ref,
                channels=[_request(wish) for wish in part if wish.stream != INBOX],
                inbox=InboxPosition(inbox.seq, inbox.epoch) if inbox else None,
            )
            effects.append(SendText("subscribe", encode_command(command)))
        return effects

    def deadline(self) -> float | None:
        """When to `ask` again, None where nothing waits for its time."""
        return min((wish.retry_at for wish in self._wishes.values() if wish.retry_at is not None), default=None)

    def granted(self, frame: Subscribed) -> list[Effect]:
        """The server's yes."""
        stream = given(frame.channel) or given(frame.server) or (FEED if given(frame.feed) else INBOX)
        wish = self._wishes.get(stream)
        if wish is None or wish.standing is not Standing.ASKED:
            return []
        before = wish.position
        wish.standing = Standing.LIVE
        wish.granted = True
        settled = StreamSettled(stream, frame)
        if frame.recovered == "reset":
            if before is not None and before.epoch != frame.epoch:
                # Another life of the log: what was seen in the former one says nothing about this one.
                self._unknown_seen.clear()
            wish.position = Position(frame.seq, frame.epoch)
            return [settled, Deliver(StreamReset(stream, before, wish.position))]
        # The server may be ahead of the last event that could be read here, never behind it.
        wish.position = Position(max(frame.seq, before.seq if before else 0), frame.epoch)
        return [settled]

    def ended(self, frame: Unsubscribed, now: float) -> list[Effect]:
        """No further frame of a stream: as it was asked, or because the agent lost it."""
        stream = frame.channel
        wish = self._wishes.get(stream)
        if wish is None:
            return []
        if wish.standing is Standing.LEAVING:
            self._remove(stream)
            return [StreamSettled(stream, frame), *self.ask(now)]
        if frame.reason == "asked":
            # The answer to an `unsubscribe` that crossed the server's own ending of the former subscription.
            return []
        self._remove(stream)
        return self._lost(wish, refusal(ErrorCode.FORBIDDEN, f"the subscription ended: {frame.reason}"), frame.reason)

    def refused(self, frame: AnyErrorFrame, now: float) -> list[Effect] | None:
        """The server's no; None where the error answers none of the requests made here."""
        ref = given(frame.ref)
        asked = self._asked.get(ref) if isinstance(ref, str) else None
        if asked is None:
            return None
        named = given(frame.channel)
        effects: list[Effect] = []
        # Without a stream's name the whole request was refused, as far as it is not answered yet.
        for stream in [named] if named in asked else asked:
            wish = self._wishes.get(stream) if stream else None
            if wish is None or wish.standing not in (Standing.ASKED, Standing.LEAVING):
                continue
            error = refusal_of(frame)
            if wish.standing is Standing.LEAVING:
                # What was refused need not be left.
                self._remove(wish.stream)
                effects += [_left(wish.stream), *self.ask(now)]
                continue
            if error.passing:
                wish.standing = Standing.WANTED
                wish.retry_at = now + (error.retry_after or _RETRY_SECONDS)
            else:
                self._remove(wish.stream)
                effects += self._lost(wish, error, error.code)
        return effects

    def disconnected(self) -> list[Effect]:
        """The connection is gone, and with it what it granted; what was being left is left."""
        self._asked.clear()
        left = [wish.stream for wish in self._wishes.values() if wish.standing is Standing.LEAVING]
        for stream in left:
            self._remove(stream)
        for wish in self._wishes.values():
            wish.standing = Standing.WANTED
            wish.retry_at = None
        return [_left(stream) for stream in left]

    def stopped(self, error: ClawError) -> list[Effect]:
        """It all ends with `error`."""
        return [StreamSettled(stream, error) for stream in self._wishes]

    # Which events are to be handed on.

    def is_new(self, stream: str, seq: int, epoch: str) -> bool:
        """Whether the event `seq` is to be handed on, and if so note that it was."""
        wish = self._wishes.get(stream)
        if wish is None or wish.standing is Standing.LEAVING:
            return False
        if wish.position is not None and seq <= wish.position.seq:
            return False
        wish.position = Position(seq, epoch)
        return True

    def is_new_unknown(self, op: str, fields: dict[str, Any]) -> bool:
        """The same for an event that this version cannot read, by what names it.

        Its stream cannot be told for certain (inbox events name channels too), so it moves no position and is
        replayed with whatever else follows the last event that could be read. Its own name then gives it away.
        """
        seq = fields.get("seq")
        if not isinstance(seq, int):
            return True
        key = (op, str(fields.get("channel")), str(fields.get("server")), seq)
        if key in self._unknown_seen:
            return False
        self._unknown_seen[key] = None
        if len(self._unknown_seen) > _UNKNOWN_REMEMBERED:
            self._unknown_seen.popitem(last=False)
        return True

    def _remove(self, stream: str) -> None:
        gone = self._wishes.pop(stream, None)
        if gone is not None and gone.successor is not None:
            self._wishes[stream] = gone.successor

    def _lost(self, wish: _Wish, error: ClawError, reason: str) -> list[Effect]:
        # Whoever asked for the first time waits for the answer; later on it is news for the application.
        if wish.granted:
            return [Deliver(SubscriptionLost(wish.stream, reason))]
        if wish.stream == INBOX:
            return [Deliver(SubscriptionLost(INBOX, reason))]
        return [StreamSettled(wish.stream, error)]


def _request(wish: _Wish) -> str | StreamPosition:
    if wish.position is None:
        return wish.stream
    return StreamPosition(wish.stream, after=wish.position.seq, epoch=wish.position.epoch)


def _left(stream: str) -> StreamSettled:
    return StreamSettled(stream, Unsubscribed(channel=stream, reason="asked"))
