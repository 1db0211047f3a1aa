"""Changes to the database as the operator meets them: done, or one line that says why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.admin import AdminError
from db.errors import StoreError
from db.migrate import migrate
from stack.errors import StackError


@contextmanager
def told_in_one_line(failure: str) -> Iterator[None]:
    """Turns what the database says into a StackError of the form "`failure`: reason"."""
    try:
        yield
    except (AdminError, StoreError) as error:
        raise StackError(f"{failure}: {str(error) or type(error).__name__}") from error


async def migrate_store(admin_url: str, keys_dir: Path) -> None:
    """Bring the database to this release; the roles' passwords are kept in `keys_dir`.

    Raises:
        StackError: why that cannot be.
    """
    try:
        with told_in_one_line("the database cannot be brought to this release"):
            await migrate(admin_url, keys_dir)
    except OSError as error:
        raise StackError(f"the keys cannot be kept in {keys_dir}: {error.strerror or error}") from error
