"""Covariates known ahead from a file of their own, laid behind the rows of DATA.

The result is the panel that DATA with these rows at its end would have given: targets empty, known
columns filled. So a forecast with `--future` is the forecast with the rows at the end of DATA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.config import FormatOptions, ReadOptions, RowOptions, TimeOptions
from grucast.core.errors import DataError
from grucast.core.series import Clock, FileFormat, Layout, Panel, Series
from grucast.data.findings import Findings
from grucast.data.reading import as_learned, read_loaded
from grucast.data.sources import Source, load
from grucast.data.tables import open_table
from grucast.data.task import Task
from grucast.preprocessing.grid import is_numeric, locate, off_grid, stamps_after, stamps_at
from grucast.preprocessing.sources import length_known
from grucast.preprocessing.zones import written

NAMED = 3  # ids that a note names


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """The rows of a file of covariates: series by id, or one under "" that is for every series of DATA."""

    file: str
    series: Mapping[str, Series]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """How many rows ahead must be known (`horizon`), and how many the network looks at (`rows`, no fewer).

    `fixed`: nobody can ask for a shorter horizon, as in `explain`.
    """

    horizon: int
    rows: int
    fixed: bool = False


def read_ahead(name: str, read: ReadOptions, layout: Layout) -> Ahead:
    """The covariates in the file `name`, read as DATA is by the `layout` of the model.

    Where its columns are not to be had that way, delimiter, decimal sign and encoding are found anew.
    Targets and other columns in it are not read. Without the id column its rows are for every series.

    Errors: DataError for what is wrong in it, an absent column included; those of files that cannot be opened.
    """
    options = ReadOptions(
        time=TimeOptions(tz=read.time.tz), format=FormatOptions(na_value=read.format.na_value),
        rows=RowOptions(duplicates=read.rows.duplicates, last_line=read.rows.last_line))
    loaded, notes = load(name), list[str]()
    task, form = _opened(loaded, options, layout)
    columns = replace(layout.columns, target=(), past=(), static=(), label="")
    for column in (*columns.time, *columns.known):
        if column not in task.table.columns:
            raise DataError(f"there is no column {column!r}; there are {', '.join(list(task.table.columns)[:20])}",
                            file=name, mend="--future needs the time and the known columns of the model")
    if form != layout.format:
        notes.append(f"not written like DATA: delimiter {form.delimiter!r}, decimal sign {form.decimal!r}, "
                     f"encoding {form.encoding}")
    others = [one for one in (*layout.columns.target, *layout.columns.past) if _tells(task, one)]
    if others:
        notes.append(f"{', '.join(map(repr, others))} not read: --future gives what is known ahead, and nothing else")
    if columns.id and not set(columns.id) <= set(task.table.columns):
        notes.append(f"no column {', '.join(map(repr, columns.id))}: its rows are for every series")
        columns = replace(columns, id=(), shape="wide")
    reading = read_loaded(Findings(), [loaded], options, layout=replace(layout, columns=columns, format=form))
    return Ahead(name, {one.unique_id: one for one in reading.panel.series},
                 tuple(f"{name}: {note}" for note in (*notes, *reading.notes)))


def _opened(loaded: Source, options: ReadOptions, layout: Layout) -> tuple[Task, FileFormat]:
    """The table as the layout has it read, else with a format found anew where that is what it takes."""
    asked = as_learned(options, layout)
    task, _ = open_table([loaded], asked, Findings(collect=True), layout)
    if not _fits(task, layout):
        other, found = open_table([loaded], asked, Findings(collect=True), None)
        if _fits(other, layout):
            return other, replace(found, na_values=layout.format.na_values)
    return task, layout.format


def _fits(task: Task, layout: Layout) -> bool:
    """Whether the columns are there, and the known ones are numbers."""
    table, known = task.table, layout.columns.known
    return (all(name in table.columns for name in (*layout.columns.time, *known))
            and not any(table.columns[name].numbers(table.style)[1].any() for name in known))


def _tells(task: Task, name: str) -> bool:
    """Whether a column is there and has a value."""
    column = task.table.columns.get(name)
    return column is not None and column.tally(task.table.style.missing).missing < task.table.rows


def lay_behind(panel: Panel, ahead: Ahead, reach: Reach) -> tuple[Panel, list[str]]:
    """The gridded `panel` with the known columns of `ahead` behind each series' last target, and notes.

    Where DATA has a value for such a row too, that of the file is taken, and a note says so where they differ.
    Rows up to the last target, and beyond `reach.rows`, do not count. A series without any target stays as it is.

    DataError, with file, line and column: a stamp off the grid, a series or a row of the horizon that is not
    there, an empty cell in one.
    """
    notes = [f"{ahead.file}: {note}" for note in _strangers(panel, ahead)]
    joined, other = [], 0
    for one in panel.series:
        if not one.observed.any():
            joined.append(one)
            continue
        more = ahead.series.get(one.unique_id, ahead.series.get(""))
        if more is None:
            raise DataError(f"no row of series {one.unique_id!r}", file=ahead.file, mend="add its rows")
        laid, differing = _laid(one, more, panel, ahead.file, reach)
        joined.append(laid)
        other += differing
    if other:
        notes.append(f"{ahead.file}: {other} row{'s have' if other > 1 else ' has'} other values than DATA has there: "
                     "those of this file are taken")
    return replace(panel, series=tuple(joined)), notes


def _strangers(panel: Panel, ahead: Ahead) -> list[str]:
    """A note on series that DATA does not have."""
    names = sorted(set(ahead.series) - {"", *panel.ids()})
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return [f"{len(names)} series not in DATA ({shown}): not used"] if names else []


def _laid(one: Series, more: Series, panel: Panel, file: str, reach: Reach) -> tuple[Series, int]:
    """One series with the rows `more` behind it, and in how many rows that changed a value."""
    stop, clock = length_known(one), panel.layout.clock
    if clock.kind != "row":
        after = int(np.searchsorted(more.ds, one.ds[stop - 1], side="right"))
        more = more.rows(after, len(more))
    places, off = _places(one, stop, more.ds, clock)
    if off >= 0 and off < reach.rows:
        axis = np.concatenate([one.ds[stop - 1 : stop], more.ds])
        raise DataError(off_grid(axis, off + 1, clock) + _of(one), file=file, line=int(more.line[off]) or None,
                        mend="give the rows ahead the frequency of DATA")
    stays = (places <= reach.rows) & (np.arange(len(places)) < (off if off >= 0 else len(places)))
    places, more = places[stays], more.rows(0, int(stays.sum()))  # places rise: what stays stands first
    known = _grown(one.known, stop + int(places.max(initial=0)), np.nan)
    line = np.zeros(reach.rows, np.int64)  # in the file, of each row ahead; 0 where it has none
    at = stop - 1 + places
    given, before = np.isfinite(more.known), known[at]
    differing = (given & np.isfinite(before) & (before != more.known)).any(axis=1)
    known[at] = np.where(given, more.known, before)
    line[places - 1] = more.line
    _refuse_unknown(one, known[stop : stop + reach.horizon], line, panel, file, reach)
    laid = _longer(one, known, clock)
    lines = laid.line.copy()
    lines[at] = more.line
    return replace(laid, line=lines), int(differing.sum())


def _places(one: Series, stop: int, ds: Stamps, clock: Clock) -> tuple[Ints, int]:
    """The place of each stamp `ds`, 1 being the row after the last target, and the first that has none, else -1.

    Numbered rows come after all rows of DATA. Rows without a frequency come in order: those of DATA behind its
    last target first.
    """
    tail = one.ds[stop:]
    if clock.kind == "row":
        return len(tail) + 1 + np.arange(len(ds)), -1
    if (is_numeric(clock) or clock.freq) and locate(one.ds, clock)[1] < 0:
        places, off = locate(np.concatenate([one.ds[stop - 1 : stop], ds]), clock)
        return places[1:], off - 1 if off >= 0 else -1
    inside = np.searchsorted(tail, ds, side="right")  # rows of DATA up to each stamp
    beyond: Mask = ds > tail[-1] if len(tail) else np.ones(len(ds), bool)
    wrong = ~beyond & (tail[np.maximum(inside - 1, 0)] != ds) if len(tail) else ~beyond
    return inside + np.cumsum(beyond), int(np.argmax(wrong)) if wrong.any() else -1


def _refuse_unknown(one: Series, known: Array, line: Ints, panel: Panel, file: str, reach: Reach) -> None:
    """DataError for the first row of the horizon that is not there, or has an empty cell; `known` is (rows, K)."""
    there = np.isfinite(_grown(known, reach.horizon, np.nan))
    if there.all():
        return
    row, column = (int(index) for index in np.argwhere(~there)[0])
    names = panel.layout.columns.known
    cutoff = one.ds[length_known(one) - 1]
    stamp = written(stamps_after(cutoff, row + 1, panel.layout.clock)[row], panel.layout.clock)
    if line[row]:
        raise DataError(f"the cell at {stamp} is empty{_of(one)}", file=file, line=int(line[row]), column=names[column],
                        mend=_mend("fill it", row, reach))
    what = f"{reach.horizon} rows after {written(cutoff, panel.layout.clock)}"
    raise DataError(f"no row at {stamp}{_of(one)}: {', '.join(names)} must be known for {what}, and {row} "
                    f"{'is' if row == 1 else 'are'} there", file=file, mend=_mend("add the rows", row, reach))


def _mend(first: str, rows: int, reach: Reach) -> str:
    """What mends it first, else the longest horizon that would do, `rows`, or where that is fixed another cutoff."""
    if reach.fixed:
        return f"{first}, or name an earlier --cutoff"
    return f"{first}, or say --horizon {rows}" if rows else first


def _longer(one: Series, known: Array, clock: Clock) -> Series:
    """The series with the rows of `known` (R, K), R no fewer than it has; nothing else is told in the new ones."""
    more = len(known) - len(one)
    if not more:
        return replace(one, known=known)
    ds = np.concatenate([one.ds, stamps_at(one.ds[-1], np.arange(1, more + 1), clock)])
    label = None if one.label is None else _grown(one.label, len(known), 0)
    return replace(one, ds=ds, y=_grown(one.y, len(known), np.nan), observed=_grown(one.observed, len(known), False),
                   known=known, past=_grown(one.past, len(known), np.nan), line=_grown(one.line, len(known), 0),
                   label=label)


def _grown(values: Any, rows: int, empty: float) -> Any:
    """A copy of `values` (T, ...) with `rows` rows at least, the new ones `empty`."""
    more = np.full((max(rows - len(values), 0), *values.shape[1:]), empty, dtype=values.dtype)
    return np.concatenate([values, more])


def _of(one: Series) -> str:
    return f" (series {one.unique_id!r})" if one.unique_id else ""
