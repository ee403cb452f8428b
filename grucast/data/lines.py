"""Rows one by one, as they arrive: each line of a stream read as the model's files were.

The same lines in a file, read by `read_panel` with the same layout, give the same values and the same
errors; only what needs all rows at once (a lone giant, a stamp far in the future, rows out of order)
is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from grucast.core.arrays import Array
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError
from grucast.core.series import Layout
from grucast.data.line_cells import Cell, LineForm, form_of
from grucast.data.line_times import LineTimes, number_of, text_of
from grucast.data.panels import not_a_number
from grucast.data.readers.csv import is_comment
from grucast.data.reading import as_learned
from grucast.data.tables import number_style


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row of a stream, its values in the order of the layout's columns, NaN where missing."""

    unique_id: str  # "" in wide files
    ds: Any  # datetime64[us] (UTC where a zone is known), or float where the axis is a number
    y: Array  # (C,)
    known: Array  # (K,)
    past: Array  # (P,)
    static: Array  # (S,) as the series has had them so far
    line: int  # of the stream, from 1


class RowReader:
    """Reads the lines of a stream as the model's data were read.

    The first line that is not empty decides: an object is JSON, and all lines are; else it is
    delimited text in the format of the model's files. `after` has the last `ds` of each series that is
    known from a file already: rows without a time column are counted on from there (of other series
    from `first_row`), and an autumn hour that began in the file is gone on with. Marks that are to be
    missing besides the layout's are given in `layout.format.na_values`.

    A layout whose rows were gathered by --resample is a ModelError.
    """

    def __init__(self, layout: Layout, file: str = "standard input", *, first_row: int = 0,
                 after: Mapping[str, Any] | None = None) -> None:
        if layout.resample:
            raise ModelError(f"the model learned from rows gathered by --resample {layout.resample}: "
                             "rows cannot be followed one by one; train on data that have that step")
        self._layout, self._file = layout, file
        self._style = number_style(as_learned(ReadOptions(), layout), layout)
        self._times = LineTimes(layout, self._style, first_row=first_row, after=after or {})
        self._form: LineForm | None = None
        self._static: dict[str, Array] = {}
        self._line = 0

    def read(self, line: str) -> Row | None:
        """The row in `line`, None for the header, an empty line or a comment.

        What is wrong with a row is a DataError with its line, column and mend, and the next row can
        be read all the same; a stream without a column that the model needs is a ModelError.
        """
        self._line += 1
        if "\0" in line:
            raise DataError("a NUL byte stands here: the file is damaged or not text", file=self._file,
                            line=self._line, mend="write it again as CSV")
        if self._line == 1:
            line = line.removeprefix("\ufeff")
        if is_comment(line, self._layout.format.comment):
            return None
        if self._form is None:
            if not line.strip():
                return None
            self._form = form_of(line, self._layout, self._file)
        cells = self._form.cells(line, self._line)
        return None if cells is None else self._row(cells, self._form)

    def go_on_after(self, line: int) -> None:
        """Take the next line for the one after `line`: those between the header and it were read before."""
        self._line = line

    def _row(self, cells: list[Cell], form: LineForm) -> Row:
        """The values in the cells, which stand in the order of `needed_columns`."""
        columns = self._layout.columns
        parts, at = [], 0
        for names in (columns.time, columns.id, columns.target, columns.known, columns.past, columns.static):
            parts.append(cells[at:at + len(names)])
            at += len(names)
        unique_id = self._unique_id(parts[1])
        blank, form.blank = form.blank, 0
        ds = self._times.read(parts[0], unique_id, blank, partial(DataError, file=self._file, line=self._line))
        y, known, past = (self._numbers(names, part) for names, part in
                          zip((columns.target, columns.known, columns.past), parts[2:5], strict=True))
        static = self._constant(unique_id, parts[5]) if columns.static else np.zeros(0)
        return Row(unique_id, ds, y, known, past, static, self._line)

    def _unique_id(self, cells: Sequence[Cell]) -> str:
        """The ids joined by "/"; an empty one is an error."""
        words = [text_of(cell).strip() for cell in cells]
        for name, word in zip(self._layout.columns.id, words, strict=True):
            if not word:
                raise self._fault("the id is missing", name, "fill the cell or take out the line")
        return "/".join(words)

    def _numbers(self, names: Sequence[str], cells: Sequence[Cell]) -> Array:
        """The numbers in the cells of these columns (N,)."""
        values = np.empty(len(names))
        for at, cell in enumerate(cells):
            value = number_of(cell, self._style)
            if value is None:
                raise self._fault(*self._said(cell, names[at]))
            values[at] = value
        return values

    def _constant(self, unique_id: str, cells: Sequence[Cell]) -> Array:
        """The values (S,) that are constant in a series; another one than before is an error."""
        names = self._layout.columns.static
        values = self._numbers(names, cells)
        kept = self._static.get(unique_id)
        if kept is not None:
            for name, old, new in zip(names, kept, values, strict=True):
                if new != old and not np.isnan(old) and not np.isnan(new):
                    raise self._fault(f"{new:.15g} after {old:.15g}: not constant in this series", name,
                                      "use --known-col or --past-col")
            values = np.where(np.isnan(kept), values, kept)
        self._static[unique_id] = values
        return values

    def _said(self, cell: Cell, name: str) -> tuple[str, str, str]:
        message, mend = not_a_number(text_of(cell), self._style)
        return message, name, mend

    def _fault(self, message: str, column: str, mend: str) -> DataError:
        return DataError(message, file=self._file, line=self._line, column=column, mend=mend)
