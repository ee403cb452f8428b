"""How good alarms are, row by row and event by event.

`auc_pr` and `auc_roc` judge the order of the scores and need no threshold. The others judge rows that
have fired. A labelled event is a run of labelled rows, an alarm a run of fired rows. An event counts as
found when a row of it has fired, an alarm as right when a row of it is labelled. Nothing is adjusted: rows
that did not fire stay so, also where their event was found (point adjustment makes chance look good:
Kim et al. 2022, arXiv 2109.05257), and an alarm that begins after the end of an event is a false one. An
alarm that never ends is one alarm that finds everything: range and affiliation F1 see that, event F1 does not.

Without labelled events everything is NaN. Where nothing has fired, precision is NaN, recall and F1 are 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.evaluation.runs import meetings, runs

EXISTENCE = 0.2  # alpha of the range-based recall: the reward for finding any row of an event; TSB-AD has the same


# ---- the order of scores -------------------------------------------------------------------------


def auc_pr(score: Array, label: Mask) -> float:
    """The average precision of scores (T,) against labels (T,); equal scores fire together.

    The sum over the falling distinct scores of the gain in recall times precision. NaN is the lowest score.
    """
    hits, fired = _counts(score, label)
    if not label.any():
        return math.nan
    return float(np.dot(np.diff(hits, prepend=0.0), hits / fired) / hits[-1])


def auc_roc(score: Array, label: Mask) -> float:
    """The probability that a labelled row scores higher than a normal one, equal scores counted half.

    NaN is the lowest score. Without a normal row: NaN.
    """
    hits, fired = _counts(score, label)
    if not label.any() or label.all():
        return math.nan
    false = fired - hits
    return float(np.trapezoid(np.r_[0.0, hits], np.r_[0.0, false]) / (hits[-1] * false[-1]))


def _counts(score: Array, label: Mask) -> tuple[Array, Array]:
    """Labelled rows and all rows that score at least each distinct score, from the highest down, (K,) each."""
    known = np.where(np.isnan(score), -np.inf, score)
    order = np.argsort(-known, kind="stable")
    last = np.flatnonzero(np.r_[known[order][1:] != known[order][:-1], True][: len(order)])
    return np.cumsum(label[order])[last].astype(np.float64), (last + 1).astype(np.float64)


# ---- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventScores:
    """How alarms met events: shares, counts, and the mean delay of the found events in rows."""

    precision: float
    recall: float
    f1: float
    delay: float
    events: int
    alarms: int
    missed: int
    false_alarms: int


def event_scores(fired: Mask, label: Mask) -> EventScores:
    """Precision, recall, F1 and delay of fired rows (T,) against labelled rows (T,), by runs.

    The delay is that from the first row of an event to its first fired row; 0 where the alarm was on before.
    """
    events, alarms = runs(label), runs(fired)
    found = meetings(events, alarms) > 0
    right = meetings(alarms, events) > 0
    precision, recall = _share(right), _share(found)
    return EventScores(
        precision=precision if len(events) else math.nan, recall=recall, f1=f1(precision, recall),
        delay=_delay(events[found, 0], np.flatnonzero(fired)),
        events=len(events), alarms=len(alarms), missed=int((~found).sum()), false_alarms=int((~right).sum()),
    )


def f1(precision: float, recall: float) -> float:
    """The harmonic mean of precision and recall; 0 where there is no precision, NaN where there is no recall."""
    if math.isnan(recall):
        return math.nan
    if math.isnan(precision) or precision + recall == 0.0:
        return 0.0
    return 2.0 * precision * recall / (precision + recall)


def _share(yes: Mask) -> float:
    return float(yes.mean()) if len(yes) else math.nan


def _delay(starts: Ints, fired: Ints) -> float:
    """The mean number of rows from each of `starts` to the first of the fired rows that is not before it."""
    if not len(starts):
        return math.nan
    return float(np.mean(fired[np.searchsorted(fired, starts)] - starts))


def range_f1(fired: Mask, label: Mask, *, existence: float = EXISTENCE) -> float:
    """The range-based F1 of Tatbul et al. 2018 (arXiv 1803.03639, eq. 1–7), with a flat bias.

    Recall of an event is `existence` for any fired row, and the rest times the share of its rows that have
    fired, divided by the number of alarms it is broken into; precision is the same of alarms, without the
    reward for existence.
    """
    events, alarms = runs(label), runs(fired)
    recall = _range_share(events, alarms, fired, existence)
    return f1(_range_share(alarms, events, label, 0.0), recall)


def _range_share(ones: Ints, others: Ints, inside: Mask, existence: float) -> float:
    """The mean reward of the runs `ones`; `inside` (T,) are the rows of `others`."""
    if not len(ones):
        return math.nan
    met = meetings(ones, others)
    rows = np.r_[0, np.cumsum(inside)]
    overlap = (rows[ones[:, 1]] - rows[ones[:, 0]]) / (ones[:, 1] - ones[:, 0])
    return float(np.mean(existence * (met > 0) + (1.0 - existence) * overlap / np.maximum(met, 1)))
