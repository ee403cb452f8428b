"""A file of all forecasts ever made: added to once for each series and cutoff, so that a job may run twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from grucast.core.errors import DataError
from grucast.core.files import publish
from grucast.data.writing import csv_text


def append_forecasts(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Add `rows` to the history at `path`, made when missing; how many were new.

    `columns` begin with unique_id and cutoff; rows of a series and cutoff that the file has already are
    left as they are. Written whole or not at all. DataError where the file has other columns.
    """
    header, old = _read(path)
    if header and header != list(columns):
        raise DataError(f"has the columns {', '.join(header)}, not {', '.join(columns)}", file=path, line=1,
                        mend="name another file with --append")
    known = {(row[0], row[1]) for row in old}
    new = [row for row in _written(columns, rows) if (row[0], row[1]) not in known]
    if new or not header:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([list(columns), *old, *new])
        publish(path, text.getvalue().encode())
    return len(new)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a history, empty where there is none."""
    if not path.exists():
        return [], []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    header = rows[0] if rows else []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(f"{len(row)} fields, the header has {len(header)}", file=path, line=line,
                            mend="correct it or name another file with --append")
    return header, rows[1:]


def _written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[list[str]]:
    """The rows as the cells that a file holds."""
    return list(csv.reader(io.StringIO(csv_text(columns, rows))))[1:]
