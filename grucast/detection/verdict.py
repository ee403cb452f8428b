"""When a row is an alarm: three judges, each with its own law on normal rows and its own share of the budget.

The score gathers errors over a hundred rows and more; it sees shapes. A fault of one row, or a sensor that stands
still, is lost in it, so `detection/sudden.py` and `detection/stuck.py` judge beside it. To add their values to the
score would spoil its ranking, in which long events count most (benchmarks/LOG.md has the figures). Instead,
where one of the two raises an alarm, and only there, the row's score is lifted above its threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Array32, Leads
from grucast.detection.calibration import ScoreCalibration, score_for_rate
from grucast.detection.rules import THRESHOLDS
from grucast.detection.thresholds import open_stream
from grucast.detection.thresholds.stream import Fixed, Stream

Causes = npt.NDArray[np.int8]  # of the alarm of a row, see `CAUSES`

CAUSES = ("score", "sudden", "stuck")
SHARES = {"score": 0.5, "sudden": 0.4, "stuck": 0.1}  # of the budget; where a judge is missing the others share it
LEAST = 1e-12  # of a limit and of a threshold, so that both can be exceeded by a factor


@dataclass(frozen=True, slots=True)
class Laws:
    """How the three judges see normal rows; `sudden` None where the model does not forecast."""

    score: ScoreCalibration
    sudden: ScoreCalibration | None
    stuck: ScoreCalibration

    def share(self, judge: str) -> float:
        """The part of the budget that a judge has."""
        present = {name: SHARES[name] for name in SHARES if name != "sudden" or self.sudden is not None}
        return present.get(judge, 0.0) / sum(present.values())


class Seen(NamedTuple):
    """What the judges saw of T rows: each (T,), NaN where there is nothing to say."""

    score: Array
    sudden: Array | Array32
    stuck: Array | Array32


@dataclass(frozen=True, slots=True)
class Alarms:
    """When a row is an alarm: by a fixed threshold, or by a rule and how many events normal rows may begin each."""

    rule: str
    rate: float  # 0 where a threshold was fixed by hand
    threshold: float | None

    @property
    def name(self) -> str:
        """The rule, for the id of an event."""
        return self.rule if self.threshold is None else f"above {self.threshold!r}"


def verdicts(seen: Seen, laws: Laws, alarms: Alarms) -> tuple[Array, Array, Causes]:
    """The threshold of each row's score (T,), its score, lifted where another judge called, and which one called.

    A threshold fixed by hand is about the score alone.
    """
    cause = np.zeros(len(seen.score), dtype=np.int8)
    if alarms.threshold is not None:
        return np.full(seen.score.shape, alarms.threshold), seen.score, cause
    threshold = _thresholds(alarms.rule, seen.score, laws.score, alarms.rate * laws.share("score"))
    limits = {"stuck": np.full(seen.stuck.shape, stuck_limit(laws, alarms.rate))}
    if laws.sudden is not None:
        limits["sudden"] = _thresholds(alarms.rule, seen.sudden, laws.sudden, alarms.rate * laws.share("sudden"))
    score = seen.score
    for name, limit in limits.items():
        values = getattr(seen, name)
        called = np.flatnonzero((values > limit) & np.isfinite(threshold))
        higher = lifted(threshold[called], values[called], limit[called])
        more = higher > score[called]  # not where there is no score
        score = score.copy() if len(called) else score
        score[called[more]] = higher[more]
        cause[called[more]] = CAUSES.index(name)
    return threshold, score, cause


def _thresholds(rule: str, values: Array | Array32, law: ScoreCalibration, rate: float) -> Array:
    return np.asarray(THRESHOLDS.load(rule)(values.astype(np.float64), law, rate))


def stuck_limit(laws: Laws, rate: float) -> float:
    """The surprise above which a row is stuck, whatever the rule.

    It is what one channel reaches as rarely as that, and no less than what rows that were not trained on reach, where
    these had events enough for a law.
    """
    own = rate * laws.share("stuck")
    if not laws.stuck.rows or own <= 0.0:
        return math.inf
    seen = score_for_rate(own, laws.stuck) if laws.stuck.events is not None else 0.0
    return max(seen, -math.log(own))


def lifted(threshold: Array, value: Array | Array32, limit: Array) -> Array:
    """A score as far above its threshold as a judge's value is above its limit, on a scale of logarithms."""
    return np.maximum(threshold, LEAST) * (1.0 + np.log(np.maximum(value, LEAST) / np.maximum(limit, LEAST)))


class RowVerdicts:
    """`verdicts` row by row."""

    def __init__(self, laws: Laws, alarms: Alarms) -> None:
        self.score: Stream = Fixed(math.inf if alarms.threshold is None else alarms.threshold)
        self.others: dict[str, Stream] = {}
        if alarms.threshold is not None:
            return
        self.score = open_stream(alarms.rule, laws.score, alarms.rate * laws.share("score"))
        self.others["stuck"] = Fixed(stuck_limit(laws, alarms.rate))
        if laws.sudden is not None:
            self.others["sudden"] = open_stream(alarms.rule, laws.sudden, alarms.rate * laws.share("sudden"))

    def push(self, seen: Mapping[str, float]) -> tuple[float, float, int]:
        """Threshold, score and cause of the next row, of which the three judges saw `seen`."""
        score = seen["score"]
        threshold, cause = self.score.push(score), 0
        for name, stream in self.others.items():
            value, limit = seen[name], stream.push(seen[name])
            if value > limit and math.isfinite(threshold):
                higher = float(lifted(*(np.array(one) for one in (threshold, value, limit))))
                if higher > score:
                    score, cause = higher, CAUSES.index(name)
        return threshold, score, cause


def share_of(cause: Causes, leads: tuple[Leads, Leads], share: Array) -> Array:
    """The shares of the channels (T, C): in rows that a judge called, 1 of the channel that it called."""
    called = np.flatnonzero(cause)
    if not len(called):
        return share
    out = share.copy()
    sudden, still = leads
    out[called] = 0.0
    out[called, np.where(cause[called] == CAUSES.index("sudden"), sudden[called], still[called])] = 1.0
    return out
