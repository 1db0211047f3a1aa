"""How every process of ours ends: with 0, or with 1 and one line on standard error for what could be foreseen."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from core.keys import KeysError
from core.settings import SettingsError
from db.errors import StoreError, StoreUnavailableError, UnfitDatabaseError
from db.roles import MissingPasswordError
from stack.errors import StackError

_FORESEEN = (SettingsError, StackError)


def exit_status(run: Callable[[], None], *, name: str = "moltstack") -> int:
    """Run; the exit status. Only a defect goes on as an exception, with its traceback."""
    try:
        run()
    except _FORESEEN as error:
        return _fail(name, str(error))
    except BaseExceptionGroup as group:
        foreseen, defects = group.split(_FORESEEN)
        if defects is not None or foreseen is None:
            raise
        return _fail(name, str(_first(foreseen)))
    except KeyboardInterrupt:  # Before the event loop took the signals over.
        return 130
    return 0


def in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def child_status(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """`exit_status` of a child of `up`, which is named after its node."""
    return exit_status(lambda: in_loop(work()), name=os.environ.get("MOLTSTACK_NODE") or "moltstack")


@contextmanager
def foreseen_failures(keys_dir: Path) -> Iterator[None]:
    """Turns what a server process may meet at its start into a StackError; goes around its whole life."""
    try:
        yield
    except (KeysError, MissingPasswordError, UnfitDatabaseError) as error:
        raise StackError(str(error)) from error
    except StoreUnavailableError as error:
        raise StackError(
            "the database does not answer or refuses the login; check MOLTSTACK_DATABASE_URL, and that the passwords "
            f"in {keys_dir} are those that `moltstack migrate` set"
        ) from error
    except StoreError as error:
        raise StackError(f"the database refuses what this release asks of it ({type(error).__name__})") from error
    except OSError as error:
        raise StackError(f"the process cannot go on: {error.strerror or error}") from error


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _fail(name: str, message: str) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return 1
