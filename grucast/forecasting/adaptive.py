"""Intervals that mend themselves as truths arrive: adaptive conformal inference on the logarithm of the width.

Gibbs and Candes 2021 (arXiv 2106.00170), equation 2, move the share alpha_t of misses that is asked of nested sets:

    alpha_{t+1} = alpha_t + gamma (alpha - err_t),    err_t = 1 where y_t lies outside of C_t(alpha_t), else 0.

Any number that orders nested sets can be moved so. Here it is lambda, the logarithm of the factor by which a central
interval's ends are moved away from the median:

    lambda_{t+1} = lambda_t + gamma (err_t - alpha),    C_t = m_t + exp(lambda_t) [lo_t - m_t, hi_t - m_t].

alpha_t below 0 asks for all numbers; a width has no such end, and beyond its outermost quantile a model knows no
alpha. The argument of their proposition 4.1 stays: summed up, the share of misses differs from alpha by no more than
(lambda_T - lambda_0) / (gamma T), whatever the data do. (Moving the width itself is the quantile tracker of
Angelopoulos et al. 2023, arXiv 2307.16895; the logarithm serves series of every size.)

There is one lambda for each series and central interval, for all steps ahead together: calibration has set the steps
against each other already, and a job that runs once a day sees each step once a day. A forecast of H steps made at
every row has H forecasts for one row, whose errors hang together; made every H rows, it has one. See `weights`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.forecasting.intervals import stretch

GAIN = 0.05  # gamma: lambda follows with a time constant of some 50 (80 %) to 90 (95 %) rows
IN_FLIGHT = 48  # forecasts without a truth yet from which the gain falls: what answers late must answer softly
LIMIT = math.log(100.0)  # further off is another unit, which the drift guard refuses


@lru_cache(maxsize=8)  # asked for each forecast in the ledger, and always the same
def pairs(levels: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    """Lower and upper place of each central interval among the quantile levels, the widest first: (P,) pairs.

    >>> pairs((0.1, 0.3, 0.5, 0.7, 0.9))
    ((0, 4), (1, 3))
    """
    upper = {round(level, 9): place for place, level in enumerate(levels)}
    found = [(place, upper.get(round(1.0 - level, 9))) for place, level in enumerate(levels) if level < 0.5]
    return tuple((low, high) for low, high in found if high is not None)


def coverages(levels: tuple[float, ...]) -> Array:
    """The share of truths that each central interval promises to hold, (P,)."""
    return np.array([levels[high] - levels[low] for low, high in pairs(levels)])


def adapted(quantiles: Array, widths: Array, levels: tuple[float, ...]) -> Array:
    """Quantiles (H, Q) with each central interval stretched by exp of its `widths` (P,), not decreasing along Q."""
    factors = np.ones(len(levels))
    for (low, high), width in zip(pairs(levels), widths, strict=True):
        factors[low] = factors[high] = math.exp(width)
    largest = np.finfo(np.float64).max
    with np.errstate(over="ignore"):  # about 1e307 a stretch may leave the numbers
        out: Array = np.clip(stretch(quantiles[None], factors, levels)[0], -largest, largest)
    return out


def missed(quantiles: Array, y: Array, levels: tuple[float, ...]) -> Array:
    """1 where y (N,) lies outside of a central interval of quantiles (N, Q), 0 inside, (N, P).

    NaN where nothing can be said: y or a quantile is NaN, or the interval has no width, so that no stretch helps.
    """
    low, high = quantiles[:, [pair[0] for pair in pairs(levels)]], quantiles[:, [pair[1] for pair in pairs(levels)]]
    outside = ((y[:, None] < low) | (y[:, None] > high)).astype(np.float64)
    return np.where(np.isfinite(y)[:, None] & (high > low), outside, np.nan)


def weights(row: Ints, horizon: Ints) -> Array:
    """What each of N errors weighs against `GAIN`, (N,): of forecasts `horizon` (N,) long, about rows `row` (N,).

    n errors about one row weigh min(1, n / sqrt(H), IN_FLIGHT / n) together. So a forecast made at every row moves
    lambda by the whole gain at every row. One made every H rows moves it by sqrt(H) gains: its H errors are neither
    one error nor H. And where n forecasts are in flight at once, what lambda does is seen only n / 2 rows later
    in the mean; from 48 on gain times delay stays where it is, a fifth of what would make it swing.
    """
    _, place, count = np.unique(row, return_inverse=True, return_counts=True)
    many = count[place.reshape(-1)].astype(np.float64)
    together = np.minimum(np.minimum(1.0, many / np.sqrt(horizon)), IN_FLIGHT / many)
    return np.asarray(together / many)


def moved(widths: Array, errors: Array, weight: Array, coverage: Array, *, gain: float = GAIN) -> Array:
    """The widths (P,) after N errors (N, P) as from `missed`, weighing `weight` (N,), of intervals of `coverage` (P,).

    Errors that are NaN move nothing. No width leaves +-`LIMIT`.
    """
    known: Mask = np.isfinite(errors)
    excess = np.where(known, errors - (1.0 - coverage), 0.0)
    return np.asarray(np.clip(widths + gain * (weight[:, None] * excess).sum(axis=0), -LIMIT, LIMIT))
