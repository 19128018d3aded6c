"""Tables of comma-separated values, a row at a time, each with its line."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from services.catalog.adapters.findings import Unreadable, Where, clean

_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """A row by the names of its columns."""

    cells: dict[str, str]
    where: Where

    def text(self, column: str) -> str:
        """A cell with its spaces in order; "" when it is empty or there is no such column.

        raises   Unreadable when it is damaged
        """
        return clean(self.cells.get(column, ""), column)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that is no row of the table."""

    error: Unreadable
    where: Where


class Table:
    """A file that begins with the names of its columns.

    A row is one line: a quote that is not closed costs its own row, and not the rest of the file.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._lines = text.split("\n")
        header = self._lines[0]
        self._delimiter = max(_DELIMITERS, key=header.count)
        try:
            names = self._cells(header)
        except Unreadable:
            names = []
        self._columns = [name.strip().casefold() for name in names]

    def has(self, columns: frozenset[str]) -> bool:
        """Whether it has all of these columns, in whatever order."""
        return columns.issubset(self._columns)

    def rows(self) -> Iterator[Row | Damaged]:
        """The rows below the header, without empty lines."""
        for number, line in enumerate(self._lines[1:], 2):
            if not line.strip():
                continue
            where = Where(self.file, number)
            try:
                cells = self._cells(line)
                if len(cells) != len(self._columns):
                    raise Unreadable(
                        f"{len(cells)} columns where the header has {len(self._columns)}"
                    )
            except Unreadable as error:
                yield Damaged(error, where)
            else:
                yield Row(dict(zip(self._columns, cells, strict=True)), where)

    def _cells(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            raise Unreadable(f"not a row of the table: {error}") from None
