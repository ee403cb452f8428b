"""Volume under the surface: how well scores rank events when their edges count only by degrees.

The measure is that of TSB-AD (Liu and Paparrizos, NeurIPS 2024, after Paparrizos et al., VLDB 2022).
For every buffer w = 0…W an event is widened by floor(w / 2) rows on either side; a row at distance d
counts sqrt(1 − d / w), and nothing counts more than 1. The area under precision and recall (or under
the ROC curve) over 250 thresholds is taken for every buffer and averaged over the W + 1 buffers.

Two facts make it fast. A buffer never counts less than sqrt(1/2), so a row that two events reach counts
1, and its two nearest events tell all about it. And the rows that fire at a threshold are those whose
rank among the thresholds is not larger, so that cumulated counts by rank replace 250 comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.evaluation.runs import runs

THRESHOLDS = 250
LONGEST = 20_000  # rows that the period is looked for in
TOGETHER = 128  # buffers worked on at once
LAGS = 400
FIRST_LAG = 3  # shorter ones only say that neighbours are alike
LARGEST_INDEX = 300
FALLBACK = 125  # the window of a series without a clear period


def vus(score: Array, label: Array | Mask, window: int) -> tuple[float, float]:
    """VUS-PR and VUS-ROC of scores (T,) against labels (T,), above 0 in an event.

    `window` is the largest buffer W in rows, at least 0; `period` finds it. A score that is NaN is the
    lowest of all. Without an event both are NaN, without a normal row VUS-ROC is.
    Errors: ValueError for arrays that do not fit.
    """
    if score.ndim != 1 or score.shape != label.shape or window < 0:
        raise ValueError(f"scores {score.shape}, labels {label.shape} and a window of {window} do not fit")
    inside = label > 0
    if not inside.any():
        return math.nan, math.nan
    rank = _ranks(np.where(np.isnan(score), -np.inf, score))
    events = runs(inside)
    buffer = _buffer(inside, events, rank, window // 2)
    curves = _Curves(
        fired=_at_most(rank), hit=_at_most(rank[inside]), events=float(inside.sum()), rows=float(len(score))
    )
    total = np.zeros(2)
    for first in range(0, window + 1, TOGETHER):
        widths = range(first, min(first + TOGETHER, window + 1))
        gain = np.stack([buffer.gain(w) for w in widths])
        existence = np.stack([_existence(events, rank, half) for half in range(first // 2, widths[-1] // 2 + 1)])
        total += curves.areas(gain, existence[[w // 2 - first // 2 for w in widths]])
    return float(total[0] / (window + 1)), float(total[1] / (window + 1))


def period(values: Array) -> int:
    """The period of values (T,) in rows, by the window rule of TSB-AD; 125 where none is clear.

    The lag of the largest strict local maximum of the autocorrelation over lags 3 to 400 of the first
    20,000 rows. A missing value (NaN) counts as the mean of the others.
    """
    start = values[:LONGEST].astype(float)
    seen = np.isfinite(start)
    if not seen.any():
        return FALLBACK
    away = np.where(seen, start - start[seen].mean(), 0.0)
    size = np.abs(away).max()
    if not (math.isfinite(size) and size > 0):
        return FALLBACK
    away = away / size  # squares of 1e200 would overflow
    spectrum = np.fft.rfft(away, 1 << (2 * len(away)).bit_length())
    auto = np.fft.irfft(np.abs(spectrum) ** 2)[: min(LAGS + 1, len(away))]
    auto = auto[FIRST_LAG:] / auto[0]
    peaks = 1 + np.flatnonzero((auto[1:-1] > auto[:-2]) & (auto[1:-1] > auto[2:]))
    if not len(peaks):
        return FALLBACK
    best = int(peaks[np.argmax(auto[peaks])])
    return best + FIRST_LAG if FIRST_LAG <= best <= LARGEST_INDEX else FALLBACK


# ---- what the buffers hold -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Buffer:
    """The rows near events, nearest first: distance to the nearest and second nearest event, rank; (R,) each."""

    nearest: Ints
    second: Ints
    rank: Ints

    def gain(self, w: int) -> Array:
        """The soft labels of the rows outside events that have fired at each threshold, summed, (K,)."""
        reach = w // 2
        rows = slice(0, int(np.searchsorted(self.nearest, reach, side="right")))
        soft = np.sqrt(1.0 - self.nearest[rows] / max(w, 1))
        soft[self.second[rows] <= reach] = 1.0
        return _at_most(self.rank[rows], soft)


def _buffer(inside: Mask, events: Ints, rank: Ints, reach: int) -> _Buffer:
    """The rows outside events that lie within `reach` of one."""
    rows = np.flatnonzero(~inside)
    after = np.searchsorted(events[:, 0], rows)  # the first event that starts behind the row
    far = np.full((len(rows), 4), np.iinfo(np.int64).max)
    first, last = events[:, 0], events[:, 1] - 1
    for column, (step, edge) in enumerate(((-2, last), (-1, last), (0, first), (1, first))):
        one = after + step
        exists = (one >= 0) & (one < len(events))
        far[exists, column] = np.abs(rows[exists] - edge[one[exists]])
    far.sort(axis=1)
    near = np.flatnonzero(far[:, 0] <= reach)
    near = near[np.argsort(far[near, 0], kind="stable")]
    return _Buffer(far[near, 0], far[near, 1], rank[rows[near]])


def _existence(events: Ints, rank: Ints, reach: int) -> Array:
    """The share of buffered events with a fired row at each threshold, (K,); events whose buffers meet are one."""
    start, stop = events[:, 0] - reach, events[:, 1] + reach
    apart = stop[:-1] <= start[1:]
    first = np.maximum(start[np.r_[True, apart]], 0)
    ends = np.stack([first, np.minimum(stop[np.r_[apart, True]], len(rank))], axis=1).ravel()
    earliest = np.minimum.reduceat(np.append(rank, THRESHOLDS), ends)[::2]  # the last stop may be one past the rows
    return _at_most(earliest) / len(first)


# ---- ranks and areas -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """What is the same for every buffer: rows fired (K,), event rows among them (K,), event rows and all rows."""

    fired: Array
    hit: Array
    events: float
    rows: float

    def areas(self, gain: Array, existence: Array) -> Array:
        """The areas under precision and recall and under ROC, summed over buffers, (2,).

        `gain` are the soft hits outside the events, `existence` the shares of events found, (W, K) each.
        """
        true = self.hit + gain
        positive = self.events + gain / 2  # the mean of the labels as they are and as they are buffered
        negative = self.rows - positive
        recall = np.minimum(true / positive, 1.0) * existence
        false = np.divide(self.fired - true, negative, out=np.full_like(gain, np.nan), where=negative > 0)
        start, end = np.zeros((len(gain), 1)), np.ones((len(gain), 1))
        precision_recall = (np.diff(recall, axis=1, prepend=0.0) * (true / self.fired)).sum()
        roc = np.trapezoid(np.hstack([start, recall, end]), np.hstack([start, false, end]), axis=1).sum()
        return np.array([precision_recall, roc])


def _ranks(score: Array) -> Ints:
    """The first of the falling thresholds at which each row fires, (T,); all fire at the last."""
    at = np.linspace(0, len(score) - 1, THRESHOLDS).astype(int)
    rising = np.sort(-score)[at]
    return np.searchsorted(rising, -score).astype(np.int64)


def _at_most(rank: Ints, weight: Array | None = None) -> Array:
    """The number (or weight) of rows with a rank of at most k, for each threshold k, (K,)."""
    return np.cumsum(np.bincount(rank, weight, minlength=THRESHOLDS)[:THRESHOLDS].astype(float))
