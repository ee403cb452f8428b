"""A quantile of the calibration scores, and nothing beyond them."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration


def quantile(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """The smallest calibration score that at most rate / dependence of the rows exceed, for each of T rows.

    Where the budget lies beyond the sample it is the largest score seen: there the rule gives more alarms than
    asked for, about one in as many rows as it was calibrated on. It does not look at `score`.
    """
    if not calibration.rows:
        return np.full(score.shape, np.inf)
    above = np.concatenate([calibration.ranks[1:], [0.0]])  # how many rows lie above each score
    allowed = rate / calibration.dependence * calibration.rows * (1.0 + 1e-12)
    return np.full(score.shape, calibration.scores[np.flatnonzero(above <= allowed)[0]])
