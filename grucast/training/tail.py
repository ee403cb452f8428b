"""From the scores of the calibration part to a `ScoreCalibration`: the tails of rows and events, faults left out.

The start of the tail is the highest level that about a hundred events exceed: lower, events run into each other;
higher, there are too few. `benchmarks/alarm_simulation.py` shows what comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.detection.calibration import EMPTY, ScoreCalibration, sample
from grucast.detection.events import runs
from grucast.detection.pareto import Tail, fit_pareto

PEAKS = 100  # events wanted above the start of the tail
FEWEST = 8  # events below which no law is fitted
RARE = 20  # events above the level at which the dependence is measured
LARGEST = 500  # rows the tail of rows is fitted to, at most
LEVELS = np.geomspace(0.001, 0.5, 40)  # shares of rows above the levels tried


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Which of the highest peaks may be faults: a share of them, where a gap has less than this chance."""

    share: float
    chance: float


FEW = Suspicion(0.1, 1e-5)  # of scores: a fault that lasts is rare, and a mistake costs precision
FAR = Suspicion(0.3, 1e-5)  # of repeats, which come in steps: a gap between two steps is no fault yet
MANY = Suspicion(0.3, 1e-2)  # of lone rows: the highest peaks mostly are faults, where there are any


def fit_calibration(
    score: Array, blocks: Ints | None = None, *, gap: int = 0, suspicion: Suspicion = FEW
) -> ScoreCalibration:
    """What normal scores are like, from `score` (T,) in order of time; rows that are NaN do not count.

    `blocks` (T,) numbers the series or stretch of each row: an event ends where its block ends. Events with at most
    `gap` rows between them count as one, as in `find_events`. No usable row gives `EMPTY`; scores that never
    moved, or gave fewer than eight events at every level, have no tail: then events are counted by the dependence
    alone. Events that stand apart from all others are taken for faults nobody labelled, and their rows left out
    (`_faulty`); see `Suspicion`.
    """
    kept = np.flatnonzero(np.isfinite(score))
    if not len(kept):
        return EMPTY
    # blocks lie further apart than any gap, so that no event reaches from one into the next
    place = (np.arange(len(score)) + (0 if blocks is None else _block_number(blocks) * (gap + 2)))[kept]
    usable = score[kept]
    start = _start(usable, place, gap, PEAKS)
    faulty = _faulty(usable, place, (start, gap), suspicion)
    usable, place = usable[~faulty], place[~faulty]
    scores, ranks = sample(usable)
    peaks = _peaks(usable, place, start, gap)
    if len(peaks) < FEWEST:
        dependence = len(peaks) / np.count_nonzero(usable > start) if len(peaks) else 1.0
        return ScoreCalibration(scores, ranks, len(usable), None, None, dependence, gap, int(faulty.sum()))
    events = Tail(start, *fit_pareto(peaks - start), len(peaks) / len(usable))
    level = _start(usable, place, gap, RARE)
    dependence = len(_peaks(usable, place, level, gap)) / np.count_nonzero(usable > level)
    return ScoreCalibration(
        scores, ranks, len(usable), _tail_of_rows(usable, start), events, dependence, gap, int(faulty.sum())
    )


def _block_number(blocks: Ints) -> Ints:
    """0 for the first block, one more at every change, (T,)."""
    return np.concatenate([[0], np.cumsum(blocks[1:] != blocks[:-1])])


def _start(usable: Array, place: Ints, gap: int, wanted: int) -> float:
    """The highest of `LEVELS` that `wanted` events exceed; where none is, the one that most events exceed."""
    levels = np.quantile(usable, 1.0 - LEVELS, method="lower")
    best, most = float(levels[-1]), 0
    for level in levels.tolist():
        events = len(runs(place[usable > level], gap)[0])
        if events > most:
            best, most = level, events
        if most >= wanted:
            break
    return best


def _peaks(usable: Array, place: Ints, level: float, gap: int) -> Array:
    """The highest score of each event above `level`, (E,)."""
    above = usable > level
    if not above.any():
        return np.empty(0)
    starts, _ = runs(place[above], gap)
    return np.maximum.reduceat(usable[above], np.searchsorted(place[above], starts))


def _faulty(usable: Array, place: Ints, level: tuple[float, int], suspicion: Suspicion) -> Mask:
    """Rows (T,) of events so far above the others that chance does not explain them.

    `level` is where events start, and the rows that may lie within one. A share of the peaks is under
    suspicion and tells the law only that it lies higher than the rest, so that faults do not hide each other. From the
    lowest suspect upwards, the j peaks from there on all lie above x, given that they lie above the peak before,
    with probability (S(x) / S(before))^j; the first where that is too small a chance, and all above it, are faults.
    """
    start, gap = level
    peaks = np.sort(_peaks(usable, place, start, gap))
    suspects = int(suspicion.share * len(peaks))
    if len(peaks) < FEWEST or not suspects:
        return np.zeros(len(usable), dtype=bool)
    trusted = peaks[:-suspects] - start
    law = Tail(start, *fit_pareto(trusted, np.full(suspects, trusted[-1])), 1.0)
    before, highest = law.survival(peaks[-suspects - 1 : -1]), law.survival(peaks[-suspects:])
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.power(highest / before, np.arange(suspects, 0, -1))
    strange = np.flatnonzero(~(chance >= suspicion.chance))
    if not len(strange):
        return np.zeros(len(usable), dtype=bool)
    ceiling = float(peaks[len(peaks) - suspects + strange[0]])
    above = np.flatnonzero(usable > start)
    starts, stops = runs(place[above], gap)
    firsts = np.searchsorted(place[above], starts)
    high = np.maximum.reduceat(usable[above], firsts) >= ceiling
    faulty = np.zeros(len(usable), dtype=bool)
    for first, stop in zip(starts[high].tolist(), stops[high].tolist(), strict=True):
        faulty |= (place >= first) & (place < stop)
    return faulty


def _tail_of_rows(usable: Array, start: float) -> Tail:
    """The law of the highest rows, at most 500 of them."""
    above = np.sort(usable[usable > start])
    if len(above) > LARGEST and above[-1] > above[-LARGEST - 1]:
        start = float(above[-LARGEST - 1])
        above = above[above > start]
    return Tail(start, *fit_pareto(above - start), len(above) / len(usable))
