"""How good a detector was: every measure of anybody's scores against labels, for each series and on average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.arrays import Mask
from grucast.core.config import ReadOptions
from grucast.evaluation.affiliation import affiliation_f1
from grucast.evaluation.event_metrics import auc_pr, auc_roc, event_scores, range_f1
from grucast.evaluation.tuning import Proposal, propose
from grucast.evaluation.vus import FALLBACK, period, vus
from grucast.workflows.judging.scored import Scored, read_scored

METRICS = ("vus_pr", "vus_roc", "auc_pr", "auc_roc", "range_f1", "affiliation_f1", "event_precision", "event_recall",
           "event_f1", "event_delay")
COUNTS = ("rows", "events", "alarms")


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What is judged: a file of scores, perhaps one of labels; `window` None is found from the values."""

    scores: str
    labels: str | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    threshold: float | None = None
    window: int | None = None
    tune: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The measures of one series: `metrics` as METRICS, NaN where undefined, and `counts` as COUNTS."""

    unique_id: str
    metrics: dict[str, float]
    counts: dict[str, int | None]
    window: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of every series, the threshold that fired, and the one proposed."""

    series: tuple[Judged, ...]
    threshold: float | None
    tuned: Proposal | None
    notes: tuple[str, ...]

    def mean(self) -> dict[str, float]:
        """The mean of each metric over the series in which it is defined."""
        means = {}
        for name in METRICS:
            known = [one.metrics[name] for one in self.series if not math.isnan(one.metrics[name])]
            means[name] = float(np.mean(known)) if known else math.nan
        return means


def evaluate_anomalies(request: EvaluateRequest) -> Evaluation:
    """Judge the scores of a file against labels.

    Errors: those of reading, see `read_scored`.
    """
    series, threshold, notes = read_scored(request.scores, request.labels, request.read)
    if request.threshold is not None:
        threshold = request.threshold
    judged = tuple(_judge(one, request) for one in series)
    tuned = propose([one.score for one in series], [one.label for one in series]) if request.tune else None
    notes += _remarks(series, request, tuned)
    return Evaluation(judged, threshold, tuned, tuple(notes))


def document(result: Evaluation) -> dict[str, Any]:
    """The result with the keys of `evaluate anomalies --json`."""
    windows = {one.window for one in result.series}
    totals = {name: None if any(one.counts[name] is None for one in result.series) else
              sum(one.counts[name] or 0 for one in result.series) for name in COUNTS}
    each = [{"unique_id": one.unique_id, **one.metrics, "vus_window": one.window, **one.counts}
            for one in result.series]
    return {**result.mean(), "vus_window": windows.pop() if len(windows) == 1 else None, **totals,
            "threshold": result.threshold, "series": each, "tune": proposal(result.tuned), "notes": list(result.notes)}


def proposal(tuned: Proposal | None) -> dict[str, float | int] | None:
    """A proposed threshold and what it would have cost, as JSON values."""
    if tuned is None:
        return None
    found = tuned.scores
    return {"threshold": tuned.threshold, "event_precision": found.precision, "event_recall": found.recall,
            "event_f1": found.f1, "false_alarms": found.false_alarms,
            "false_alarms_per_5000_rows": tuned.false_alarms_per_5000_rows, "missed_events": found.missed}


def _judge(one: Scored, request: EvaluateRequest) -> Judged:
    """All measures of one series."""
    window = request.window
    if window is None:
        window = FALLBACK if one.y is None else period(one.y)
    volume = vus(one.score, one.label, window)
    fired = _fired(one, request.threshold)
    metrics = dict.fromkeys(METRICS, math.nan) | {
        "vus_pr": volume[0], "vus_roc": volume[1],
        "auc_pr": auc_pr(one.score, one.label), "auc_roc": auc_roc(one.score, one.label)}
    counts: dict[str, int | None] = {"rows": len(one.score), "events": event_scores(one.label, one.label).events,
                                     "alarms": None}
    if fired is not None:
        found = event_scores(fired, one.label)
        counts["alarms"] = found.alarms
        metrics |= {"range_f1": range_f1(fired, one.label), "affiliation_f1": affiliation_f1(fired, one.label),
                    "event_precision": found.precision, "event_recall": found.recall, "event_f1": found.f1,
                    "event_delay": found.delay}
    return Judged(one.unique_id, metrics, counts, window)


def _fired(one: Scored, threshold: float | None) -> Mask | None:
    """The rows that fired: those above the threshold that was asked for, else those the file says."""
    return one.fired if threshold is None else one.score > threshold  # never where there is no score


def _remarks(series: Sequence[Scored], request: EvaluateRequest, tuned: Proposal | None) -> list[str]:
    """What a reader of the figures should know."""
    notes = []
    bare = sum(not one.label.any() for one in series)
    if bare:
        notes.append("no row is labelled: nothing can be measured" if bare == len(series) else
                     f"{bare} of {len(series)} series have no labelled row and are not in the means")
    if request.threshold is None and series[0].fired is None:
        notes.append("what needs a threshold is left out: the file has no column is_anomaly; add --threshold")
    if request.window is None and series[0].y is None:
        notes.append(f"there is no column y to find a period in: the window is {FALLBACK}; --vus-window sets it")
    if tuned is not None:
        notes.append("the proposed threshold is chosen in hindsight, by the labels it is measured on: expect it to do "
                     "worse on other rows")
    elif request.tune:
        notes.append("no threshold is proposed: none finds an event without being on for a tenth of the normal rows")
    return notes
