"""What was measured: a JSON line each in a file, and medians for the tables."""

import statistics
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from harness.client import Opening, Reading


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measurement: of whom, with how many members in a room, in which round.

    `per_write` is messages per write by the server's own counters, where it has some; `per_segment` in the reading is
    what the client saw. `kib` is the resident memory that each socket costs.
    """

    part: str
    server: str
    members: int
    mode: str
    round: int = 1
    rooms: int = 1
    reading: Reading
    opening: Opening | None = None
    per_write: float | None = None
    kib: float | None = None

    @property
    def merged(self) -> float:
        """Messages per write as well as it is known."""
        return self.per_write if self.per_write is not None else self.reading.per_segment


class Journal:
    """The records of a run; every one is in the file as soon as it was taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._file = self.path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Keep a measurement."""
        self.records.append(record)
        self.write(record)

    def write(self, line: object) -> None:
        """Put something into the file as a JSON line."""
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def select(self, **wanted: object) -> list[Record]:
        """The records with these values."""
        return [each for each in self.records if all(getattr(each, name) == value for name, value in wanted.items())]

    def median(self, value: Callable[[Record], float | None], **wanted: object) -> float | None:
        """The median over the rounds; None where nothing was measured."""
        values = [found for each in self.select(**wanted) if (found := value(each)) is not None]
        return statistics.median(values) if values else None

    def distinct(self, value: Callable[[Record], str | int], **wanted: object) -> list[str | int]:
        """The different values, in the order in which they were first measured."""
        return list(dict.fromkeys(value(each) for each in self.select(**wanted)))
