"""Peaks over threshold: the law of the peaks says how high an event must be to be as rare as the budget.

After Siffer et al. 2017 (KDD, "Anomaly detection in streams with extreme value theory"), with two changes: the law is
that of the peaks of *events*, not of rows, as rows next to each other are strange together; and it is
fitted with a prior on the shape (`detection/pareto.py`), as there are tens of peaks and not thousands.
"""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array
from grucast.detection.calibration import ScoreCalibration, score_for_rate
from grucast.detection.events import runs
from grucast.detection.pareto import Tail, fit_pareto

LARGEST = 500  # peaks a law is fitted to: the highest of all
GROWTH = 1.05  # the law is fitted anew when so many more peaks are known


def pot(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """The score above which normal rows begin `rate` events each, for each of T rows. It does not look at `score`.

    Beyond the calibration scores it is extrapolated (Siffer et al. 2017, eq. 1); where these never moved it is the
    score they had.
    """
    return np.full(score.shape, score_for_rate(rate, calibration))


def pot_stream(score: Array, calibration: ScoreCalibration, rate: float) -> Array:
    """As `pot`, but the law goes on learning from the peaks of events that were no alarm; thresholds (T,).

    The calibration counts for as many peaks and rows as it had. A peak is known when `gap` rows below the start of
    the tail have passed, and moves the thresholds of later rows only. A peak above the threshold counts as one *at*
    the threshold: left out altogether (as in Siffer et al. 2017, algorithm 2) the highest normal peaks would be
    missing and the threshold would sink; taken as it is, a fault would lift it.
    """
    threshold = score_for_rate(rate, calibration)
    out = np.full(score.shape, threshold)
    tail, gap = calibration.events, calibration.gap
    if tail is None:
        return out
    above = np.flatnonzero(score > tail.start)
    starts, stops = runs(above, gap)
    count = max(round(tail.share * calibration.rows), 1)
    peaks = [tail.quantile(tail.share * (place + 0.5) / count) for place in range(count)]
    known, rows = np.cumsum(np.isfinite(score)), calibration.rows
    fitted = count
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        over = stop + gap + 1  # the first row at which the event is known to be over
        if over >= len(score):
            break
        peaks.append(min(float(np.nanmax(score[start:stop])), threshold))
        if len(peaks) >= GROWTH * fitted:
            fitted = len(peaks)
            threshold = _law(np.array(peaks), tail, rows + int(known[over - 1])).quantile(rate)
            out[over:] = threshold
    return out


def _law(peaks: Array, tail: Tail, rows: int) -> Tail:
    """The law of the highest `peaks` (E,) of events in `rows` rows."""
    ordered = np.sort(peaks)[::-1]
    start = float(ordered[LARGEST]) if len(ordered) > LARGEST else tail.start
    excess = ordered[ordered > start] - start
    if not len(excess):
        return tail
    return Tail(start, *fit_pareto(excess), len(excess) / rows)
