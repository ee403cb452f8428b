"""The threshold with the best event F1 by the labels, exactly, over all thresholds at once.

How many alarms there are above a threshold u need not be counted threshold by threshold. A row is above u
when its score is, two neighbours when the smaller of them is, and the number of runs is that of rows less
that of neighbours. Of the runs in a normal stretch those that go on into the event before or behind it are
not false; one that fills the stretch and goes on into both has then been taken off twice. So every count is
one of "values above u", which a sorted array answers for all u.

An alarm that never ends is a single one and finds every event, which would be a perfect F1. Thresholds above
which more than a tenth of the normal rows lie are therefore not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.evaluation.event_metrics import EventScores, event_scores
from grucast.evaluation.runs import runs

AnyArray = TypeVar("AnyArray", Array, Mask)

ALWAYS_ON = 0.1  # the largest share of normal rows that may fire


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold, which fires where the score is above it, and what it gives on the rows it was chosen on."""

    threshold: float
    scores: EventScores
    rows: int

    @property
    def false_alarms_per_5000_rows(self) -> float:
        """False alarms in 5000 rows, in the unit of `--false-alarms`."""
        return 5000.0 * self.scores.false_alarms / self.rows


def propose(scores: Sequence[Array], labels: Sequence[Mask]) -> Proposal | None:
    """The threshold with the best event F1 over series with these scores and labels, (T,) each.

    Of thresholds that are equally good the highest, in the middle of the room it has. A score that is NaN is
    never above, and the threshold is finite. None where no threshold finds an event.
    """
    known = _joined([np.where(np.isnan(one), -np.inf, one) for one in scores], -np.inf)
    label = _joined(labels, False)
    levels = np.unique(known[np.isfinite(known)])[::-1]
    if not label.any() or not len(levels):
        return None
    found, false, alarms = _counts(known, label, levels)
    events = len(runs(label))
    precision = np.divide(alarms - false, alarms, out=np.zeros(len(levels)), where=alarms > 0)
    both = precision + found / events
    quality = np.divide(2.0 * precision * found / events, both, out=np.zeros(len(levels)), where=both > 0)
    quality[_above(known[~label], levels) > ALWAYS_ON * (~label).sum()] = 0.0
    if not quality.max() > 0:
        return None
    threshold = _middle(levels, quality)
    return Proposal(threshold, event_scores(known > threshold, label), sum(map(len, scores)))


def _joined(series: Sequence[AnyArray], between: float) -> AnyArray:
    """All series as one, with a row between them that never fires and is normal: no run crosses it."""
    parts = [part for one in series for part in (one, np.full(1, between, one.dtype))]
    return np.concatenate(parts[:-1])


def _middle(levels: Array, quality: Array) -> float:
    """The middle of the highest stretch of thresholds, between the falling `levels` (K,), that is the best."""
    first = int(np.argmax(quality))
    worse = np.flatnonzero(quality[first:] < quality[first])
    low = levels[first + worse[0]] if len(worse) else np.nextafter(levels[-1], -np.inf)  # this level must not fire
    middle = low / 2 + levels[first] / 2
    return float(middle if low <= middle < levels[first] else low)  # neighbouring numbers have no middle


def _counts(score: Array, label: Mask, levels: Array) -> tuple[Array, Array, Array]:
    """Events found, false alarms and all alarms when rows at or above each of `levels` fire, (K,) each."""
    events, gaps = runs(label), runs(~label)
    pairs = np.minimum(score[1:], score[:-1])
    inside = ~label[1:] & ~label[:-1]
    before, behind = gaps[gaps[:, 0] > 0, 0] - 1, gaps[gaps[:, 1] < len(score), 1] - 1  # pairs of event and gap
    filled = gaps[(gaps[:, 0] > 0) & (gaps[:, 1] < len(score))]
    bridges = _least(score, np.stack([filled[:, 0] - 1, filled[:, 1] + 1], axis=1))
    alarms = _above(score, levels) - _above(pairs, levels)
    false = (_above(score[~label], levels) - _above(pairs[inside], levels)
             - _above(pairs[before], levels) - _above(pairs[behind], levels) + _above(bridges, levels))
    return _above(-_least(-score, events), levels), false, alarms


def _above(values: Array, levels: Array) -> Array:
    """How many of `values` are at least each of `levels`, (K,)."""
    return (len(values) - np.searchsorted(np.sort(values), levels)).astype(float)


def _least(values: Array, spans: Ints) -> Array:
    """The smallest value of each span of rows [first, stop), (E,)."""
    if not len(spans):
        return np.empty(0)
    ends = spans.ravel()  # a span may begin on the last row of the one before: every second result is thrown away
    return np.minimum.reduceat(np.append(values, math.inf), ends)[::2]  # the last stop may be one past the rows
