"""Group commit: posts that arrive while a commit is under way go together into the next one.

No timer: a lone post starts at once and waits for nobody. Each post is answered after its commit and not before.

Two commits may be under way. Where many wait, about half of them go, and the other half follows on a second connection
before the first is answered: the store then finds the next batch at its door, and is at work while this process answers
the last one and takes in what comes of it. Two batches under way never hold posts of the same agent to the same
channel, so posts of one session to one channel get their numbers in the order sent.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast
from uuid import UUID

import structlog

from core.errors import UnavailableError
from db.database import Database
from db.errors import (
    DuplicateRowError,
    MissingRowError,
    RefusedRowError,
    StoreContentionError,
    StoreError,
    UnstorableValueError,
)
from db.repositories import streams
from db.repositories.streams import PostOutcome, PostRow, StoredEvent

# From here on a larger batch costs the database no less a post.
_MAX_BATCH: Final = 500
# Fewer are not divided, nor do they start a second commit: the statement's fixed cost would weigh more than the gain.
_UNDIVIDED: Final = 64
_LANES: Final = 2
_MAX_WAITING: Final = 20_000
_CONTENTION_TRIES: Final = 5

# What one row does to all of its statement, and what is said when it stands alone.
_OF_ONE_ROW: Final = {
    UnstorableValueError: "unstorable",
    RefusedRowError: "forbidden",
    MissingRowError: "not_found",
    DuplicateRowError: "conflict",
}

_log = structlog.get_logger(__name__)

_Waiting = tuple[PostRow, "asyncio.Future[PostOutcome]"]


class GroupCommit:
    """The one door through which this process's posts reach the store."""

    def __init__(self, database: Database, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`announce` is called with the events of each commit, before its posts are answered."""
        self._database = database
        self._announce = announce
        self._context = contextvars.copy_context()
        self._waiting: deque[_Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self.posts = 0
        self.commits = 0
        self._pairs_under_way: set[tuple[UUID, UUID]] = set()
        # Whether all that waits must wait for what is under way.
        self._blocked = False

    def submit(self, post: PostRow) -> "asyncio.Future[PostOutcome]":
        """Queue a post. The future gives its outcome after the commit, or raises UnavailableError.

        Cancelling the future does not take the post back. After UnavailableError it is unknown whether the post was
        stored; sent again with its nonce it exists once.
        """
        future: asyncio.Future[PostOutcome] = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= _MAX_WAITING:
            future.set_exception(UnavailableError("Too many posts are waiting. Try again in a few seconds."))
            return future
        self._waiting.append((post, future))
        self._start()
        return future

    def waiting(self) -> int:
        """How many posts are in no commit yet."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Wait until everything submitted has been answered."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    def _start(self) -> None:
        # A lane that has not begun yet, or has nothing under way, will see what waits by itself.
        if len(self._lanes) < _LANES and (not self._lanes or self._under_way) and self._is_time():
            # Not in the context of the post that happens to start it: it carries many.
            self._lanes.add(asyncio.create_task(self._run(), context=self._context))

    def _is_time(self) -> bool:
        if not self._under_way:
            return bool(self._waiting)
        enough = min(_MAX_BATCH, max(_UNDIVIDED, self._under_way))
        return not self._blocked and len(self._waiting) >= enough

    async def _run(self) -> None:
        try:
            while self._is_time() and (batch := self._take()):
                await self._carry(batch)
        finally:
            # Here and not when the task is done: a post that comes in between must find the lane free.
            self._lanes.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _carry(self, batch: list[_Waiting]) -> None:
        pairs = {(post.channel_id, post.agent_id) for post, _ in batch}
        self._under_way += len(batch)
        self.posts += len(batch)
        self.commits += 1
        self._pairs_under_way |= pairs
        self._start()
        try:
            await self._commit(batch)
        finally:
            self._under_way -= len(batch)
            self._pairs_under_way -= pairs
            self._blocked = False

    def _take(self) -> list[_Waiting]:
        # A nonce that stands twice in what waits goes one commit later, and then meets its own first half.
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        pairs_later = self._pairs_under_way.copy()
        nonces = set()
        size = min(_MAX_BATCH, max(_UNDIVIDED, len(self._waiting) // 2))
        while self._waiting and len(batch) < size:
            post, future = self._waiting.popleft()
            pair = (post.channel_id, post.agent_id)
            if pair in pairs_later or (post.nonce is not None and (pair, post.nonce) in nonces):
                pairs_later.add(pair)
                later.append((post, future))
                continue
            nonces.add((pair, post.nonce))
            batch.append((post, future))
        self._waiting.extendleft(reversed(later))
        self._blocked = not batch
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            outcomes, events = await self._store([post for post, _ in batch])
        except tuple(_OF_ONE_ROW) as error:
            await self._halve(batch, error)
        except StoreError as error:
            _log.warning("posts_not_stored", posts=len(batch), reason=type(error).__name__)
            _fail(batch)
        except Exception:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            _log.exception("group_commit_failed", posts=len(batch))
            _fail(batch)
        except BaseException:
            _fail(batch)
            raise
        else:
            self._announce(events)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                _answer(future, outcome)

    async def _halve(self, batch: list[_Waiting], error: StoreError) -> None:
        """One row that the database cannot take fails the statement for all: halve until it stands alone."""
        if len(batch) == 1:
            _answer(batch[0][1], PostOutcome(_OF_ONE_ROW[type(error)], None, None, None))
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    async def _store(self, posts: list[PostRow]) -> tuple[list[PostOutcome], list[StoredEvent]]:
        for _ in range(_CONTENTION_TRIES - 1):
            try:
                async with self._database.standing() as connection:
                    return await streams.post_messages(connection, posts)
            except StoreContentionError:
                continue
        async with self._database.standing() as connection:
            return await streams.post_messages(connection, posts)


def _answer(future: "asyncio.Future[PostOutcome]", outcome: PostOutcome) -> None:
    if not future.done():
        future.set_result(outcome)


def _fail(batch: list[_Waiting]) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(UnavailableError())
