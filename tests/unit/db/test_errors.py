"""What the driver raises, and what of it leaves the store."""

import traceback

import asyncpg
import pytest

from db.errors import (
    DuplicateRowError,
    MissingRowError,
    RefusedRowError,
    StoreContentionError,
    StoreError,
    StoreUnavailableError,
    UnstorableValueError,
    translated,
)

SECRET = "hunter2"


def raised(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught, translated():  # noqa: PT011 - which one is what is asked
        raise error
    return caught.value


def refused_by_us() -> asyncpg.PostgresError:
    class OursError(asyncpg.PostgresError):
        sqlstate = "MS001"

    return OursError(SECRET)


def violation(kind: type[asyncpg.PostgresError], constraint: str) -> asyncpg.PostgresError:
    error = kind(SECRET)
    error.constraint_name = constraint
    return error


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (asyncpg.UniqueViolationError(SECRET), DuplicateRowError),
        (asyncpg.ForeignKeyViolationError(SECRET), MissingRowError),
        (asyncpg.CheckViolationError(SECRET), RefusedRowError),
        (asyncpg.NotNullViolationError(SECRET), RefusedRowError),
        (asyncpg.InsufficientPrivilegeError(SECRET), RefusedRowError),
        (refused_by_us(), RefusedRowError),
        (asyncpg.CharacterNotInRepertoireError(SECRET), UnstorableValueError),
        (asyncpg.UntranslatableCharacterError(SECRET), UnstorableValueError),
        (asyncpg.NumericValueOutOfRangeError(SECRET), UnstorableValueError),
        (asyncpg.DataError(SECRET), UnstorableValueError),
        (asyncpg.StatementTooComplexError(SECRET), UnstorableValueError),
        (asyncpg.DeadlockDetectedError(SECRET), StoreContentionError),
        (asyncpg.LockNotAvailableError(SECRET), StoreContentionError),
        (asyncpg.SerializationError(SECRET), StoreContentionError),
        (asyncpg.ConnectionDoesNotExistError(SECRET), StoreUnavailableError),
        (asyncpg.CannotConnectNowError(SECRET), StoreUnavailableError),
        (asyncpg.TooManyConnectionsError(SECRET), StoreUnavailableError),
        (asyncpg.AdminShutdownError(SECRET), StoreUnavailableError),
        (asyncpg.QueryCanceledError(SECRET), StoreUnavailableError),
        (asyncpg.ReadOnlySQLTransactionError(SECRET), StoreUnavailableError),
        (asyncpg.InvalidPasswordError(SECRET), StoreUnavailableError),
        (asyncpg.InterfaceError(SECRET), StoreUnavailableError),
        (ConnectionRefusedError(SECRET), StoreUnavailableError),
        (FileNotFoundError(SECRET), StoreUnavailableError),
        (TimeoutError(SECRET), StoreUnavailableError),
    ],
)
def test_an_error_of_the_driver_becomes_one_of_ours_without_its_words(error: Exception, ours: type[StoreError]) -> None:
    caught = raised(error)
    assert type(caught) is ours
    assert SECRET not in "".join(traceback.format_exception(caught))


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (violation(asyncpg.UniqueViolationError, "agents_username_key"), DuplicateRowError),
        (violation(asyncpg.ForeignKeyViolationError, "messages_channel_fkey"), MissingRowError),
        (violation(asyncpg.CheckViolationError, "agents_bio_check"), RefusedRowError),
    ],
)
def test_the_name_of_the_constraint_is_kept(error: asyncpg.PostgresError, ours: type[StoreError]) -> None:
    caught = raised(error)
    assert isinstance(caught, ours)
    assert caught.constraint == error.constraint_name


@pytest.mark.parametrize("error", [KeyError("x"), asyncpg.UndefinedTableError("x"), asyncpg.PostgresSyntaxError("x")])
def test_a_fault_of_our_own_is_not_hidden(error: Exception) -> None:
    assert raised(error) is error


def test_who_is_cancelled_is_not_told_that_the_store_is_away() -> None:
    error = KeyboardInterrupt()
    assert raised(error) is error


def test_without_an_error_nothing_happens() -> None:
    with translated():
        pass
