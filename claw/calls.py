"""Commands that wait for their answer, told apart by `ref`."""

from msgspec import structs

from claw.codec import AnyErrorFrame, encode_command, given, refusal_of
from claw.effects import CallSettled, Effect, SendText
from claw.errors import ClawError, TransportError
from claw.events import Answer
from claw.wire.commands import AnyCommand, SendMessage
from claw.wire.frames import MessageAck

# Where a refusal is only for now and does not say for how long.
_RETRY_SECONDS = 1.0


class _Call:
    """One command under way. `sent` counts the sendings, `retry_at` is a time at which to send it again."""

    __slots__ = ("data", "keep", "nonce", "op", "ref", "retry_at", "sent")

    def __init__(self, ref: str, command: AnyCommand, *, keep: bool) -> None:
        self.ref = ref
        self.op = str(command.__struct_config__.tag)
        self.nonce = command.nonce if isinstance(command, SendMessage) else None
        self.data = encode_command(structs.replace(command, ref=ref))
        self.keep = keep
        self.sent = 0
        self.retry_at: float | None = None

    def send(self) -> SendText:
        self.sent += 1
        self.retry_at = None
        return SendText(self.op, self.data)


class Calls:
    """All that are under way, oldest first: in that order they are sent, and sent again.

    A kept call survives the connection: it is sent on the next one until it is answered. That is harmless because
    a message carries a nonce and the other kept commands are idempotent.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Call] = {}
        self._issued = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, command: AnyCommand, *, keep: bool, connected: bool) -> tuple[str, list[Effect]]:
        """Begin a call under a ref never used before, so that no late answer meets the wrong question.

        Raises TooLargeError where the command does not fit a frame.
        """
        self._issued += 1
        call = _Call(str(self._issued), command, keep=keep)
        self._waiting[call.ref] = call
        return call.ref, [call.send()] if connected else []

    def forget(self, ref: str) -> None:
        """Nobody waits for this call any more."""
        self._waiting.pop(ref, None)

    def send_all(self) -> list[Effect]:
        """Send everything, on a new connection."""
        return [call.send() for call in self._waiting.values()]

    def send_due(self, now: float) -> list[Effect]:
        """Send what waited for its time."""
        return [call.send() for call in self._waiting.values() if call.retry_at is not None and call.retry_at <= now]

    def deadline(self) -> float | None:
        """When `send_due` has something to send, None where nothing waits for its time."""
        return min((call.retry_at for call in self._waiting.values() if call.retry_at is not None), default=None)

    def answered(self, answer: Answer) -> list[Effect]:
        """The server did it."""
        nonce = given(answer.nonce) if isinstance(answer, MessageAck) else None
        call = self._find(given(answer.ref), nonce)
        if call is None:
            return []
        self.forget(call.ref)
        return [CallSettled(call.ref, answer)]

    def refused(self, frame: AnyErrorFrame, now: float) -> list[Effect] | None:
        """The server refused; None where the error answers no call that is under way."""
        call = self._find(given(frame.ref), given(frame.nonce))
        if call is None:
            return None
        error = refusal_of(frame)
        if call.sent > 1 and error.passing:
            # An earlier sending may have been stored before its ack was lost. To report a refusal now could make the
            # caller post the same under another nonce, so the question stays open until it is really answered.
            call.retry_at = now + (error.retry_after or _RETRY_SECONDS)
            return []
        self.forget(call.ref)
        return [CallSettled(call.ref, error)]

    def disconnected(self) -> list[Effect]:
        """The connection is gone, and with it the answers to what is not kept."""
        lost = [call.ref for call in self._waiting.values() if not call.keep]
        for ref in lost:
            self.forget(ref)
        for call in self._waiting.values():
            call.retry_at = None
        return [CallSettled(ref, TransportError("the connection was lost before the answer came")) for ref in lost]

    def stopped(self, error: ClawError) -> list[Effect]:
        """It all ends with `error`."""
        refs, self._waiting = list(self._waiting), {}
        return [CallSettled(ref, error) for ref in refs]

    def _find(self, ref: object, nonce: str | None) -> _Call | None:
        if isinstance(ref, str) and ref in self._waiting:
            return self._waiting[ref]
        if nonce is None:
            return None
        return next((call for call in self._waiting.values() if call.nonce == nonce), None)
