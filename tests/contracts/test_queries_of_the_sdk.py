"""That the SDK asks with parameters that the rows read: others are ignored, and the same page would come for ever."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from api.endpoints import TABLE
from api.paths import PathTree
from claw.rest import Rest

_PATHS = PathTree()
_PATHS.add("", TABLE)
_PAGING = {"limit", "before", "after", "around"}


class _AskedError(Exception):
    """Stands for the answer: what is asked is enough."""


class _Asking(Rest):
    """Keeps what it is asked instead of asking for it."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: tuple[str, str, Mapping[str, Any]] | None = None

    async def authorised(self, method: str, path: str, *_: Any, **options: Any) -> Any:
        self.asked = (method, path, options.get("query") or {})
        raise _AskedError


def _lists() -> list[str]:
    """The calls that take a position or a number of items."""
    calls: list[tuple[str, Callable[..., Any]]] = inspect.getmembers(Rest, inspect.iscoroutinefunction)
    return [name for name, call in calls if name[0] != "_" and _PAGING & inspect.signature(call).parameters.keys()]


@pytest.mark.parametrize("name", _lists())
async def test_every_parameter_of_a_list_is_one_that_its_row_reads(name: str) -> None:
    rest = _Asking()
    parameters = inspect.signature(getattr(rest, name)).parameters
    with pytest.raises(_AskedError):
        await getattr(rest, name)(**dict.fromkeys(parameters, "x"))
    assert rest.asked is not None
    method, path, query = rest.asked
    found = _PATHS.find(path, method)
    assert found is not None
    row = found[0].row(method)
    assert row is not None
    assert row.query is not None, f"{name} pages what comes whole"
    assert query.keys() <= {field.encode_name for field in msgspec.structs.fields(row.query)}


def test_there_are_lists_to_judge() -> None:
    assert {"friends", "blocks", "history", "members", "servers", "webhook_deliveries"} <= set(_lists())
