"""Rows that arrived since the last run: which of them are new, and where they stand on the grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.errors import DataError
from grucast.core.series import Clock
from grucast.preprocessing.grid import locate, off_grid, stamps_at
from grucast.preprocessing.zones import written
from grucast.workflows.detecting.kept import ABSENT, Kept, unsaid

LONGEST_GAP = 1_000_000  # rows that may be missing before a stamp is taken for a mistake
FEW = 3  # rows after a gap longer than all before it that do not yet make it the present
LONG = 10  # rows that such a gap has at least


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """Rows of one series as they were read, in order of time: (N,), (N, C), (N, P), and their lines (N,).

    `past` are all covariates of a row, those known ahead last; `static` (S,) are those of the series.
    """

    unique_id: str
    ds: Stamps
    y: Array
    past: Array
    line: Ints
    static: Array = field(default_factory=lambda: np.zeros(0))

    def rows(self, part: Mask | slice | Ints) -> Arrived:
        """Some of the rows."""
        return Arrived(self.unique_id, self.ds[part], self.y[part], self.past[part], self.line[part], self.static)


@dataclass(slots=True)
class Counts:
    """How many rows came, by what they were."""

    new: int = 0
    late: int = 0
    revised: int = 0
    repeated: int = 0
    too_late: int = 0


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis of the data: its clock, whether it has a grid, and the file, for messages."""

    clock: Clock
    regular: bool
    file: str

    def off(self, said: str, line: Any) -> DataError:
        """The error of a row that is not on the grid."""
        return DataError(said, file=self.file, line=int(line), mend="correct it, or leave the row out")


def fresh_rows(arrived: Arrived, last: Any, begin: Any, axis: Axis, counts: Counts) -> tuple[Kept, Ints]:
    """The rows that are new, with those that are missing between them, and their lines (T,), 0 where missing.

    `last` and `begin` are the last and the first stamp of the series so far, None for a series that begins. Of rows of
    one stamp the last one counts. DataError off the grid, or alone in a far future.
    """
    again = np.append(arrived.ds[1:] == arrived.ds[:-1], False) if len(arrived.ds) else np.zeros(0, dtype=bool)
    for at in np.flatnonzero(again).tolist():
        same = bool(np.array_equal(arrived.y[at], arrived.y[at + 1], equal_nan=True))
        counts.repeated, counts.revised = counts.repeated + same, counts.revised + (not same)
    arrived = arrived.rows(~again)
    counts.new += len(arrived.ds)
    channels, past = arrived.y.shape[1], arrived.past.shape[1]
    given = unsaid(arrived.ds, arrived.y, arrived.past, np.zeros(len(arrived.ds), dtype=np.int64))
    if not len(given):
        return given, arrived.line
    places = _places(arrived, last, axis)
    if last is not None:
        _refuse_far(arrived, (last, begin), places, axis)
    rows = int(places[-1]) + 1
    if rows == len(places):
        return given, arrived.line
    ds = stamps_at(arrived.ds[0], np.arange(rows), axis.clock) if last is None else stamps_at(
        last, np.arange(1, rows + 1), axis.clock)
    full = unsaid(ds, np.full((rows, channels), np.nan), np.full((rows, past), np.nan), np.full(rows, ABSENT))
    full.ds[places], full.data[places] = given.ds, given.data
    line = np.zeros(rows, dtype=np.int64)
    line[places] = arrived.line
    return full, line


def rows_passed(fresh: Kept, known: int) -> int:
    """How many of these rows have passed: all but the last ones, without targets, that tell covariates known ahead.

    `known` is how many such covariates there are. As `length_passed` says of a whole series.
    """
    seen = np.flatnonzero(np.isfinite(fresh.y).any(axis=1))
    stop = int(seen[-1]) + 1 if len(seen) else 0
    return stop if known and np.isfinite(fresh.past[stop:, -known:]).any() else len(fresh)


def refuse_unknown(ahead: Array, names: tuple[str, ...], horizon: int, whose: tuple[str, str]) -> None:
    """DataError where covariates (R, K) are not known for every row of the horizon; `whose`: file and series.

    What a row is expected to be hangs on them: later values would make another of a score that was given out.
    """
    file, unique_id = whose
    rows = int(np.argmin(np.append(np.isfinite(ahead).any(axis=1), False)))
    if rows < horizon:
        name = f" of series {unique_id!r}" if unique_id else ""
        raise DataError(f"{', '.join(names)}{name} must be known for {horizon} rows ahead, and {rows} are there",
                        file=file, mend="add rows with empty targets and filled known columns, or run without --state")


def _places(arrived: Arrived, last: Any, axis: Axis) -> Ints:
    """The place of each row (N,) among the rows after the last one, from 0."""
    if not axis.regular:
        return np.arange(len(arrived.ds))
    anchor = 0 if last is None else 1
    ds = arrived.ds if last is None else np.concatenate([np.array([last], dtype=arrived.ds.dtype), arrived.ds])
    places, off = locate(ds, axis.clock)
    if off >= 0:
        raise axis.off(off_grid(ds, off, axis.clock), arrived.line[max(off - anchor, 0)])
    places = places[anchor:] - anchor
    gaps = np.diff(places, prepend=-1)
    if gaps.max() > LONGEST_GAP:
        at = int(gaps.argmax())
        raise DataError(f"{int(gaps[at]) - 1:,} rows are missing before this one", file=axis.file,
                        line=int(arrived.line[at]), mend="look at its stamp")
    return places


def _refuse_far(arrived: Arrived, ends: tuple[Any, Any], places: Ints, axis: Axis) -> None:
    """DataError for one or two rows after a gap longer than all of the series before it."""
    last, begin = ends
    for at in range(max(0, len(arrived.ds) - FEW + 1), len(arrived.ds)):
        previous = arrived.ds[at - 1] if at else last
        missing = places[at] - (places[at - 1] if at else -1)
        if missing <= LONG and axis.regular:
            continue
        if begin < previous and arrived.ds[at] - previous > previous - begin:
            raise DataError(f"the stamp {written(arrived.ds[at], axis.clock)} lies further from the row before it "
                            f"({written(previous, axis.clock)}) than all of the series is long", file=axis.file,
                            line=int(arrived.line[at]), mend="mend the stamp")
