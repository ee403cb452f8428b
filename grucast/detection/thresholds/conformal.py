"""Rows whose conformal p-value is small enough for the budget."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, score_at


def conformal(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """The score above which p <= rate / dependence, for each of T rows; infinite where no score is as rare as that.

    Events per row = P(row exceeds) × events per exceeding row, so the p that gives `rate` events is rate /
    dependence. It does not look at `score`.
    """
    return np.full(score.shape, score_at(rate / calibration.dependence, calibration))
