"""A threshold found anew from the scores just before (after Hundman et al. 2018, arXiv 1802.04431, section 3.2).

Of the thresholds mean + z deviation of a window, the one counts whose exceeding rows, if they were taken away,
would lower the window's mean and deviation most, for few rows and few runs. There it is applied to the window that
it was found in; that looks ahead. Here it is applied to the rows *after* the window, so that nothing later than a
row counts.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import NormalDist

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, middle
from grucast.detection.thresholds.stream import Fixed, Stream, follow

WINDOW = 2100  # scores looked at (Hundman et al. 2018, section 4.2: h = 2100)
STEP = 70  # rows that one threshold serves (there: the batch)
FACTORS = np.arange(1.0, 12.5, 0.5)  # z; there 2 to 10


def dynamic(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """Thresholds (T,), each from the 2,100 scores before it, renewed every 70 rows.

    Before the first row come the calibration scores. The budget sets the smallest z, that of a normal law: the number
    of alarms is not calibrated, as nothing in the rule is. A score that is not finite is none. A window that never
    moved gives the value it had.
    """
    return follow(open_dynamic(calibration, rate), score)


def open_dynamic(calibration: ScoreCalibration, rate: float) -> Stream:
    """The rule from row to row; without calibration rows nothing is ever above it."""
    return DynamicStream(calibration, rate) if calibration.rows else Fixed(np.inf)


class DynamicStream:
    """The scores of the window, and the threshold that they asked for last."""

    def __init__(self, calibration: ScoreCalibration, rate: float) -> None:
        self.lowest = NormalDist().inv_cdf(1.0 - min(rate / calibration.dependence, 0.5))
        before = (middle(calibration, share) for share in (np.arange(WINDOW) + 0.5) / WINDOW)
        self.window = deque(before, maxlen=WINDOW)
        self.threshold, self.row = 0.0, 0

    def push(self, score: float) -> float:
        """The threshold of the next row, whose score it then takes in."""
        if self.row % STEP == 0:
            self.threshold = _threshold(np.array(self.window), self.lowest)
        self.row += 1
        if math.isfinite(score):
            self.window.append(score)
        return self.threshold


def _threshold(window: Array, lowest: float) -> float:
    """The threshold that `window` (W,) asks for, z being at least `lowest`."""
    mean, deviation, top = float(window.mean()), float(window.std()), float(window.max())
    if top == window.min():
        return top
    best, gain = mean + lowest * deviation, 0.0
    for factor in FACTORS[lowest <= FACTORS]:
        level = mean + factor * deviation
        if level >= top:
            break
        above = window > level
        left = window[~above]
        fallen = (mean - left.mean()) / abs(mean) if mean else 0.0
        runs = int(above[0]) + int(np.count_nonzero(above[1:] & ~above[:-1]))
        value = (fallen + (deviation - left.std()) / deviation) / (np.count_nonzero(above) + runs**2)
        if value >= gain:
            best, gain = level, value
    return float(best)
