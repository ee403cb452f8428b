"""One series of forecasts against its actual values: at which step each came true, and what was known before.

The step of a value is counted from the last row known: that of its cutoff, else the row before the first value
forecast. What a forecast is scaled by, and what Naive2 goes on, are rows before that, never the values that
are forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.evaluation.metrics import seasonal_root_scale, seasonal_scale
from grucast.evaluation.naive2 import naive2
from grucast.workflows.judging.files import Forecasts
from grucast.workflows.judging.sheets import find_times
from grucast.workflows.judging.truths import Grid, Placed, Track, joined


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One series forecast: the rows of the forecasts (N,), the actual values, and the history where one was given."""

    number: int
    name: str
    rows: Ints
    track: Track
    history: Track | None


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """V values forecast that came true: their place among the forecasts, series, step from 1, truth and what is beside.

    `series` (V,) is the number of the pair. `scale` and `root_scale` (V,) are those of the series, NaN where it has
    none; `naive2` (V,) what Naive2 forecast, NaN where nothing was known before. `skipped` counts steps inside of
    forecasts for which there is no value, `late` rows of the history that were not before the forecasts.
    """

    row: Ints
    series: Ints
    step: Ints
    y: Array
    scale: Array
    root_scale: Array
    naive2: Array
    skipped: int = 0
    late: int = 0


def hold_series(forecasts: Forecasts, ds: Stamps, pair: Pair, grid: Grid, season: int) -> Held:
    """The values forecast of one series that came true."""
    rows = pair.rows[np.lexsort((ds[pair.rows], forecasts.window[pair.rows]))]
    _refuse_twice(forecasts, ds, rows)
    whole = joined(pair.history, pair.track)
    placed = grid.place(whole)
    values = np.full(int(placed.places[-1]) + 1, np.nan)
    values[placed.places] = whole.y
    spot, origin = _spots(forecasts, ds, rows, placed)
    good = (spot >= 0) & (find_times(pair.track.ds, ds[rows]) >= 0)  # not what only the history has
    y = np.full(len(rows), np.nan)
    y[good] = values[spot[good]]
    step = spot - origin + 1
    early = np.flatnonzero(good & (step < 1))
    if len(early):
        forecasts.sheet.task.fault(int(forecasts.row[rows[early[0]]]), "the value forecast is not after its cutoff",
                                   column="cutoff", mend="the cutoff is the last row that the forecast knew")
    came = good & ~np.isnan(y)
    past, late = _past(pair, placed, values, max(int(origin.min()), 0))
    scales = [float(of(past[:, None], season)[0]) for of in (seasonal_scale, seasonal_root_scale)]
    naive = _naive2(values, origin[came], step[came], season)
    many = [np.full(int(came.sum()), scale) for scale in scales]
    return Held(rows[came], np.full(int(came.sum()), pair.number), step[came], y[came], many[0], many[1], naive,
                _skipped(forecasts.window[rows], step, good), late)


def _spots(forecasts: Forecasts, ds: Stamps, rows: Ints, placed: Placed) -> tuple[Ints, Ints]:
    """The place of each of `rows` on the grid, -1 for none, and that of the first row that its forecast could tell."""
    at = find_times(placed.track.ds, ds[rows])
    spot = np.where(at >= 0, placed.places[at], -1)
    first, window = np.unique(forecasts.window[rows], return_index=True, return_inverse=True)[1:]
    # without a cutoff a forecast begins with its first value: the rows of a window stand in order of time
    begins = ds[rows[first]] if forecasts.cutoff is None else forecasts.cutoff[rows[first]]
    known = find_times(placed.track.ds, begins)
    where = np.array([float(placed.places[place]) if place >= 0 else placed.of(begin)
                      for place, begin in zip(known.tolist(), begins.tolist(), strict=True)])
    origin = np.ceil(where) if forecasts.cutoff is None else np.floor(where) + 1
    return spot, origin.astype(np.int64)[window.reshape(-1)]


def _refuse_twice(forecasts: Forecasts, ds: Stamps, rows: Ints) -> None:
    """A DataError for the second value of one time in one forecast."""
    same = (np.diff(ds[rows]) == 0) & (np.diff(forecasts.window[rows]) == 0)
    for at in np.flatnonzero(same)[:1].tolist():
        forecasts.sheet.task.fault(int(forecasts.row[rows[at + 1]]), "the stamp stands twice in one forecast",
                                   column=" ".join(forecasts.sheet.time),
                                   mend="name the series with --id-col, or give each forecast its cutoff")


def _past(pair: Pair, placed: Placed, values: Array, first: int) -> tuple[Array, int]:
    """The values before the place `first`, of the history alone where one was given, and how many it has after."""
    if pair.history is None:
        return values[:first], 0
    own = placed.places[find_times(placed.track.ds, pair.history.ds)]
    past = np.full(first, np.nan)
    before = own < first
    past[own[before]] = pair.history.y[before]
    return past, int((~before).sum())


def _naive2(values: Array, origin: Ints, step: Ints, season: int) -> Array:
    """What Naive2 forecast from each origin for each step, (V,); NaN where nothing was known."""
    found = np.full(len(origin), np.nan)
    for start in np.unique(origin).tolist():
        known = values[: max(start, 0)]
        if not (~np.isnan(known)).any():
            continue
        rows = np.flatnonzero(origin == start)
        known = known[int(np.argmax(~np.isnan(known))):]
        ahead = naive2(int(step[rows].max()), season)(known[None, :, None], np.ones((1, 1)))
        found[rows] = ahead[0, step[rows] - 1, 0]
    return found


def _skipped(window: Ints, step: Ints, good: Mask) -> int:
    """Steps up to the last that came true for which a forecast has no value; rows stand by window and time."""
    first = np.unique(window, return_index=True)[1]
    skipped = 0
    for begin, end in zip(first.tolist(), [*first[1:].tolist(), len(window)], strict=True):
        true = np.flatnonzero(good[begin:end])
        skipped += max(0, int(step[begin + true[-1]]) - int(true[-1]) - 1) if len(true) else 0
    return skipped


def gathered(parts: Sequence[Held]) -> Held:
    """The values of all series."""
    joint = {name: np.concatenate([getattr(one, name) for one in parts])
             for name in ("row", "series", "step", "y", "scale", "root_scale", "naive2")}
    return replace(parts[0], **joint, skipped=sum(one.skipped for one in parts), late=sum(one.late for one in parts))
