"""What there is to read for a job that goes on: the rows that were appended, or all rows where it cannot be told.

Where the file is still the one that was read, only what came after is, line by line as a stream is. Where a line
cannot be understood by itself (a record over two lines) the whole file is read. A file in the place of another
(rotation, a copy) is read whole as well, and before it what was appended to the old one, if that lies in the same
folder.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.core.series import STAMP, Layout
from grucast.data.findings import Findings
from grucast.data.lines import Row, RowReader
from grucast.data.readers.csv import read_header, records
from grucast.data.reading import Reading, read_loaded
from grucast.data.sources import Source, decode
from grucast.data.tail import EDGE, Fresh, Mark, read_fresh, rotated, whole_lines
from grucast.data.zones import offset_minutes
from grucast.preprocessing.grid import is_numeric
from grucast.workflows.detecting.arrived import Arrived
from grucast.workflows.serving import refuse_none_whole, whole_bins

NO_RECORD = "this is not delimited text"  # how the reader says that quotes are open at the end of a line
TORN = "the last line does not end and is left out: it may be half written"


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Rows by series, of one part of the data after the other; `mark` is where the next run goes on, None: nowhere."""

    parts: tuple[tuple[Arrived, ...], ...]
    mark: Mark | None
    notes: tuple[str, ...]
    whole: bool  # all of a file was read, so that rows from long ago are no news


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read and how: a name, the options, the layout of the model, and whether all of it is to be read."""

    source: str
    read: ReadOptions
    layout: Layout
    verify: bool = False


def read_all(wanted: Wanted) -> tuple[Reading, Mark | None, tuple[str, ...]]:
    """All rows for a job that begins, the mark behind them, and notes."""
    source, mark, torn = whole_lines(wanted.source)
    reading = _read(source, wanted)
    notes = (*reading.notes, *((TORN,) if torn else ()))
    reading = replace(reading, panel=whole_bins(reading.panel))
    refuse_none_whole(reading.panel, reading.file)
    return reading, behind(mark, source, wanted), notes


def _read(source: Source, wanted: Wanted) -> Reading:
    """The rows in `source`. Of rows of one stamp the last one counts, as it does when they come one after the other.

    In a zone it is the first: there the same option says which is meant of an hour that comes twice in autumn, and a
    file that still grows has had the first one only.
    """
    rows, tz = wanted.read.rows, wanted.layout.clock.tz
    own = "first" if tz and offset_minutes(tz) is None else "last"
    rows = replace(rows, last_line="drop", duplicates=own if rows.duplicates == "error" else rows.duplicates)
    return read_loaded(Findings(), [source], replace(wanted.read, rows=rows), layout=wanted.layout)


def behind(mark: Mark | None, source: Source, wanted: Wanted) -> Mark | None:
    """Where the next run goes on; None where it has to read all: rows that are gathered, or filled in later."""
    layout = wanted.layout
    if mark is None or layout.resample or layout.columns.known:
        return None
    return replace(mark, header=_header(source, wanted))


def _header(source: Source, wanted: Wanted) -> int:
    """The line of the header, 0 without one."""
    return read_header(_as_text(source, wanted), wanted.layout.format)[1] if source.body else 0


def _as_text(source: Source, wanted: Wanted) -> Source:
    return decode(replace(source, body=source.body[:EDGE]), _encoding(wanted), Findings(collect=True))


def read_on(wanted: Wanted, mark: Mark | None, after: Mapping[str, Any]) -> Arrivals:
    """What arrived since the mark was set; `after` has the last stamp of each series.

    Errors: those of reading; Busy where the file is being written over.
    """
    if mark is None or mark.offset == 0 or wanted.verify:
        return _everything(wanted)
    fresh = read_fresh(wanted.source, mark)
    if fresh is None:
        return _replaced(wanted, mark, after)
    try:
        return Arrivals((rows_in(fresh, wanted, after),), fresh.mark, (TORN,) if fresh.torn else (), False)
    except Unclear:
        return _everything(wanted)


def _replaced(wanted: Wanted, mark: Mark, after: Mapping[str, Any]) -> Arrivals:
    """Another file, or one that was written anew: first the rest of the old one, where it can be found."""
    old, state = rotated(wanted.source, mark), Path(wanted.source).stat()
    rest = None if old is None else read_fresh(old, mark)
    before = rows_in(rest, wanted, after) if rest is not None else ()
    found = _everything(wanted)
    if wanted.layout.clock.kind == "row":
        if (state.st_dev, state.st_ino) == (mark.device, mark.inode) and state.st_size >= mark.offset:
            raise DataError("the file was changed where it had been read, and rows without stamps cannot be told apart",
                            file=wanted.source, mend="undo it, or name another --state")
        last = dict(after) | {one.unique_id: one.ds[-1] for one in before}
        found = replace(found, parts=tuple(tuple(_numbered(one, last) for one in part) for part in found.parts))
    note = f"{wanted.source} is another file than before, or was written anew: all of it is read"
    note += f", and the rest of {old}" if any(len(one.ds) for one in before) else ""
    return replace(found, parts=(before, *found.parts), notes=(note, *found.notes))


def _numbered(one: Arrived, last: Mapping[str, Any]) -> Arrived:
    """Rows without stamps, counted on from the last one."""
    return replace(one, ds=one.ds + float(last.get(one.unique_id, -1.0)) + 1.0)


def _everything(wanted: Wanted) -> Arrivals:
    """All rows of the data. A file without any is no error: it may have been rotated just now."""
    source, mark, torn = whole_lines(wanted.source)
    notes = (TORN,) if torn else ()
    if mark is not None and not _has_rows(source, wanted):
        return Arrivals((), replace(mark, header=_header(source, wanted)), notes, True)
    reading = _read(source, wanted)
    rows = tuple(Arrived(one.unique_id, one.ds, np.where(one.observed, one.y, np.nan),
                         np.concatenate([one.past, one.known], axis=1), one.line.astype(np.int64), one.static)
                 for one in whole_bins(reading.panel).series)
    return Arrivals((rows,), behind(mark, source, wanted), notes, True)


def _has_rows(source: Source, wanted: Wanted) -> bool:
    text = _as_text(source, wanted)
    filled = (fields for _, fields in records(text, wanted.layout.format) if fields)
    return len(list(islice(filled, 1 + wanted.layout.format.header))) > wanted.layout.format.header


# ---- line by line --------------------------------------------------------------------------------


def rows_in(fresh: Fresh, wanted: Wanted, after: Mapping[str, Any]) -> tuple[Arrived, ...]:
    """The rows in whole lines that were appended. DataError for a bad one, Unclear where one line does not do."""
    if fresh.mark.header and not fresh.head:
        raise Unclear
    layout = replace(wanted.layout, format=replace(wanted.layout.format, na_values=tuple(dict.fromkeys(
        (*wanted.layout.format.na_values, *wanted.read.format.na_value)))))
    reader = RowReader(layout, fresh.file, after=after)
    encoding = _encoding(wanted) or "utf-8"
    try:
        head, body = fresh.head.decode(encoding), fresh.body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unclear from error
    found: dict[str, list[Row]] = {}
    try:
        for line in _lines(head):
            reader.read(line)
        reader.go_on_after(fresh.first - 1)
        for row in filter(None, map(reader.read, _lines(body))):
            found.setdefault(row.unique_id, []).append(row)
    except DataError as error:
        if error.message.startswith(NO_RECORD):
            raise Unclear from error
        raise
    return tuple(_gathered(unique_id, rows, layout) for unique_id, rows in found.items())


class Unclear(Exception):
    """What was appended cannot be understood without what stands before it."""


def _lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline="\n"))


def _encoding(wanted: Wanted) -> str:
    """The encoding of the data, "" where it is to be found."""
    learned = wanted.layout.format.encoding
    return wanted.read.format.encoding or ("" if learned == "utf-8" else learned)


def _gathered(unique_id: str, rows: list[Row], layout: Layout) -> Arrived:
    """The rows of a series in order of time; those of one stamp in order of arrival."""
    ds = np.array([row.ds for row in rows], dtype=np.float64 if is_numeric(layout.clock) else STAMP)
    order = np.argsort(ds, kind="stable")
    line = np.array([row.line for row in rows], dtype=np.int64)
    return Arrived(unique_id, ds[order], np.stack([row.y for row in rows])[order],
                   np.stack([np.concatenate([row.past, row.known]) for row in rows])[order], line[order],
                   rows[-1].static)
