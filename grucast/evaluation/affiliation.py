"""Affiliation F1: how near alarms are to events, measured against chance (Huet et al. 2022, arXiv 2206.13167).

Every labelled event owns the time that is nearer to it than to any other. Precision is, over the fired time
that it owns, the probability that a point drawn at random from its zone lies no nearer to the event;
recall is, over the time of the event, the probability that a random point lies no nearer to that time than the
nearest fired one does. Both are means over events: precision over those that own fired time, recall over
all, 0 where an event owns none.

A row is the time from its number to the next. All distances are then linear between multiples of a quarter row
(ends of runs are whole, borders of zones halves), so that the mean over the four middles of the quarters
is the integral and not an approximation of it.
"""

from __future__ import annotations

import math

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.evaluation.event_metrics import f1
from grucast.evaluation.runs import runs

MIDDLES = np.array([1.0, 3.0, 5.0, 7.0]) / 8.0


def affiliation_f1(fired: Mask, label: Mask) -> float:
    """The F1 of affiliation precision and recall of fired rows (T,) against labelled rows (T,)."""
    return f1(*affiliation(fired, label))


def affiliation(fired: Mask, label: Mask) -> tuple[float, float]:
    """Affiliation precision and recall; precision is NaN where nothing fired, both are without a label."""
    events = runs(label)
    if not len(events):
        return math.nan, math.nan
    border = np.r_[0.0, (events[:-1, 1] + events[1:, 0]) / 2, float(len(label))]  # (E + 1,), of the zones
    near, owner = _precision_points(events, border, fired)
    owned = np.bincount(owner, minlength=len(events))
    precision = np.bincount(owner, near, minlength=len(events))[owned > 0] / owned[owned > 0]
    close, event = _recall_points(border, fired, label)
    recall = np.bincount(event, close, minlength=len(events)) / (len(MIDDLES) * (events[:, 1] - events[:, 0]))
    return float(precision.mean()) if len(precision) else math.nan, float(recall.mean())


def _points(rows: Mask, border: Array) -> tuple[Array, Ints]:
    """The middles of the quarters of true rows, (P,), and the zone that each lies in, (P,)."""
    at = (np.flatnonzero(rows)[:, None] + MIDDLES).ravel()
    return at, np.searchsorted(border, at) - 1


def _precision_points(events: Ints, border: Array, fired: Mask) -> tuple[Array, Ints]:
    """The probability that chance is no nearer to the event than each fired point, (P,), and whose it is, (P,)."""
    at, owner = _points(fired, border)
    start, stop = events[owner, 0], events[owner, 1]
    low, high = border[owner], border[owner + 1]
    away = np.maximum(np.maximum(start - at, at - stop), 0.0)
    nearer = (stop - start) + np.minimum(away, start - low) + np.minimum(away, high - stop)
    return np.where(away > 0, 1.0 - nearer / (high - low), 1.0), owner


def _recall_points(border: Array, fired: Mask, label: Mask) -> tuple[Array, Ints]:
    """The probability that chance is no nearer to each labelled point than what fired, (P,), and its event, (P,)."""
    at, event = _points(label, border)
    low, high = border[event], border[event + 1]
    alarms = runs(fired)
    starts, stops = np.r_[alarms[:, 0], np.inf], np.r_[-np.inf, alarms[:, 1]]
    before = np.searchsorted(alarms[:, 0], at)  # the alarms that have begun
    end, begin = stops[before], starts[before]
    left = np.where(end > low, np.maximum(at - end, 0.0), np.inf)
    right = np.where(begin < high, begin - at, np.inf)
    away = np.minimum(left, right)
    nearer = np.minimum(away, at - low) + np.minimum(away, high - at)
    return np.where(away > 0, 1.0 - nearer / (high - low), 1.0), event
