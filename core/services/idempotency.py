"""Remembers for 24 hours what was answered to requests with an Idempotency-Key."""

import structlog
from msgspec import Struct

from claw.wire.ids import uuid7
from core.actor import Actor
from core.errors import ConflictError, store_errors
from core.services.access import agent_of
from db.database import Database
from db.errors import StoreError
from db.repositories import idempotency
from db.repositories.idempotency import Attempt

_log = structlog.get_logger(__name__)


class Answer(Struct, frozen=True):
    """What was answered."""

    status: int
    body: bytes


class UnderWayError(ConflictError):
    """The same request is being carried out just now."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being carried out. Ask again in a moment.")
        self.retry_after = 1.0


class Idempotency:
    """Reserves a key before the act and keeps the answer behind it.

    Nothing is done twice while this process and the store live. One that dies between the act and its answer leaves
    the reservation: for a minute the key is refused, then the request may be carried out anew.
    """

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def reserve(self, actor: Actor, request: bytes, body: bytes) -> Attempt | Answer:
        """The right to carry the request out, or what was answered to it. `request` and `body` are SHA-256 hashes.

        Raises ConflictError where the key came with another body, UnderWayError.
        """
        attempt = Attempt(agent_of(actor), request, uuid7())
        with store_errors():
            async with self._database.standing() as connection:
                outcome, status, answer = await idempotency.reserve_key(connection, attempt, body)
        match outcome:
            case "reserved":
                return attempt
            case "answered" if status is not None and answer is not None:
                return Answer(status, answer)
            case "other_body":
                raise ConflictError("This Idempotency-Key was used with another body. Take a new one.")
            case _:
                raise UnderWayError

    async def keep(self, attempt: Attempt, answer: Answer) -> None:
        """Have the same answer given from now on."""
        await self._settle(attempt, answer)

    async def release(self, attempt: Attempt) -> None:
        """As if the request had never come."""
        await self._settle(attempt, None)

    async def _settle(self, attempt: Attempt, answer: Answer | None) -> None:
        try:
            async with self._database.standing() as connection:
                status, body = (None, None) if answer is None else (answer.status, answer.body)
                await idempotency.settle_key(connection, attempt, status, body)
        except StoreError as error:
            # The request itself has its outcome, and is told it.
            _log.warning("answer_not_kept", reason=type(error).__name__)
