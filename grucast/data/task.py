"""What the steps of one reading share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.core.registry import did_you_mean
from grucast.core.series import Layout
from grucast.data.findings import Finding, Findings
from grucast.data.numbers import NumberStyle
from grucast.data.table import Column, Table, Words, chunk_rows


@dataclass(slots=True)
class Task:
    """One reading: what was asked for, what was read, what was found."""

    options: ReadOptions
    findings: Findings
    table: Table
    layout: Layout | None = None  # of the model, when there is one
    again: Callable[[Iterable[str], NumberStyle], Table] | None = None  # the same bytes, other columns as text
    typed: bool = False  # the file says what its cells are: stamps need no format

    def reread(self, text: Iterable[str], style: NumberStyle) -> None:
        """Read the table once more, with the columns in `text` as words, or numbers in another style."""
        if self.again is not None:
            names = list(self.table.columns)
            self.table = self.again(text, style)
            self.table.columns = {name: self.table.columns[name] for name in names}

    def read_as_text(self, names: Iterable[str]) -> None:
        """Make sure that the cells of some columns are there as they were written."""
        if not all(self.column(name).text for name in names):
            self.reread(names, self.table.style)

    def column(self, name: str) -> Column:
        """A column that was asked for by name, or a DataError that says what there is."""
        found = self.table.columns.get(name)
        if found is None:
            names = list(self.table.columns)
            guess = did_you_mean(name, names) or f"; there are {', '.join(names[:20])}"
            raise DataError(f"there is no column {name!r}{guess}", file=self.table.files[0][0],
                            line=self.table.header_line or None)
        return found

    def fault(self, row: int, message: str, *, column: str = "", mend: str = "") -> None:
        """An error in a row: raised, or remembered when all are wanted."""
        file, line = self.table.where(row)
        self.findings.add(Finding("error", message, line, column, mend, file))

    def warn(self, row: int, message: str, *, column: str = "", mend: str = "") -> None:
        """A warning about a row."""
        file, line = self.table.where(row)
        self.findings.add(Finding("warning", message, line, column, mend, file))

    def refuse(self, message: str, *, column: str = "", mend: str = "", row: int | None = None) -> DataError:
        """An error to be raised: nothing can be read on."""
        file, line = (self.table.files[0][0], None) if row is None else self.table.where(row)
        return DataError(message, file=file, line=line, column=column, mend=mend)

    def first_row(self, column: Column, word: str) -> int:
        """The first row of `column` in which `word` stands, 0 when it stands in none."""
        at, base = column.places.get(word, -1), 0
        for chunk in column.chunks:
            if isinstance(chunk, Words) and (rows := np.flatnonzero(chunk.codes == at)).size:
                return base + int(rows[0])
            base += chunk_rows(chunk)
        return 0
