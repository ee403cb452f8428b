"""Intervals that hold what they promise: split conformal calibration of quantiles, for each step.

For a level q above the median and a step h, every calibration window has the ratio

    r = (y - m) / (f_q - m)

of what came to what the network allowed, m being its median. The (n + 1) q-th smallest of the n ratios
is the factor by which the distance of f_q from m is stretched; levels below the median mirror it. This is
the conformalised quantile regression of Romano et al. 2019 (arXiv 1905.03222) with a relative instead of an
absolute score, so that wide and narrow windows, large and small series are stretched alike. Windows of a
time series are not exchangeable: the promise is marginal and holds while the future resembles the
calibration part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Mask

POOL = 400  # ratios wanted for one factor; fewer at a step, and its neighbours join
SHRINK_GRID = np.linspace(0.0, 1.0, 21)


def calibrate(quantiles: Array, y: Array, seen: Mask, levels: Sequence[float]) -> Array:
    """Factors (H, Q) that stretch each quantile's distance from the median; 1 at the median.

    `quantiles` (N, H, Q) and `y` (N, H) in any units, `seen` (N, H). A step without any target keeps the
    factors of the nearest step that has some; without any at all they are 1.
    """
    horizon, middle = y.shape[1], _middle(levels)
    factors = np.ones((horizon, len(levels)))
    usable = seen & (quantiles[:, :, -1] > quantiles[:, :, 0])  # not NaN, and not flat: a series that never moved
    counts = usable.sum(axis=0)
    if not counts.any():
        return factors
    for step in range(horizon):
        first, stop = _pool(counts, step)
        use = usable[:, first:stop]
        error = (y[:, first:stop] - quantiles[:, first:stop, middle])[use]
        for index, level in enumerate(levels):
            if index != middle:
                away = (quantiles[:, first:stop, index] - quantiles[:, first:stop, middle])[use]
                factors[step, index] = _factor(error, away, level)
    return factors


def _pool(counts: Array, step: int) -> tuple[int, int]:
    """The steps around `step`, first and stop, that together have `POOL` targets or are all there are."""
    first, stop = step, step + 1
    while counts[first:stop].sum() < POOL and (first > 0 or stop < len(counts)):
        first, stop = max(first - 1, 0), min(stop + 1, len(counts))
    return first, stop


def _factor(error: Array, away: Array, level: float) -> float:
    """The (n + 1) q-th smallest ratio of errors to allowed distances, never below zero."""
    usable = np.abs(away) > 0
    ratios = error[usable] / away[usable]
    if not len(ratios):
        return 1.0
    reach = level if level > 0.5 else 1.0 - level
    rank = min(math.ceil((len(ratios) + 1) * reach), len(ratios)) - 1
    return max(float(np.partition(ratios, rank)[rank]), 0.0)


def stretch(quantiles: Array, factors: Array, levels: Sequence[float]) -> Array:
    """Calibrated quantiles (N, H, Q), again not decreasing along Q."""
    middle = _middle(levels)
    centre = quantiles[:, :, middle : middle + 1]
    out = centre + (quantiles - centre) * factors
    out[:, :, middle:] = np.maximum.accumulate(out[:, :, middle:], axis=2)
    out[:, :, : middle + 1] = np.minimum.accumulate(out[:, :, : middle + 1][:, :, ::-1], axis=2)[:, :, ::-1]
    return out


def fit_trust(medians: Array, anchors: Array, y: Array, seen: Mask) -> float:
    """How far to trust the network: the share in [0, 1] of its way from the last value to its median.

    The share with the smallest absolute error on windows that it was not fitted on: medians (N, H), anchors
    (N,) (the last value, which the naive forecast repeats), targets (N, H). 0 is the naive forecast.
    """
    use = seen & np.isfinite(medians)
    if not use.any():
        return 1.0
    moved, wanted = (medians - anchors[:, None])[use], (y - anchors[:, None])[use]
    errors = [float(np.abs(wanted - share * moved).mean()) for share in SHRINK_GRID]
    return float(SHRINK_GRID[int(np.argmin(errors))])


def trust(quantiles: Array, anchors: Array, share: Array, levels: Sequence[float]) -> Array:
    """Quantiles (N, H, Q) moved so that the median goes only `share` (N,) of the way from the last value (N,)."""
    middle = _middle(levels)
    centre = quantiles[:, :, middle : middle + 1]
    return quantiles + (share - 1.0)[:, None, None] * (centre - anchors[:, None, None])


def _middle(levels: Sequence[float]) -> int:
    return list(levels).index(0.5)
