"""Peaks over threshold: the law of the peaks says how high an event must be to be as rare as the budget.

After Siffer et al. 2017 (KDD, "Anomaly detection in streams with extreme value theory"), with three changes. The law
is that of the peaks of *events*, not of rows, as rows beside each other are strange together. It is fitted with a
prior on the shape (`detection/pareto.py`), as there are tens of peaks and not thousands. And the running form does
not forget the alarms it gave: without them the highest of the normal peaks would be missing, and the threshold
would sink; in `docs/explanation/alarms.md` that doubles the number of false alarms.
"""

from __future__ import annotations

import math
from bisect import insort

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, score_for_rate
from grucast.detection.pareto import Tail, fit_pareto
from grucast.detection.thresholds.stream import Fixed, Stream, follow

LARGEST = 300  # peaks a law is fitted to: the highest of all
GROWTH = 1.1  # it is fitted anew when so many times as many peaks are known
SURPRISE = 2.0  # standard deviations of a Poisson count
FAULT = 0.1  # an alarm that is so many times rarer than the budget is a fault and teaches nothing


def pot(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """The score above which normal rows begin `rate` events each, for each of T rows. It does not look at `score`.

    Beyond the calibration scores it is extrapolated (Siffer et al. 2017, eq. 1); where these never moved it is the
    score they had.
    """
    return np.full(score.shape, score_for_rate(rate, calibration))


def pot_stream(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """As `pot`, but the law goes on learning from the rows that went by; thresholds (T,), see `PeakStream`."""
    return follow(open_pot_stream(calibration, rate), score)


def open_pot_stream(calibration: ScoreCalibration, rate: float) -> Stream:
    """The running form of `pot`; without a law of events there is nothing to learn, and the threshold stays."""
    threshold = score_for_rate(rate, calibration)
    if calibration.events is None:
        return Fixed(threshold)
    return PeakStream(calibration, calibration.events, rate)


class PeakStream:
    """A threshold that follows the peaks of events.

    The calibration counts for as many rows and peaks as it had. An event is over when `gap` rows below the start of
    the tail have passed, and moves the thresholds of later rows only. A peak that was an alarm tells the law
    that it lies beyond the threshold, no more, so a fault cannot lift it far; one ten times
    rarer than the budget tells nothing.
    """

    def __init__(self, calibration: ScoreCalibration, tail: Tail, rate: float) -> None:
        self.tail, self.rate, self.rows, self.gap = tail, rate, calibration.rows, calibration.gap
        self.calibrated = calibration.rows
        count = max(round(tail.share * calibration.rows), 1)
        self.law = tail
        self.peaks = sorted(tail.quantile(tail.share * (place + 0.5) / count) for place in range(count))
        self.alarms: list[float] = []  # the thresholds that were exceeded
        self.threshold = score_for_rate(rate, calibration)
        self.fitted = count
        self.peak, self.limit, self.quiet = -math.inf, math.inf, 0  # of the event that is not over

    def push(self, score: float) -> float:
        """The threshold of the next row, whose score it then takes in."""
        threshold = self.threshold
        if score > self.tail.start:
            if score > self.peak:
                self.peak, self.limit = score, threshold
            self.quiet = 0
        elif self.peak > -math.inf:
            self.quiet += 1
            if self.quiet > self.gap:
                self._learn()
        self.rows += score == score  # not NaN
        return threshold

    def _learn(self) -> None:
        """Take in the event that is over, and fit anew when enough have come."""
        if self.peak <= self.limit:
            insort(self.peaks, self.peak)
        elif len(self.alarms) < self._explained() and self.law.survival(np.array(self.peak)) >= FAULT * self.rate:
            self.alarms.append(self.limit)
        self.peak, self.quiet = -math.inf, 0
        if len(self.peaks) + len(self.alarms) >= GROWTH * self.fitted:
            self.fitted = len(self.peaks) + len(self.alarms)
            self.law = self._fit()
            self.threshold = self.law.quantile(self.rate)

    def _explained(self) -> float:
        """How many alarms the budget explains by now: what it promises and two standard deviations, at least three."""
        expected = self.rate * (self.rows - self.calibrated)
        return expected + SURPRISE * math.sqrt(expected) + 3.0

    def _fit(self) -> Tail:
        """The law of the highest peaks."""
        start = self.peaks[-LARGEST - 1] if len(self.peaks) > LARGEST else self.tail.start
        excess = np.array([peak for peak in self.peaks[-LARGEST:] if peak > start]) - start
        beyond = np.array([limit for limit in self.alarms if limit > start]) - start
        if not len(excess):
            return self.law
        return Tail(start, *fit_pareto(excess, beyond), (len(excess) + len(beyond)) / self.rows)
