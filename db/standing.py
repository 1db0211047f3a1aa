"""A few connections that go from one user's hand straight into the next one's, first come, first served.

For single statements that are on somebody's way: taking a connection from the driver's pool and giving it back costs
as much as such a statement itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

import asyncpg

from db.errors import translated

if TYPE_CHECKING:
    Pooled = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_WAIT_S: Final = 5.0


class StandingConnections:
    """At most `most` of a pool's connections, taken from it one by one as they are needed, and kept."""

    def __init__(
        self,
        acquire: "Callable[[], Awaitable[Pooled]]",
        release: "Callable[[Pooled], Awaitable[None]]",
        give_up: "Callable[[Pooled], Awaitable[None]]",
        *,
        most: int,
    ) -> None:
        """`give_up` is told of a connection on which the server is silent, before it is released."""
        self._acquire = acquire
        self._release = release
        self._give_up = give_up
        self._closing = False
        self._most = most
        self._held = 0
        # The one used last is the next to be used.
        self._idle: list[Pooled] = []
        # None says that there is room for a new one.
        self._waiting: deque[asyncio.Future[Pooled | None]] = deque()

    @property
    def idle(self) -> int:
        """How many nobody uses."""
        return len(self._idle)

    def use(self) -> "_Use":
        """A connection for one statement. Raises StoreError."""
        return _Use(self)

    async def take(self) -> "Pooled":
        """A connection that works as far as is known. Raises what the driver raises, TimeoutError."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if _is_alive(connection):
                    return connection
                await self._discard(connection)
            if self._held < self._most:
                return await self._new()
            given = await self._given()
            if given is not None:
                return given

    async def give_back(self, connection: "Pooled", error: BaseException | None) -> None:
        """To the next who waits, or kept; where something went wrong, back into the pool, which will see to it."""
        if error is not None or self._closing:
            await self._discard(connection, error)
        elif not self._hand_on(connection):
            self._idle.append(connection)

    async def _discard(self, connection: "Pooled", error: BaseException | None = None) -> None:
        try:
            if isinstance(error, TimeoutError):
                await self._give_up(connection)
            await self._release(connection)
        finally:
            self._held -= 1
            self._hand_on(None)

    async def close(self) -> None:
        """Give all back to the pool, those in use as soon as they are not."""
        self._closing = True
        while self._idle:
            await self._discard(self._idle.pop())

    async def _new(self) -> "Pooled":
        self._held += 1
        try:
            return await self._acquire()
        except BaseException:
            self._held -= 1
            self._hand_on(None)
            raise

    async def _given(self) -> "Pooled | None":
        turn: asyncio.Future[Pooled | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(_WAIT_S):
                return await turn
        except BaseException:
            # It may have been its turn in the same moment.
            if turn.done() and not turn.cancelled():
                given = turn.result()
                if not self._hand_on(given) and given is not None:
                    self._idle.append(given)
            raise

    def _hand_on(self, connection: "Pooled | None") -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False


class _Use:
    """Written out, and not a generator: it is on the way of every read and post."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: StandingConnections) -> None:
        self._owner = owner

    async def __aenter__(self) -> "Pooled":
        with translated():
            self._connection = await self._owner.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated():
            await self._owner.give_back(self._connection, error)
            if error is not None:
                raise error


def _is_alive(connection: "Pooled") -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool has taken a broken one back.
        return False
