"""From the scores of the calibration part to a `ScoreCalibration`."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.detection.calibration import EMPTY, ScoreCalibration, sample
from grucast.detection.events import runs
from grucast.detection.pareto import Tail, fit_pareto

PEAKS = 100  # events wanted above the start of the tail
FEWEST = 8  # peaks below which no law is fitted
SHARE = 0.1  # rows above the start of the tail, at most


def fit_calibration(score: Array, blocks: Ints | None = None, *, gap: int = 0) -> ScoreCalibration:
    """What normal scores are like, from `score` (T,) in order of time; rows that are NaN do not count.

    `blocks` (T,) numbers the series or stretch of each row: an event ends where its block ends. Events with at most
    `gap` rows between them count as one, as in `find_events`. No usable row gives `EMPTY`; scores that never moved
    have no tail.
    """
    kept = np.flatnonzero(np.isfinite(score))
    if not len(kept):
        return EMPTY
    # blocks lie further apart than any gap, so that no event reaches from one into the next
    place = np.arange(len(score)) + (0 if blocks is None else _block_number(blocks) * (gap + 2))
    usable, place = score[kept], place[kept]
    scores, ranks = sample(usable)
    start = _start(usable)
    above = np.flatnonzero(usable > start)
    peaks = _peaks(usable, place, above, gap)
    if len(peaks) < FEWEST:
        return ScoreCalibration(scores, ranks, len(kept), gap=gap)
    rows = Tail(start, *fit_pareto(usable[above] - start), len(above) / len(kept))
    events = Tail(start, *fit_pareto(peaks - start), len(peaks) / len(kept))
    return ScoreCalibration(scores, ranks, len(kept), rows, events, len(peaks) / len(above), gap)


def _block_number(blocks: Ints) -> Ints:
    """0 for the first block, one more at every change, (T,)."""
    return np.concatenate([[0], np.cumsum(blocks[1:] != blocks[:-1])])


def _start(usable: Array) -> float:
    """Where the tail begins."""
    return float(np.quantile(usable, 1.0 - SHARE, method="higher"))


def _peaks(usable: Array, place: Ints, above: Ints, gap: int) -> Array:
    """The highest score of each event among the rows `above`, (E,)."""
    if not len(above):
        return np.empty(0)
    starts, _ = runs(place[above], gap)
    return np.maximum.reduceat(usable[above], np.searchsorted(place[above], starts))
