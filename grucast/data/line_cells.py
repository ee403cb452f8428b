"""Lines of a stream to the cells that a model needs: delimited text below a header, or JSON objects.

Both give the cells in one order, that of `needed_columns`. A cell of delimited text is a str; one of
a JSON object may be a number too, which has a decimal point whatever the model's files had.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from grucast.core.errors import DataError, ModelError
from grucast.core.registry import did_you_mean
from grucast.core.series import Columns, Layout
from grucast.data.readers.csv import broken, ragged

Cell: TypeAlias = str | int | float


class LineForm(Protocol):
    """How the lines of a stream become cells."""

    blank: int  # lines so far that stand for a row without any value

    def cells(self, line: str, number: int) -> list[Cell] | None:
        """The needed cells of line `number` (from 1), None where it is no row."""


def needed_columns(columns: Columns) -> tuple[str, ...]:
    """The columns that a row is made of: time, ids, targets, then covariates known ahead, so far and constant."""
    return (*columns.time, *columns.id, *columns.target, *columns.known, *columns.past, *columns.static)


def form_of(line: str, layout: Layout, file: str) -> LineForm:
    """What the first line that is not empty says about all of them."""
    return JsonLines(layout, file) if line.lstrip().startswith("{") else DelimitedLines(layout, file)


class DelimitedLines:
    """Fields in the format of the model's files, below a header if those had one.

    The header may have its columns in any order and others beside them; where it comes again (a file
    that was rotated) it is no row. Lines before the table are passed over where the model's files had
    some. A blank line in a stream of one column is a missing cell, as in a file, once a row follows it.
    """

    def __init__(self, layout: Layout, file: str) -> None:
        self.blank = 0
        self._file, self._format, self._needed = file, layout.format, needed_columns(layout.columns)
        self._header: list[str] = []
        self._places: list[int] = []  # of the needed columns; empty before the header
        self._width, self._settled = 0, False

    def cells(self, line: str, number: int) -> list[Cell] | None:
        """The needed cells of a row, None for a header or a blank line; other fields than expected: DataError."""
        fields = self._split(line, number)
        if not fields:
            self.blank += self._width == 1 and not self._format.comment
            return None
        if not self._places:
            if self._format.header:
                self._take_header([name.strip() for name in fields], number)
                return None
            self._begin([f"col{at}" for at in range(1, len(fields) + 1)], number)
        if fields == self._header:
            return None
        if not self._settled:
            self._settle(fields)
        if len(fields) != self._width:
            raise ragged((number, fields), self._width, self._file, self._format).fault()
        return [fields[at] for at in self._places]

    def _split(self, line: str, number: int) -> list[str]:
        if self._format.delimiter == "whitespace":
            return line.split()
        try:
            return next(csv.reader([line], delimiter=self._format.delimiter, strict=True, skipinitialspace=True), [])
        except csv.Error as error:
            raise broken(error, self._file, number) from None

    def _take_header(self, names: list[str], number: int) -> None:
        """Learn where the columns are; a line before the table, with no column of the model, is passed over."""
        if number <= self._format.skip_rows and not set(names) & set(self._needed):
            return
        self._begin([name or f"col{at}" for at, name in enumerate(names, 1)], number)
        self._header = names

    def _begin(self, names: list[str], number: int) -> None:
        """Find the needed columns among `names`; one that is not there: ModelError, one name twice: DataError."""
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise DataError(f"two columns are called {double!r}", file=self._file, line=number, column=double,
                            mend="give each its own name")
        for name in self._needed:
            if name not in names:
                began = " (a stream begins with the header of the model's data)" if self._format.header else ""
                raise ModelError(f"{self._file}:{number}: the model needs a column {name!r}, and there is none; "
                                 f"there are {', '.join(names[:20])}{began}")
        self._places = [names.index(name) for name in self._needed]
        self._width = len(names)

    def _settle(self, fields: Sequence[str]) -> None:
        """Let the first row tell whether a delimiter ends each line, so that there is an empty field more."""
        if len(fields) > self._width and not any(cell.strip() for cell in fields[self._width:]):
            self._width = len(fields)
        self._settled = True


class JsonLines:
    """A JSON object a line, with the columns as its keys; null, or no such key, is an empty cell."""

    def __init__(self, layout: Layout, file: str) -> None:
        self.blank = 0
        self._file, self._columns, self._needed = file, layout.columns, needed_columns(layout.columns)
        self._named = False  # some target has been named in a line

    def cells(self, line: str, number: int) -> list[Cell] | None:
        """The needed cells of a row, None for an empty line; what is no JSON object is a DataError."""
        if not line.strip():
            return None
        try:
            found = json.loads(line, object_pairs_hook=_once, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise DataError(f"this is not a JSON object ({_reason(error)})", file=self._file, line=number,
                            mend="write one object a line, as the first is") from None
        if not isinstance(found, dict):
            raise DataError("this is not a JSON object", file=self._file, line=number,
                            mend="write one object a line, as the first is")
        if not self._named:
            self._look_for_targets(found, number)
        cells = [_cell(found.get(name)) for name in self._needed]
        if math.inf in cells or -math.inf in cells:  # the text of 1e400, to be quoted
            texts = json.loads(line, parse_float=str)
            cells = [texts[name] if cell in (math.inf, -math.inf) else cell
                     for name, cell in zip(self._needed, cells, strict=True)]
        return cells

    def _look_for_targets(self, found: dict[str, Any], number: int) -> None:
        """ModelError for keys of other names where none of the targets was ever named: they are misspelt."""
        self._named = any(name in found for name in self._columns.target)
        other = [name for name in found if name not in self._needed]
        if not self._named and other:
            name = self._columns.target[0]
            guess = did_you_mean(name, other) or f"; there are {', '.join(list(found)[:20])}"
            raise ModelError(f"{self._file}:{number}: the model needs a column {name!r}, and there is none{guess}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; a key that stands twice is a ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _cell(value: Any) -> Cell:
    """A value of an object as a cell; what is neither text nor number is quoted as it stands."""
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


def _reason(error: Exception) -> str:
    """Why a line is no JSON object, in one line."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, character {error.pos + 1}"
    return "too deep" if isinstance(error, RecursionError) else str(error)


