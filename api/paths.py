"""From a request's path to the rows of the table that serve it, in as many steps as the path has segments."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct

if TYPE_CHECKING:
    from api.routing import Endpoint


class Place(Struct, frozen=True):
    """A path's template, the names of its variables, and its rows by method, in the order of the table."""

    template: str
    names: tuple[str, ...]
    rows: "dict[str, Endpoint]"

    def row(self, method: str) -> "Endpoint | None":
        """The row that serves a method; HEAD is GET without the body, which the server cuts off."""
        return self.rows.get("GET" if method == "HEAD" else method)

    def allowed(self) -> str:
        """What stands in `Allow`."""
        methods = set(self.rows) | {"OPTIONS"}
        return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


class _Node:
    __slots__ = ("by_segment", "place", "variable")

    def __init__(self) -> None:
        self.by_segment: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.place: Place | None = None


class PathTree:
    """The table by path. A segment that stands in the table goes before a variable.

    Unless it has no row for the method and the variable has: an agent may be called as a word of the table is.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, base: str, table: "Sequence[Endpoint]") -> None:
        """Put the rows under `base`. Raises ValueError where one path is written in two ways."""
        for row in table:
            template = base + row.path
            node, names = self._root, []
            for segment in template.split("/")[1:]:
                if segment.startswith("{"):
                    names.append(segment[1:-1])
                    node.variable = node.variable or _Node()
                    node = node.variable
                else:
                    node = node.by_segment.setdefault(segment, _Node())
            if node.place is None:
                node.place = Place(template, tuple(names), {})
            if node.place.template != template:
                raise ValueError(f"{template} and {node.place.template} are one path")
            node.place.rows[row.method] = row

    def find(self, path: str, method: str | None = None) -> tuple[Place, Mapping[str, str]] | None:
        """The place of a path as it was sent and the values of its variables, never empty; None where there is none.

        It is decoded segment by segment, so a value may hold a slash (`%2F`).
        A place that takes `method` is preferred to one that does not.
        """
        segments = [unquote(segment) for segment in path.split("/")[1:]]
        for wanted in (method, None):
            values: list[str] = []
            place = _descend(self._root, segments, 0, values, wanted)
            if place is not None:
                return place, dict(zip(place.names, values, strict=True))
        return None


def _descend(node: _Node, segments: list[str], at: int, values: list[str], method: str | None) -> Place | None:
    if at == len(segments):
        return node.place if node.place is None or method is None or node.place.row(method) else None
    segment = segments[at]
    below = node.by_segment.get(segment)
    if below is not None and (place := _descend(below, segments, at + 1, values, method)) is not None:
        return place
    if node.variable is None or not segment:
        return None
    values.append(segment)
    place = _descend(node.variable, segments, at + 1, values, method)
    if place is None:
        values.pop()
    return place
