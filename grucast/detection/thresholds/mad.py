"""Median and median absolute deviation: the rule that a part of faulty calibration rows cannot move far."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, middle

CORE = 0.95  # the highest share of the calibration scores that is looked at


def mad(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """median + k MAD of the calibration scores, for each of T rows.

    k is what the budget asks of a normal law (1.4826 z, Iglewicz and Hoaglin 1993), stretched where the
    scores themselves lie further out at their 95 % quantile, as scores are lopsided. What lies above that quantile
    has no influence, nor has `score`. Scores of which more than half are equal have no MAD: then the threshold
    is the largest calibration score.
    """
    if not calibration.rows:
        return np.full(score.shape, np.inf)
    centre = middle(calibration)
    spread = _absolute_deviation(calibration, centre)
    if spread == 0.0:
        return np.full(score.shape, calibration.scores[-1])
    normal = NormalDist()
    share = min(rate / calibration.dependence, 0.5)
    reach = max((middle(calibration, CORE) - centre) / (spread * normal.inv_cdf(CORE)), 1.4826)
    return np.full(score.shape, centre + reach * normal.inv_cdf(1.0 - share) * spread)


def _absolute_deviation(calibration: ScoreCalibration, centre: float) -> float:
    """The median distance of the scores from `centre`."""
    counts = calibration.ranks - np.concatenate([calibration.ranks[1:], [0.0]])
    away = np.abs(calibration.scores - centre)
    order = np.argsort(away, kind="stable")
    reached = np.cumsum(counts[order])
    return float(away[order][np.searchsorted(reached, 0.5 * reached[-1])])
