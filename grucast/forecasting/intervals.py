"""Intervals that hold what they promise: split conformal calibration of quantiles, for each step.

For a level q above the median and a step h, every calibration window has the ratio

    r = (y - m) / (f_q - m)

of what came to what the network allowed, m being its median. The (n + 1) q-th smallest of the n ratios
is the factor by which the distance of f_q from m is stretched; levels below the median mirror it. This is
the conformalised quantile regression of Romano et al. 2019 (arXiv 1905.03222) with a relative instead of an
absolute score, so that wide and narrow windows, large and small series are stretched alike. Windows of a
time series are not exchangeable: the promise is marginal and holds while the future resembles the
calibration part.

Windows that overlap say the same thing many times. So windows are counted in *blocks*, parts of a series
one horizon long. What few of them say is drawn towards what is usual, twice, as in a model of two levels
(empirical Bayes; Efron & Morris 1973): the factor of all steps together towards `usual_factors`, and that
of each step towards the one of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Ints, Mask

POOL = 400  # ratios wanted for one factor; fewer at a step, and its neighbours join
OWN_WORD = 30.0  # blocks of calibration windows that weigh as much as what they are drawn to
USUAL = ((0.6, 0.95), (1.0, 1.15))  # usual factor by the width of the central interval: networks are too sure of tails
SHRINK_GRID = np.linspace(0.0, 1.0, 21)


def blocks(series: Ints, cutoff: Ints, horizon: int) -> Ints:
    """The block of each window (N,), numbered 0 .. M-1.

    Every series (N,) is cut into parts of `horizon` rows; a window belongs to that of its `cutoff` (N,).
    """
    places = np.stack([series, cutoff // horizon], axis=1)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def calibrate(
    quantiles: Array, y: Array, seen: Mask, levels: Sequence[float], *, block: Ints | None = None
) -> Array:
    """Factors (H, Q) that stretch each quantile's distance from the median; 1 at the median.

    `quantiles` (N, H, Q) and `y` (N, H) in any units, `seen` (N, H). A step without any target keeps the
    factors of the nearest step that has some; without any at all they are 1. With `block` (N,) as in `blocks`,
    n of which have a usable target, the factor of all steps is its mean with the usual one, weighted n to
    `OWN_WORD`, and that of a step its mean with this, weighted alike.
    """
    usable = seen & (quantiles[:, :, -1] > quantiles[:, :, 0])  # not NaN, and not flat: a series that never moved
    if block is None:
        return _conformal(quantiles, y, usable, levels)
    count = len(np.unique(block[usable.any(axis=1)]))
    weight, usual = count / (count + OWN_WORD), usual_factors(levels)
    together = usual + weight * (_of_all_steps(quantiles, y, usable, levels) - usual)
    return together + weight * (_conformal(quantiles, y, usable, levels) - together)


def usual_factors(levels: Sequence[float]) -> Array:
    """The factors (Q,) of a network of which nothing is known: 1 for the inner quantiles, more for the outer ones.

    Measured on 30 parts of 20 sets (benchmarks/LOG.md). 1 at the median.
    """
    return np.interp(np.abs(2.0 * np.asarray(levels) - 1.0), *USUAL)


def _of_all_steps(quantiles: Array, y: Array, usable: Mask, levels: Sequence[float]) -> Array:
    """The factors (Q,) of the finite-sample rule for all steps together; 1 without a target."""
    long = quantiles.reshape(-1, 1, quantiles.shape[2])
    return _conformal(long, y.reshape(-1, 1), usable.reshape(-1, 1), levels).reshape(-1)


def _conformal(quantiles: Array, y: Array, usable: Mask, levels: Sequence[float]) -> Array:
    """The factors of the finite-sample rule, (H, Q)."""
    horizon, middle = y.shape[1], _middle(levels)
    factors = np.ones((horizon, len(levels)))
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


def fit_trust(medians: Array, anchors: Array, y: Array, seen: Mask, block: Ints) -> float:
    """How far to trust the network: the share in [0, 1] of its way from the last value to its median.

    Judged by the absolute error on windows that it was not fitted on: medians (N, H), anchors (N,) (the
    last value, which the naive forecast repeats), targets (N, H), `block` (N,) as in `blocks`. Of the
    shares whose error lies within one standard error of the smallest the largest is taken (Breiman et al.
    1984, section 3.4.3): what a few windows say by chance must not spoil a forecast. The standard error is that
    of the mean difference between two shares over blocks. 0 is the naive forecast.
    """
    use = seen & np.isfinite(medians)
    if not use.any():
        return 1.0
    moved = np.where(use, medians - anchors[:, None], 0.0)
    wanted = np.where(use, y - anchors[:, None], 0.0)
    misses = [_summed(np.abs(wanted - share * moved).sum(axis=1), block) for share in SHRINK_GRID]
    weight = _summed(use.sum(axis=1).astype(np.float64), block)
    best = misses[int(np.argmin([miss.sum() for miss in misses]))]
    near = [share for share, miss in zip(SHRINK_GRID, misses, strict=True) if _within_noise(miss - best, weight)]
    return float(max(near))


def _summed(values: Array, block: Ints) -> Array:
    """Sums of values (N,) over the windows of each block, (M,); blocks without a window are left out."""
    present = np.bincount(block) > 0
    return np.asarray(np.bincount(block, weights=values)[present])


def _within_noise(excess: Array, weight: Array) -> bool:
    """Whether a mean excess is at most one standard error, from sums (M,) over blocks and their counts (M,).

    The mean is a ratio of two sums; its standard error is that of a ratio estimate (Cochran 1977, chapter 6).
    Of one block nothing is known but the mean.
    """
    count, total = len(weight), float(weight.sum())
    mean = float(excess.sum()) / total
    if count < 2:
        return mean <= 0.0
    spread = float(np.sqrt(np.square(excess - mean * weight).sum() * count / (count - 1))) / total
    return mean <= spread


def trust(quantiles: Array, anchors: Array, share: Array, levels: Sequence[float]) -> Array:
    """Quantiles (N, H, Q) moved so that the median goes only `share` (N,) of the way from the last value (N,)."""
    middle = _middle(levels)
    centre = quantiles[:, :, middle : middle + 1]
    return quantiles + (share - 1.0)[:, None, None] * (centre - anchors[:, None, None])


def _middle(levels: Sequence[float]) -> int:
    return list(levels).index(0.5)
