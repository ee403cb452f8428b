"""Whether the day of the week matters, told from the past, before a network is given it.

A network that is told the day of the week finds a use for it, chance included: on the 51 weeks of a
transformer's temperature that cost more than it brought. So the week must first show that it helps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.series import STAMP, Clock, Series
from grucast.preprocessing.alias import DAY, parse_frequency
from grucast.preprocessing.calendar import calendar_names, local_stamps

LEAST_GAIN = 0.02  # of the squared error, in one column at least: below, it is chance or worth nothing
HELD = 0.25  # of the rows are judged, the latest
MOST_COLUMNS, MOST_ROWS = 50, 50_000
_HOUR, _WEEK_ROWS, _FAULT = DAY // 24, 7, 10.0  # a move beyond this many typical ones counts as this many


def week_matters(series: Sequence[Series], fit_rows: Sequence[int], clock: Clock) -> bool:
    """Whether the mean of each hour of the week foretells a column better than that of each hour of the day.

    Means are taken over the first three quarters of the fit rows and judged on the last, both of what
    a row is above the mean of the day before it (steps of a day: of the week before it). Looks at up to 50
    columns. False where the calendar of `clock` has no week.
    """
    if not any(name.startswith("week") for name in calendar_names(clock)):
        return False
    pairs = [(index, channel) for index, one in enumerate(series) for channel in range(one.y.shape[1])]
    picks = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_COLUMNS)).astype(int))
    return any(_column_gain(series[index], channel, fit_rows[index], clock) >= LEAST_GAIN
               for index, channel in (pairs[pick] for pick in picks))


def _column_gain(one: Series, channel: int, rows: int, clock: Clock) -> float:
    """What the week saves of the squared error of one column on the latest of its first `rows` rows; 0 without any."""
    part = slice(max(rows - MOST_ROWS, 0), rows)
    step = parse_frequency(clock.freq).microseconds
    away = _moves(one.y[part, channel], one.observed[part, channel], int(DAY // step) if step < DAY else _WEEK_ROWS)
    if one.ds.dtype != STAMP or not np.isfinite(away).any():
        return 0.0
    wall = local_stamps(one.ds[part], clock.tz).astype(STAMP).astype(np.int64)
    hour = (wall % int(DAY) // int(max(step, _HOUR))).astype(np.int64)
    weekday = (wall // int(DAY) + 3) % 7  # 1970-01-01 was a Thursday
    early = np.arange(len(away)) < (1.0 - HELD) * len(away)
    plain, weekly = (_error(away, cell, early) for cell in (hour, 7 * hour + weekday))
    return 1.0 - weekly / plain if plain > 0 else 0.0


def _moves(y: Array, observed: Mask, span: int) -> Array:
    """How far each row (T,) is above the mean of the `span` rows before it, faults clipped; NaN where unknown."""
    seen = observed & np.isfinite(y)
    size = np.max(np.abs(y[seen]), initial=0.0)
    if size == 0.0 or len(y) <= span:
        return np.full(len(y), np.nan)
    total = np.cumsum(np.r_[0.0, np.where(seen, y, 0.0) / size])
    count = np.cumsum(np.r_[0, seen])
    before = count[span:-1] - count[: -span - 1]
    mean = (total[span:-1] - total[: -span - 1]) / np.maximum(before, 1)
    out = np.full(len(y), np.nan)
    out[span:] = np.where(seen[span:] & (before > 0), y[span:] / size - mean, np.nan)
    typical = np.nanmedian(np.abs(out)) if np.isfinite(out).any() else 0.0
    return np.clip(out, -_FAULT * typical, _FAULT * typical) if typical > 0 else out


def _error(away: Array, cell: Ints, early: Mask) -> float:
    """The squared error on late rows of the mean of each cell over the early ones; 0 where there is no late row."""
    known = np.isfinite(away)
    count = np.bincount(cell[known & early], minlength=cell.max() + 1)
    total = np.bincount(cell[known & early], weights=away[known & early], minlength=cell.max() + 1)
    late = known & ~early
    wrong = away[late] - (total / np.maximum(count, 1))[cell[late]]
    return float(np.square(wrong).mean()) if late.any() else 0.0
