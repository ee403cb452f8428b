"""Calibrations with known numbers."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, Tail, sample
from grucast.training.tail import fit_calibration

# above 2, P = 0.1 exp(-(s - 2) / 0.5) of a row; events: 0.02 exp(-(s - 2) / 0.5)
EXPONENTIAL = Tail(2.0, 0.5, 0.0, 0.1)
EVENTS = Tail(2.0, 0.5, 0.0, 0.02)


def plain(scores: list[float], **more) -> ScoreCalibration:
    """A calibration on `scores` with no tail unless given."""
    values, ranks = sample(np.array(scores, dtype=float))
    return ScoreCalibration(values, ranks, len(scores), **more)


def moving_average(seed: int, rows: int, width: int = 7) -> Array:
    """Absolute normal errors, averaged over `width` rows."""
    errors = np.abs(np.random.default_rng(seed).standard_normal(rows + width - 1))
    return np.convolve(errors, np.full(width, 1 / width), "valid")


def fitted(seed: int = 3, rows: int = 1500) -> ScoreCalibration:
    """The calibration of a moving average, with tails."""
    return fit_calibration(moving_average(seed, rows), gap=7)
