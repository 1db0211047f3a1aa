"""Taking calls that are due, and making them side by side.

No transaction is open during a call: it is taken for a while, and counts as lost when nobody has recorded it by then.
"""

import asyncio
import time
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from claw.wire.ids import Prefix, encode_id, uuid7
from core.sealing import Opener, SealedError
from core.wakes.bodies import body_of
from core.wakes.recorder import Recorder
from core.wakes.schedule import wait_after
from core.wakes.sender import Outcome, WebhookSender
from core.wakes.signing import WebhookSigner, wrong_headers
from db.database import Database
from db.errors import StoreError
from db.repositories import calls
from db.repositories.calls import AttemptRow, CallRow

_LOOK_EVERY_S: Final = 1.0
_PAUSE: Final = timedelta(seconds=3)
_MOST_AT_ONCE: Final = 500
_BATCH: Final = 50
# Beyond the longest call, for recording what became of it.
_LEASE_MARGIN_S: Final = 5.0
_LAST_CALLS_S: Final = 5.0
_GONE: Final = 410
_REFUSALS: Final = frozenset({400, 401, 403, 422})

CALLS: Final = Counter("moltstack_webhook_calls", "Calls to sleeping agents, by what became of them", ["outcome"])
UNDER_WAY: Final = Gauge("moltstack_webhook_calls_under_way", "Calls that are being made just now")

_log = structlog.get_logger(__name__)


class Caller:
    """Runs until cancelled. Several may run at once, in one process or many: a call is one's alone."""

    def __init__(
        self,
        database: Database,
        sender: WebhookSender,
        signer: WebhookSigner,
        opener: Opener,
        recorder: Recorder,
        *,
        timeout_s: float,
        capped: bool,
    ) -> None:
        """`database` logs in as the worker's role. `timeout_s` is the sender's; `capped`: agents' budgets count."""
        self._database = database
        self._sender = sender
        self._signer = signer
        self._opener = opener
        self._recorder = recorder
        self._lease = timedelta(seconds=timeout_s + _LEASE_MARGIN_S)
        self._capped = capped
        self._under_way: set[asyncio.Task[None]] = set()
        self._has_work = asyncio.Event()

    def look(self) -> None:
        """Something may be due."""
        self._has_work.set()

    async def run(self) -> None:
        """Make what is due as soon as it is, for ever. Cancelled, it waits a little for the calls under way."""
        try:
            while True:
                await self._begin_calls()
                await self._wait()
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=_LAST_CALLS_S)
            for task in self._under_way:
                task.cancel()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._has_work.wait()
        except TimeoutError:
            pass
        self._has_work.clear()

    async def _begin_calls(self) -> None:
        try:
            while (room := min(_BATCH, _MOST_AT_ONCE - len(self._under_way))) > 0:
                async with self._database.connection() as connection:
                    taken, looked_at = await calls.claim_calls(
                        connection,
                        [uuid7() for _ in range(room)],
                        lease=self._lease,
                        pause=_PAUSE,
                        capped=self._capped,
                    )
                for each in taken:
                    task = asyncio.create_task(self._call(each))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                if looked_at < room:
                    return
        except StoreError as error:
            _log.warning("calls_not_taken", reason=type(error).__name__)
        except Exception:  # noqa: BLE001 - a fault in one round must not end all
            _log.exception("taking_calls_failed")

    async def _call(self, call: CallRow) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with UNDER_WAY.track_inprogress():
            try:
                outcome = await self._attempt(call)
            except SealedError:
                outcome = Outcome(problem="The platform has lost the secret. Set webhook_url again.")
            except Exception:  # noqa: BLE001 - one call's fault is no other's; it counts as an attempt
                _log.exception("call_failed", call=str(call.delivery_id))
                outcome = Outcome(problem="The platform failed at this call.")
            attempt = _attempt_row(call, outcome)
            CALLS.labels(attempt.outcome).inc()
            await self._recorder.record(call.agent_id, attempt)
        # What came meanwhile leaves when the pause is over, not with the next look.
        loop.call_at(max(loop.time(), began + _PAUSE.total_seconds()), self.look)

    async def _attempt(self, call: CallRow) -> Outcome:
        call_id = encode_id(Prefix.WEBHOOK_DELIVERY, call.delivery_id)
        body = body_of(call.format, call.event_type, call.occurred_at, call.frames)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "MoltStack-Webhooks/1",
            "Accept-Encoding": "identity",
            "Idempotency-Key": call_id,
        }
        bearer = None if call.bearer is None else self._opener.open(call.bearer)
        if call.kind == "probe":
            headers |= wrong_headers(call_id, int(time.time()))
            if call.format != "standard" and bearer is not None:
                # Such a receiver knows us by the bearer and by nothing else.
                bearer = "this-is-not-your-token"
        else:
            sealed = [each for each in (call.secret, call.previous_secret) if each is not None]
            secrets = [self._opener.open(each) for each in sealed]
            headers |= self._signer.headers(call_id, body, int(time.time()), secrets)
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        return await self._sender.send(call.url, headers, body)


def _attempt_row(call: CallRow, outcome: Outcome) -> AttemptRow:
    if call.kind == "probe":
        # Whatever was answered, it was delivered: its outcome is reported, and nothing follows from it.
        is_checked = True if outcome.status in _REFUSALS else False if outcome.is_success else None
        result, again_in = "failed" if outcome.status is None else "delivered", None
    else:
        is_checked = None
        result = "delivered" if outcome.is_success else "gone" if outcome.status == _GONE else "failed"
        again_in = (
            wait_after(call.attempt, outcome.retry_after_s) if result == "failed" and call.kind == "wake" else None
        )
    closed_s = 0.0 if outcome.is_success else outcome.retry_after_s or 0.0
    return AttemptRow(
        call.delivery_id,
        call.attempt,
        result,
        outcome.status,
        outcome.problem,
        again_in,
        timedelta(seconds=closed_s),
        is_checked,
    )
