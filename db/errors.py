"""What the store can answer instead of rows, without a word of what was sent to it.

asyncpg's texts may hold the arguments of a statement, so message bodies and hashes: they stop here.

    StoreError
    ├── StoreUnavailableError   the database cannot be reached, is starting, or took too long; try again
    ├── UnfitDatabaseError      the database, or the role of the URL, is not what a server process may run with
    ├── StoreContentionError    deadlock or lock timeout; the transaction may be tried again
    ├── DuplicateRowError       a unique constraint (`constraint`) holds such a row already
    ├── MissingRowError         a foreign key (`constraint`) points at nothing
    ├── RefusedRowError         row level security, a privilege or a check said no
    └── UnstorableValueError    the database cannot take this value (NUL, depth, range)
"""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Literal

import asyncpg


class StoreError(Exception):
    """Root of everything that the store raises."""

    def __init__(self, constraint: str = "") -> None:
        """`constraint` is the name of the constraint that refused, where there is one."""
        super().__init__(constraint)
        self.constraint = constraint


class StoreUnavailableError(StoreError):
    """No answer from the database."""


class UnfitDatabaseError(StoreError):
    """At start: the text says what is wrong with the database or with the role, and what to do."""

    def __init__(self, text: str) -> None:
        """`text` is one line for the operator."""
        super().__init__()
        self._text = text

    def __str__(self) -> str:
        return self._text


class StoreContentionError(StoreError):
    """Others held the rows."""


class DuplicateRowError(StoreError):
    """Such a row exists."""


class MissingRowError(StoreError):
    """What the row points at does not exist."""


class RefusedRowError(StoreError):
    """The database does not allow it."""


class UnstorableValueError(StoreError):
    """A value that PostgreSQL cannot hold."""


_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what its state machine says when the connection ends under a statement
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ConnectionError,
    TimeoutError,
    OSError,
)
_CONTENTION = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


def _translate(error: Exception) -> StoreError | None:
    constraint = getattr(error, "constraint_name", None) or ""
    match error:
        case asyncpg.UniqueViolationError():
            return DuplicateRowError(constraint)
        case asyncpg.ForeignKeyViolationError():
            return MissingRowError(constraint)
        case asyncpg.IntegrityConstraintViolationError() | asyncpg.InsufficientPrivilegeError():
            return RefusedRowError(constraint)
        case asyncpg.DataError() | asyncpg.ProgramLimitExceededError():
            return UnstorableValueError()
        case asyncpg.PostgresError() if error.sqlstate and error.sqlstate.startswith("MS"):
            return RefusedRowError(constraint)
    if isinstance(error, _CONTENTION):
        return StoreContentionError()
    return StoreUnavailableError() if isinstance(error, _UNAVAILABLE) else None


class _Translation:
    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if isinstance(error, Exception) and (ours := _translate(error)) is not None:
            raise ours from None
        return False


_TRANSLATION: Final = _Translation()


def translated() -> AbstractContextManager[None, Literal[False]]:
    """Turns the driver's errors into ours. The cause is cut off: its text may contain what clients sent."""
    return _TRANSLATION
