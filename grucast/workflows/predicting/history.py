"""A file of all forecasts ever made: added to once for each series and cutoff, so that a job may run twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from grucast.core.errors import CannotCreate, DataError
from grucast.core.files import rewriting
from grucast.data.writing import render_csv


def append_forecasts(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Add `rows` to the history at `path`, made when missing; how many were new.

    `columns` begin with unique_id and cutoff; rows of a series and cutoff that the file has already are
    left as they are. Written whole or not at all, by one job at a time. Errors: DataError where the file
    has other columns or a broken line; Busy while another job adds to it; those of writing.
    """
    if path.exists() and not path.is_file():
        raise CannotCreate(f"cannot add to {path}: it is not a regular file")
    with rewriting(path) as write:
        header, old = _read(path)
        if header and header != list(columns):
            raise DataError(f"the columns are {', '.join(header)}, not {', '.join(columns)}", file=path, line=1,
                            mend="name another file with --append")
        known = {(row[0], row[1]) for row in old}
        new = [row for row in _cells(columns, rows) if (row[0], row[1]) not in known]
        if new or not header:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([list(columns), *old, *new])
            write(text.getvalue().encode("utf-8", "surrogateescape"))
    return len(new)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a history, empty where there is none; DataError for a line that was cut."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], []
    mend = "mend the line or name another file with --append"
    try:
        text = content.decode("utf-8", "strict")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(rows, [])
        kept = []
        for row in rows:
            if row and len(row) != len(header):
                raise DataError(f"{len(row)} fields, the header has {len(header)}", file=path, line=rows.line_num,
                                mend=mend)
            kept += [row] if row else []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("this is not UTF-8", file=path, line=line, mend=mend) from error
    except csv.Error as error:
        raise DataError(f"this is not CSV: {error}", file=path, line=rows.line_num, mend=mend) from error
    return header, kept


def _cells(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[list[str]]:
    """The rows as the cells that a file holds."""
    return list(csv.reader(io.StringIO(render_csv(columns, rows), newline="")))[1:]
