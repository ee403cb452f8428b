"""Periods of time: rows gathered to a new frequency, and rows left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.config import FormatOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.series import Clock
from grucast.data.findings import Findings
from grucast.data.readers.csv import records
from grucast.data.rows import Rows
from grucast.data.sniffing import sniff
from grucast.data.sources import decode, load
from grucast.data.stamp_formats import find_formats
from grucast.data.stamps import MINUTE, NO_OFFSET, SECOND, parse_cells
from grucast.data.task import Task
from grucast.data.zones import offset_minutes

FIXED = re.compile(r"([0-9]*)\s*(s|min|h|D)")
LENGTHS = {"s": SECOND, "min": MINUTE, "h": 60 * MINUTE, "D": 1440 * MINUTE}


def resample(task: Task, rows: Rows, clock: Clock) -> Rows:
    """Rows (sorted) gathered by --resample and --agg; a bin without rows is not there.

    Bins begin at whole multiples of the step, counted from midnight of the local day.
    """
    rule, how = task.options.rows.resample or "", task.options.rows.agg
    if clock.kind in ("row", "index"):
        raise UsageError(f"--resample {rule}: the rows have no stamps")
    edges = _bins(rows.ds, rule, clock)
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(rows.group) != 0) | (np.diff(edges) != 0)]))
    merged = rows.take(starts)
    merged.ds = edges[starts]
    for name in ("y", "known", "past"):
        setattr(merged, name, _gather(getattr(rows, name), starts, how))
    if rows.label is not None:
        merged.label = np.maximum.reduceat(rows.label, starts)
    task.findings.note(f"{len(rows.ds)} rows are gathered to {len(starts)} by --resample {rule} --agg {how}")
    return merged


def _bins(ds: Ints | Array, rule: str, clock: Clock) -> Ints | Array:
    """The beginning of each row's bin (N,)."""
    match = FIXED.fullmatch(rule)
    if ds.dtype == np.float64:
        if match is None:
            raise UsageError(f"--resample {rule}: seconds are gathered by a fixed step such as 10s or 1min")
        seconds = int(match[1] or 1) * LENGTHS[match[2]] / SECOND
        return np.asarray(np.floor(ds / seconds) * seconds, dtype=np.float64)
    us: Ints = ds.astype(np.int64)
    fixed = offset_minutes(clock.tz) if clock.tz else 0
    if match is not None and fixed is not None:
        step = int(match[1] or 1) * LENGTHS[match[2]]
        return np.asarray((us + fixed * MINUTE) // step * step - fixed * MINUTE, dtype=np.int64)
    return _calendar_bins(us, rule, clock.tz)


def _calendar_bins(ds: Ints, rule: str, tz: str) -> Ints:
    """The same for months, weeks and zones with clock changes."""
    import pandas as pd

    index = pd.DatetimeIndex(ds.view("datetime64[us]"))
    if tz:
        index = index.tz_localize("UTC").tz_convert(tz)
    order = np.argsort(index.asi8, kind="stable")
    try:
        numbers = pd.Series(np.arange(len(ds)), index=index[order]).resample(rule).count()
    except ValueError:
        raise UsageError(f"--resample {rule}: there is no such frequency") from None
    labels = pd.DatetimeIndex(numbers.index)
    if tz:
        labels = labels.tz_convert("UTC").tz_localize(None)
    stamps = np.repeat(labels.values.astype("datetime64[us]").astype(np.int64), numbers.to_numpy())
    edges = np.empty(len(ds), np.int64)
    edges[order] = stamps
    return edges


def _gather(values: Array, starts: Ints, how: str) -> Array:
    """One row for each run of rows: the mean, sum, last or largest of what is observed (N, C), else NaN."""
    seen = ~np.isnan(values)
    count = np.add.reduceat(seen.astype(np.int64), starts, axis=0)
    if how == "last":
        place = np.where(seen, np.arange(len(values))[:, None], -1)
        last = np.maximum.reduceat(place, starts, axis=0)
        found = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    elif how == "max":
        found = np.maximum.reduceat(np.where(seen, values, -np.inf), starts, axis=0)
    else:
        found = np.add.reduceat(np.where(seen, values, 0.0), starts, axis=0)
        if how == "mean":
            found = found / np.maximum(count, 1)
    return np.where(count > 0, found, np.nan)


def mask_excluded(task: Task, rows: Rows, clock: Clock) -> tuple[str, ...]:
    """Make the rows of --exclude and --exclude-labelled unobserved, in place, repeats too; the periods as text."""
    asked, both = task.options.rows, [rows] if rows.repeats is None else [rows, rows.repeats]
    told: tuple[str, ...] = ()
    if asked.exclude:
        periods = read_periods(asked.exclude, clock)
        counts = [_mask(part, _in_periods(part, periods)) for part in both]
        task.findings.note(f"{counts[0]} rows lie in the periods of {asked.exclude} and are masked")
        told = as_text(periods)
    if asked.exclude_labelled:
        if rows.label is None:
            raise task.refuse("--exclude-labelled needs a column of labels", mend="name it with --label-col")
        counts = [_mask(part, part.label != 0) for part in both if part.label is not None]
        task.findings.note(f"{counts[0]} labelled rows are masked")
    return told


def as_text(periods: Array | Ints) -> tuple[str, ...]:
    """Periods (P, 2) as a model file keeps them, from/to: UTC to the microsecond where a zone is known, or numbers."""
    axis = periods.astype("datetime64[us]") if periods.dtype == np.int64 else periods
    return tuple(f"{start}/{stop}" for start, stop in axis)


def from_text(told: Sequence[str], *, numeric: bool) -> Iterator[tuple[Any, Any]]:
    """The two ends of each period that a model file keeps, on the axis of a series; ModelError where one is none."""
    for one in told:
        start, _, stop = one.partition("/")
        try:
            yield (float(start), float(stop)) if numeric else (np.datetime64(start, "us"), np.datetime64(stop, "us"))
        except ValueError as error:
            raise ModelError(f"damaged: manifest: data.excluded: {one[:40]!r} is no period") from error


def _mask(rows: Rows, masked: Mask) -> int:
    """Make the `masked` rows (N,) unobserved, in place; how many they are."""
    rows.y[masked] = np.nan
    return int(masked.sum())


def _in_periods(rows: Rows, periods: Array | Ints) -> Mask:
    """Rows from the beginning to the end of any period (P, 2), both included."""
    masked = np.zeros(len(rows.ds), bool)
    for start, stop in periods:
        masked |= (rows.ds >= start) & (rows.ds <= stop)
    return masked


def read_periods(file: str, clock: Clock) -> Array | Ints:
    """The periods (P, 2) of a file with the columns from and to, on the axis of `clock`."""
    source = decode(load(file), "", Findings(collect=True))
    form = sniff(source, FormatOptions(), Findings(collect=True))
    lines, cells = [], []
    for at, (line, fields) in enumerate(one for one in records(source, form) if one[1]):
        if at == 0 and form.header:
            continue
        if len(fields) < 2:
            raise DataError("a period has a beginning and an end", file=file, line=line, mend="write from,to")
        lines.append(line)
        cells.append([fields[0].strip(), fields[1].strip()])
    periods = np.array([_points([pair[side] for pair in cells], lines, file, clock) for side in (0, 1)]).T
    for line, (start, stop) in zip(lines, periods, strict=True):
        if stop < start:
            raise DataError("the period ends before it begins", file=file, line=line, mend="write from,to")
    return periods.reshape(-1, 2)


def _points(cells: list[str], lines: list[int], file: str, clock: Clock) -> Array | Ints:
    """Cells as points of the time axis; local stamps are in the zone of the data."""
    if clock.kind in ("row", "index", "elapsed"):
        try:
            return np.array([float(cell) for cell in cells])
        except ValueError:
            raise DataError("a period of numbered rows is two numbers", file=file, mend="write from,to") from None
    form = (find_formats(cells) or [clock.format])[0] if cells else ""
    moments = parse_cells(cells, form)
    for line, cell, good in zip(lines, cells, moments.ok, strict=True):
        if not good:
            raise DataError(f"{cell!r} is not a time", file=file, line=line, mend="write it as 2024-01-31T12:00")
    offset = np.full(len(cells), NO_OFFSET) if moments.offset is None else moments.offset
    return np.array([_instant(int(us), int(minutes), clock.tz)
                     for us, minutes in zip(moments.us, offset, strict=True)], dtype=np.int64)


def _instant(us: int, offset: int, tz: str) -> int:
    """One stamp as an instant: by its own offset, else by the zone of the data."""
    if offset != NO_OFFSET:
        return us - offset * MINUTE if tz else us
    fixed = offset_minutes(tz) if tz else 0
    if fixed is not None:
        return us - fixed * MINUTE
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    local = datetime(1970, 1, 1) + timedelta(microseconds=us)
    minutes = local.replace(tzinfo=ZoneInfo(tz)).utcoffset()
    return us - (int(minutes.total_seconds()) * SECOND if minutes else 0)
