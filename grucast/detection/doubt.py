"""Whether a model erred far more than usual just before a row: what the row is flagged `low_confidence` for.

    usual_c    mean |error| of channel c on rows that were held out when the model was trained
    relative_t mean over the channels of min(|error_tc| / usual_c, 5)
    doubted_t  mean of relative over the rows t - N to t - 1 is beyond 2

The error is that of the forecast of shortest lead; of a model that only rebuilds windows, that of its newest segment.
The row itself does not count, and one row counts for no more than five usual errors: a fault is found by its score, and
must not cast doubt on the detector that finds it. A quarter of the rows have to be as bad for the mean to get there.

N is one turn of the shortest season, for errors rise and fall with it; no less than a context, so that rows which the
network looked back on do not judge it alone; and no less than `FEWEST`, so that two bad rows are no trend. Half of
these rows must have an error. Scores and events come out all the same.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Array32, Mask
from grucast.core.config import WindowSpec

FAR = 2.0  # times the usual error
MOST = 5.0  # usual errors that one row counts for
FEWEST = 50  # rows that are looked at; and rows whose errors make a usual one
FINE = 1024.0  # errors are counted in parts of this: their sums are exact, in whatever order rows come


def rows_doubted_over(window: WindowSpec) -> int:
    """N, the rows over which errors are averaged."""
    return max(window.context_length, min(window.seasons, default=1), FEWEST)


def fit_usual(errors: Sequence[Array | Array32], later: Sequence[int]) -> Array:
    """The usual error (S + 1, C) of each of S series, the last row that of all together; NaN where it is not known.

    `errors` are (T, C), NaN where there is none, of which the rows from `later` on were held out. A series with few of
    them has the error of all.
    """
    held = [np.abs(one[start:].astype(np.float64)) for one, start in zip(errors, later, strict=True)]
    together = _mean(np.concatenate(held))
    return np.stack([*(np.where(np.isnan(own), together, own) for own in map(_mean, held)), together])


def _mean(errors: Array) -> Array:
    """The mean (C,) of errors (T, C), NaN where there are too few or they are all 0."""
    seen = np.isfinite(errors)
    count = seen.sum(axis=0)
    total = np.where(seen, errors, 0.0).sum(axis=0)
    return np.where((count >= FEWEST) & (total > 0.0), total / np.maximum(count, 1), np.nan)


def relative(errors: Array | Array32, usual: Array) -> Array:
    """The errors (T, C) of rows in usual ones (C,), the mean over the channels (T,); NaN where there is none."""
    with np.errstate(over="ignore"):  # beyond the numbers is beyond `MOST` too
        shares = np.minimum(np.abs(errors.astype(np.float64)) / usual, MOST)
    seen = np.isfinite(shares)
    count = seen.sum(axis=1)
    mean = np.where(seen, shares, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, np.round(mean * FINE) / FINE, np.nan)


def doubted(errors: Array | Array32, usual: Array, rows: int) -> Mask:
    """Which rows (T,) come after `rows` of errors beyond twice the usual ones; `errors` (T, C), `usual` (C,)."""
    found = relative(errors, usual)
    seen = np.isfinite(found)
    total, count = _before(np.where(seen, found, 0.0), rows), _before(seen.astype(np.float64), rows)
    return np.asarray((2.0 * count >= rows) & (total > FAR * count))


def _before(values: Array, rows: int) -> Array:
    """The sum (T,) of up to `rows` values before each."""
    sums = np.concatenate([[0.0], np.cumsum(values)])[:-1]
    out: Array = sums - np.concatenate([np.zeros(min(rows, len(sums))), sums[:-rows]])
    return out


class RunningDoubt:
    """`doubted` for rows that come one by one."""

    def __init__(self, usual: Array, rows: int) -> None:
        self.usual, self.rows = usual, rows
        self.recent: deque[float] = deque()  # NaN where there was no error
        self.total, self.count = 0.0, 0

    def push(self, errors: Array | Array32) -> bool:
        """Whether the next row, whose errors are (C,), comes after errors beyond twice the usual ones."""
        far = 2 * self.count >= self.rows and self.total > FAR * self.count
        self.take(float(relative(errors[None], self.usual)[0]))
        return far

    def take(self, error: float) -> None:
        """Take in the relative error of a row, NaN for none."""
        if len(self.recent) == self.rows:
            self._count(self.recent.popleft(), -1)
        self.recent.append(error)
        self._count(error, 1)

    def _count(self, error: float, sign: int) -> None:
        if not math.isnan(error):
            self.total, self.count = self.total + sign * error, self.count + sign
