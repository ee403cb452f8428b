"""Exponential smoothing and the Theta method, each on the seasonally adjusted context.

Simple exponential smoothing is ETS with an additive error, no trend and no season. Theta
(Assimakopoulos and Nikolopoulos 2000) is the mean of two lines: the trend, and twice the series less
the trend, smoothed; Hyndman and Billah (2003) showed that it is smoothing with half the trend's slope as
drift. Season and its test are those of Naive2, as in the benchmarks of M4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array
from grucast.evaluation.baselines import BaselineSpec, FittedBaseline, carry, with_misses
from grucast.evaluation.naive2 import RowRule, adjusted

LEAST = 0.01  # of alpha: below, the first value would count for ever
COARSE = np.linspace(0.1, 1.0, 10)
FINER = (np.linspace(-0.08, 0.08, 5), np.linspace(-0.016, 0.016, 5))  # around the best so far


def ses(horizon: int) -> RowRule:
    """The last level of simple exponential smoothing, `horizon` times."""

    def rule(rows: Array) -> Array:
        unit, scaled = to_size(rows)
        level, _ = smooth(scaled, best_alpha(scaled)[:, None])
        return np.repeat(level * unit, horizon, axis=1)

    return rule


def theta(horizon: int) -> RowRule:
    """The mean of the trend, drawn on, and of the smoothed line that bends twice as much as the series."""

    def rule(rows: Array) -> Array:
        unit, scaled = to_size(rows)
        start, slope = trend(scaled)
        length = rows.shape[1]
        line = start + slope * np.arange(length)
        level, _ = smooth(2.0 * scaled - line, best_alpha(scaled)[:, None])
        ahead = start + slope * (length + np.arange(horizon))
        return np.asarray((ahead / 2.0 + level / 2.0) * unit)

    return rule


def smooth(rows: Array, alpha: Array) -> tuple[Array, Array]:
    """The last level and the sum of squared one-step errors, (N, K) each, of rows (N, T) for alphas (N, K).

    The level begins at the first observed value. A row that was not observed leaves it as it is and counts
    for no error; rows without any value give NaN.
    """
    level = np.repeat(carry(rows)[:, :1], alpha.shape[1], axis=1)
    squares = np.zeros_like(level)
    for column in rows.T:
        miss = column[:, None] - level
        miss[np.isnan(column)] = 0.0
        squares += miss * miss
        level = level + alpha * miss
    return level, squares


def best_alpha(rows: Array) -> Array:
    """The weight of the newest value with the smallest sum of squared one-step errors, (N,), to 0.008."""
    tried = np.broadcast_to(COARSE, (len(rows), len(COARSE)))
    for around in (*FINER, None):
        _, squares = smooth(rows, tried)
        best = np.take_along_axis(tried, np.argmin(squares, axis=1)[:, None], axis=1)
        if around is not None:
            tried = np.clip(best + around, LEAST, 1.0)
    return best[:, 0]


def trend(rows: Array) -> tuple[Array, Array]:
    """Start (the value at row 0) and slope, (N, 1) each, of the least-squares line through the observed values."""
    seen = ~np.isnan(rows)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    time = np.where(seen, np.arange(rows.shape[1]), 0.0)
    middle = time.sum(axis=1, keepdims=True) / count
    mean = np.where(seen, rows, 0.0).sum(axis=1, keepdims=True) / count
    away = np.where(seen, time - middle, 0.0)
    squares = np.square(away).sum(axis=1, keepdims=True)
    crossed = (away * np.where(seen, rows, 0.0)).sum(axis=1, keepdims=True)
    slope = crossed / np.where(squares > 0, squares, 1.0)
    return mean - slope * middle, slope


def to_size(rows: Array) -> tuple[Array, Array]:
    """The largest size (N, 1) of each row, 1 for a row of zeros, and the rows divided by it: their squares are safe."""
    peak = np.nanmax(np.abs(rows), axis=1, keepdims=True, initial=0.0)
    unit = np.where(peak > 0, peak, 1.0)
    return unit, rows / unit


def fit_ses(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """Simple exponential smoothing of the context, its alpha found for each window."""
    return with_misses(adjusted(ses(spec.horizon), spec.horizon, spec.season), history, spec)


def fit_theta(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """The Theta method on the context, its alpha found for each window."""
    return with_misses(adjusted(theta(spec.horizon), spec.horizon, spec.season), history, spec)
