"""One file that anybody made, as it was read: its cells, the series of each row and the time of each row.

What `evaluate` reads scores, labels and forecasts with: unlike `data.reading` it asks for no targets and no
frequency, and a stamp may stand in several rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Ints, Mask, Stamps
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.data.findings import Findings
from grucast.data.joining import instants
from grucast.data.panels import group_rows
from grucast.data.sources import load
from grucast.data.tables import open_table
from grucast.data.task import Task
from grucast.data.times import find_clock_of, pick_time
from grucast.data.zones import to_axis

CLOSE = 1000  # numbers are one time within this part of a step: 0.024 is also 3 x 0.008


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One file as it was read: its rows, the series of each row, and the time of each row where it is told."""

    task: Task
    group: Ints  # (T,)
    ids: tuple[str, ...]
    time: tuple[str, ...]  # the columns that hold it, () where it is not told; also where it is not to be used
    ds: Stamps | None  # (T,) int64 microseconds, or numbers
    clock: str  # "stamp", "number" or "": what `ds` is
    tz: str

    @property
    def file(self) -> str:
        """The name of the file, for messages."""
        return self.task.table.files[0][0]

    @property
    def rows(self) -> int:
        """T."""
        return self.task.table.rows


def open_cells(name: str, read: ReadOptions, findings: Findings) -> Task:
    """The cells of a file. Errors: those of reading; DataError where it has no rows."""
    task, _ = open_table([load(name)], read, findings, None)
    if not task.table.rows:
        raise task.refuse("there are no rows below the header")
    return task


def as_sheet(task: Task, ids: Sequence[str]) -> Sheet:
    """The cells with the series that `ids` name and the time that is found. Errors: DataError for a row without one."""
    read = task.options
    group, names, _ = group_rows(task, ids)
    time = pick_time(task)
    if read.time.no_time or not time:
        return Sheet(task, group, tuple(names), time, None, "", "")
    if len(time) > 1:
        task.read_as_text(time)  # as numbers, 050101 would lose its zero
    clock = find_clock_of(task, time)
    if clock.kind in ("elapsed", "index"):
        ds, wrong = task.table.columns[time[0]].numbers(task.table.style)
        _refuse_timeless(task, time, ~wrong & ~np.isnan(ds))
        return Sheet(task, group, tuple(names), time, ds, "number", "")
    moments = instants(task, time, clock)
    _refuse_timeless(task, time, moments.ok)
    silent = replace(task, findings=Findings())  # how stamps would be written does not matter: none are
    us, tz = to_axis(silent, moments, group, epoch=clock.kind in ("epoch_s", "epoch_ms"))
    return Sheet(task, group, tuple(names), time, us, "stamp", tz)


def id_columns(task: Task, asked: Sequence[str]) -> tuple[str, ...]:
    """The columns that name the series: those `asked` for that the file has, else `unique_id` where it is filled.

    It is empty throughout where the columns of a wide file are one.
    """
    present = tuple(name for name in asked if name in task.table.columns)
    if present:
        return present
    column = task.table.columns.get("unique_id")
    return ("unique_id",) if column is not None and any(word.strip() for word in column.codes()[1]) else ()


def series_rows(sheet: Sheet) -> list[Ints]:
    """The rows of each series, in order of time where it is told, else as they stand."""
    return split_rows(sheet.group, len(sheet.ids), sheet.ds)


def split_rows(group: Ints, count: int, ds: Stamps | None = None) -> list[Ints]:
    """The places of each of `count` groups in `group` (T,), in order of the times `ds` (T,), else as they stand."""
    order = np.arange(len(group)) if ds is None else np.argsort(ds, kind="stable")
    order = order[np.argsort(group[order], kind="stable")]
    return np.split(order, np.cumsum(np.bincount(group, minlength=count))[:-1])


def find_times(known: Stamps, wanted: Stamps) -> Ints:
    """For each of `wanted` (N,) its place in `known` (T,), which rises, -1 where it is not there.

    Integers (microseconds) are found exactly, numbers within a thousandth of the smallest step.
    """
    if not len(known):
        return np.full(len(wanted), -1)
    place = np.clip(np.searchsorted(known, wanted), 1, max(len(known) - 1, 1)) - 1
    after = np.minimum(place + 1, len(known) - 1)
    place = np.where(np.abs(known[after] - wanted) < np.abs(known[place] - wanted), after, place)
    reach = np.diff(known).min() / CLOSE if known.dtype.kind == "f" and len(known) > 1 else 0
    return np.where(np.abs(known[place] - wanted) <= reach, place, -1)


def refuse_mixed_zones(first: tuple[str, str], second: tuple[str, str]) -> None:
    """DataError where one of two files, each as (name, zone), has instants and the other local stamps."""
    if bool(first[1]) != bool(second[1]):
        has, lacks = (first, second) if first[1] else (second, first)
        raise DataError(f"the stamps have no UTC offset, those of {has[0]} have one", file=lacks[0],
                        mend="say the zone with --tz, or --no-time to go by the order of the rows")


def times_in(sheet: Sheet, name: str) -> Stamps:
    """The times in another column of the sheet, (T,), told as its time is. Errors: DataError for a row without one."""
    task = sheet.task
    column = task.table.columns[name]
    tally = column.tally(task.table.style.missing)
    if sheet.clock == "number" or (not sheet.clock and tally.numbers):
        values, wrong = column.numbers(task.table.style)
        _refuse_timeless(task, [name], ~wrong & ~np.isnan(values))
        return values
    clock = find_clock_of(task, [name])
    moments = instants(task, [name], clock)
    _refuse_timeless(task, [name], moments.ok)
    silent = replace(task, findings=Findings())
    us, tz = to_axis(silent, moments, sheet.group, epoch=clock.kind in ("epoch_s", "epoch_ms"))
    if sheet.clock and bool(tz) != bool(sheet.tz):
        raise DataError(f"UTC offsets stand here or in {sheet.time[0]!r}, not in both", file=sheet.file, column=name,
                        mend="write all stamps alike, or say the zone with --tz")
    return us


def _refuse_timeless(task: Task, names: Sequence[str], good: Mask) -> None:
    """An error for the first row without a time."""
    for row in np.flatnonzero(~good)[:1].tolist():
        task.fault(row, "the stamp is missing or is no time", column=names[0],
                   mend="mend the cell, or say --no-time to go by the order of the rows")
