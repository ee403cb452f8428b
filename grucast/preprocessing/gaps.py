"""Series on their grid: rows that the file does not have are put in, empty and masked, never invented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Ints, Mask, Stamps
from grucast.core.errors import DataError
from grucast.core.series import Clock, Panel, Series
from grucast.preprocessing.frequency import SPARSEST, find_frequency, find_step, typical_step
from grucast.preprocessing.grid import is_numeric, locate, numeric_step, off_grid, stamps_at
from grucast.preprocessing.zones import written

MOST_ROWS = 50_000_000  # of the grid, all series together
_NAMED = 3  # gaps that are named; the others are counted
_LONELY = 3  # rows: fewer than this many after (or before) a gap longer than the rest are a mistake
_LONG = 10  # typical steps that such a gap has at least


@dataclass(frozen=True, slots=True)
class _Gap:
    """Places of the grid that one series has no row for: `start` to `stop`, before its row `row`."""

    series: Series
    row: int
    start: int
    stop: int


def regularise(panel: Panel, *, gaps: str = "mask", file: str = "") -> tuple[Panel, list[str]]:
    """`panel` with every series on its regular grid, and notes on what is missing.

    The frequency is found where the clock has none. A row that the file does not have gets line 0,
    the stamp of its place, y, known and past NaN, observed False, label 0; rows of the file keep
    their own stamps. Unequal steps, and numbered rows, stay in order as they are. The layout of the
    panel that comes back has the frequency, and the step of a numeric axis (the typical step, in
    seconds for dates, where there is no frequency).

    DataError: a stamp off the grid of a frequency that was given; a grid of more than 20 places a
    row or 50 million; one or two rows beyond a gap longer than all the rest; with `gaps` "error",
    the first row or cell that is missing.
    """
    given = panel.layout.clock
    if given.kind == "row":
        _refuse_missing(panel, [], gaps, file)
        return panel, _cells(panel)
    for one in panel.series:
        _refuse_lonely(one, given, file)
    clock, notes, regular = _clock(panel, given)
    panel = replace(panel, layout=replace(panel.layout, clock=clock))
    if not regular:
        _refuse_missing(panel, [], gaps, file)
        return panel, notes + _cells(panel)
    places = [_places(one, clock, file) for one in panel.series]
    _refuse_sparse(panel, places, file)
    found = [gap for one, where in zip(panel.series, places, strict=True) for gap in _gaps(one, where)]
    _refuse_missing(panel, found, gaps, file)
    full = tuple(_filled(one, where, clock) for one, where in zip(panel.series, places, strict=True))
    return replace(panel, series=full), notes + _rows(panel, found) + _cells(panel)


def _clock(panel: Panel, given: Clock) -> tuple[Clock, list[str], bool]:
    """The clock with frequency and step set, notes, and whether there is a grid."""
    if given.freq:
        return (replace(given, step=numeric_step(given)) if given.kind == "elapsed" else given), [], True
    alias, notes = find_frequency(panel.series, given)
    if alias:
        clock = replace(given, freq=alias)
        return (replace(clock, step=numeric_step(clock)) if is_numeric(clock) else clock), notes, True
    step = find_step(panel.series) if is_numeric(given) and not notes else 0.0
    return replace(given, step=step or typical_step(panel.series, given)), notes, step > 0.0


def _places(one: Series, clock: Clock, file: str) -> Ints:
    """The place of each row on the grid; a row off it is a DataError."""
    places, off = locate(one.ds, clock)
    if off >= 0:
        mend = "correct it, leave --freq out" + ("" if is_numeric(clock) else f" or add --resample {clock.freq}")
        raise DataError(off_grid(one.ds, off, clock) + _of(one), file=file, line=_line(one, off), mend=mend)
    return places


def _filled(one: Series, places: Ints, clock: Clock) -> Series:
    """The series with a row for every place; the very same where none is missing."""
    rows = int(places[-1]) + 1 if len(places) else 0
    if rows == len(one):
        return one
    ds: Stamps = stamps_at(one.ds[0], np.arange(rows), clock)
    ds[places] = one.ds

    def spread(values: npt.NDArray[Any], empty: float) -> npt.NDArray[Any]:
        full = np.full((rows, *values.shape[1:]), empty, dtype=values.dtype)
        full[places] = values
        return full

    label = None if one.label is None else spread(one.label, 0)
    return Series(one.unique_id, ds, spread(one.y, np.nan), spread(one.observed, False), spread(one.known, np.nan),
                  spread(one.past, np.nan), one.static, spread(one.line, 0), label, one.repeats)  # fmt: skip


def _gaps(one: Series, places: Ints) -> Iterator[_Gap]:
    for row in np.flatnonzero(np.diff(places) > 1) + 1:
        yield _Gap(one, int(row), int(places[row - 1]) + 1, int(places[row]))


# ---- refusals ------------------------------------------------------------------------------------


def _refuse_lonely(one: Series, clock: Clock, file: str) -> None:
    """DataError for one or two rows at an end, beyond a gap longer than all the other rows together."""
    rows = len(one)
    if rows <= _LONELY:
        return
    steps = np.diff(one.ds).astype(np.float64)
    least = _LONG * float(np.median(steps))
    for count in range(1, _LONELY):
        for at, other, row, rest in (
            (rows - count, rows - count - 1, rows - count - 1, steps[: rows - count - 1]),  # after all others
            (count - 1, count, count - 1, steps[count:]),  # before them
        ):
            if steps[row] > max(least, float(rest.sum())):
                where = f"{'after' if at > other else 'before'} a gap (to {written(one.ds[other], clock)})"
                raise DataError(f"stamp {written(one.ds[at], clock)} lies alone, {where} longer than all other rows"
                                + _of(one), file=file, line=_line(one, at), mend="correct or remove it")  # fmt: skip


def _refuse_sparse(panel: Panel, places: list[Ints], file: str) -> None:
    """DataError where the grid would be nearly all gaps, or too large for the memory."""
    total, rows = sum(int(where[-1]) + 1 for where in places if len(where)), panel.rows
    if total > MOST_ROWS or total > SPARSEST * max(rows, 1):
        step = panel.freq or f"step {panel.layout.clock.step:.6g}"
        raise DataError(f"a grid of {step} would have {total:,} rows for the {rows:,} of the file", file=file,
                        mend="give a longer --freq or --resample")  # fmt: skip


def _refuse_missing(panel: Panel, found: list[_Gap], gaps: str, file: str) -> None:
    """With `gaps` "error": DataError for the first missing row or cell, in the order of the file."""
    if gaps != "error":
        return
    for one in panel.series:
        gap = next((gap for gap in found if gap.series is one), None)
        empty = np.argwhere(~_known_so_far(one))
        if gap is not None and (not len(empty) or empty[0][0] >= gap.row):
            raise DataError(_missing(gap, panel), file=file, line=_line(one, gap.row), mend="--gaps mask allows it")
        if len(empty):
            row, channel = (int(index) for index in empty[0])
            raise DataError(f"the cell at {written(one.ds[row], panel.layout.clock)} is empty{_of(one)}", file=file,
                            line=_line(one, row), column=panel.channels[channel] if panel.channels else "",
                            mend="--gaps mask allows it")  # fmt: skip


# ---- words ---------------------------------------------------------------------------------------


def _rows(panel: Panel, found: list[_Gap]) -> list[str]:
    """Notes on missing rows: the first few gaps by name, then a count."""
    if not found:
        return []
    notes = [f"{_missing(gap, panel)}: masked" for gap in found[:_NAMED]]
    if len(found) > _NAMED:
        rest = sum(gap.stop - gap.start for gap in found[_NAMED:])
        notes.append(f"{rest:,} more missing row{'' if rest == 1 else 's'} in {len(found) - _NAMED} "
                     f"other gap{'' if len(found) == _NAMED + 1 else 's'}: masked")  # fmt: skip
    return notes


def _cells(panel: Panel) -> list[str]:
    """A note on the empty cells of rows that the file has, by channel."""
    zero = np.zeros(len(panel.channels), dtype=np.int64)
    empty = sum((np.sum(~_known_so_far(one), axis=0) for one in panel.series), zero)
    total = int(empty.sum())
    if not total:
        return []
    some = [f"{name} {count:,}" for name, count in zip(panel.channels, empty, strict=True) if count]
    which = f" ({', '.join(some[:_NAMED])}{', …' if len(some) > _NAMED else ''})" if len(panel.channels) > 1 else ""
    return [f"{total:,} empty cell{'' if total == 1 else 's'}{which}: masked"]


def _missing(gap: _Gap, panel: Panel) -> str:
    """`3 rows are missing, from ... to ...`."""
    clock, count = panel.layout.clock, gap.stop - gap.start
    first, last = stamps_at(gap.series.ds[0], np.array([gap.start, gap.stop - 1]), clock)
    if count == 1:
        return f"1 row is missing, {written(first, clock)}{_of(gap.series)}"
    return f"{count:,} rows are missing, from {written(first, clock)} to {written(last, clock)}{_of(gap.series)}"


def _known_so_far(one: Series) -> Mask:
    """What is observed, without the last rows that only tell covariates known ahead."""
    seen = np.flatnonzero(one.observed.any(axis=1))
    return one.observed[: seen[-1] + 1] if one.known.shape[1] and len(seen) else one.observed


def _of(one: Series) -> str:
    return f" (series {one.unique_id!r})" if one.unique_id else ""


def _line(one: Series, row: int) -> int | None:
    return int(one.line[row]) if one.line[row] > 0 else None
