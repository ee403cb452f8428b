"""When a row is an alarm: three judges, each with its own law on normal rows and its own share of the budget.

The score gathers errors over a hundred rows and more; it sees shapes. A fault of one row, or a sensor that stands
still, is lost in it, so `detection/sudden.py` and `detection/stuck.py` judge beside it. To add their values to the
score would spoil its ranking, in which long events count most, and so would lifting the scores of the rows they call
(benchmarks/LOG.md has the figures). So the score stays, and where one of the two raises an alarm the threshold of
that row sinks below it, by as much as the judge's own limit was exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Array32, Leads
from grucast.detection.calibration import SMALLEST, ScoreCalibration, p_values, score_for_rate
from grucast.detection.rules import THRESHOLDS
from grucast.detection.thresholds import open_stream
from grucast.detection.thresholds.stream import Fixed, Stream

Causes = npt.NDArray[np.int8]  # of the alarm of a row, see `CAUSES`

CAUSES = ("score", "sudden", "stuck")
SHARES = {"score": 0.5, "sudden": 0.4, "stuck": 0.1}  # of the budget; where a judge is missing the others share it
LEAST = 1e-9  # of a limit and of the score of a called row, so that there is something to exceed
ABOVE = 1.0 + 1e-9


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


class Verdicts(NamedTuple):
    """What is said of T rows, each (T,): the threshold that counts, the score, who called, and how rare that is."""

    threshold: Array
    score: Array
    cause: Causes
    p_value: Array


def verdicts(seen: Seen, laws: Laws, alarms: Alarms) -> Verdicts:
    """The verdicts on the rows of a series. A threshold fixed by hand is about the score alone.

    Where another judge called a row that the score did not, the p-value is that judge's.
    """
    cause = np.zeros(len(seen.score), dtype=np.int8)
    p_value = p_values(seen.score, laws.score)
    if alarms.threshold is not None:
        return Verdicts(np.broadcast_to(alarms.threshold, seen.score.shape), seen.score, cause, p_value)
    threshold = _thresholds(alarms.rule, seen.score, laws.score, alarms.rate * laws.share("score"))
    excess = np.ones(len(cause))
    for name, limit in _limits(seen, laws, alarms):
        values = getattr(seen, name)
        called = np.flatnonzero((values > limit) & ~(seen.score > threshold) & np.isfinite(seen.score))
        by = by_how_much(values[called].astype(np.float64), limit[called])
        more = by > excess[called]
        excess[called[more]], cause[called[more]] = by[more], CAUSES.index(name)
    score = np.where(cause > 0, np.maximum(seen.score, LEAST), seen.score)
    for name in CAUSES[1:]:
        called = np.flatnonzero(cause == CAUSES.index(name))
        p_value[called] = rarity(np.asarray(getattr(seen, name), dtype=np.float64)[called], name, laws)
    return Verdicts(np.where(cause > 0, score / excess, threshold), score, cause, p_value)


def _limits(seen: Seen, laws: Laws, alarms: Alarms) -> Iterator[tuple[str, Array]]:
    """The limits (T,) of the judges beside the score."""
    yield "stuck", np.broadcast_to(stuck_limit(laws, alarms.rate), seen.stuck.shape)
    if laws.sudden is not None:
        yield "sudden", _thresholds(alarms.rule, seen.sudden, laws.sudden, alarms.rate * laws.share("sudden"))


def rarity(values: Array, judge: str, laws: Laws) -> Array:
    """The p-values of what a judge beside the score saw, beyond the sample by an exponential law of its events.

    The law that sets the limit may end a little above it, where the highest peaks were taken for faults; what lies
    beyond is not impossible for that.
    """
    law = laws.stuck if judge == "stuck" or laws.sudden is None else laws.sudden
    rare = p_values(values, law)
    if law.events is not None and len(law.scores):
        beyond = values > law.scores[-1]
        slow = law.events.share * np.exp(-(values[beyond] - law.events.start) / law.events.scale)
        rare[beyond] = np.clip(slow, rare[beyond], 1.0 / (law.rows + 1.0))
    if judge == "stuck":
        rare = np.minimum(rare, np.exp(-values))
    return np.maximum(rare, SMALLEST)


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


def by_how_much(value: Array, limit: Array) -> Array:
    """How many times a value above its limit exceeds it, on a scale of logarithms; above 1."""
    return ABOVE + np.log(np.maximum(value, LEAST) / np.maximum(limit, LEAST))


class RowVerdicts:
    """`verdicts` row by row."""

    def __init__(self, laws: Laws, alarms: Alarms) -> None:
        self.laws = laws
        self.score: Stream = Fixed(math.inf if alarms.threshold is None else alarms.threshold)
        self.others: dict[str, Stream] = {}
        if alarms.threshold is not None:
            return
        self.score = open_stream(alarms.rule, laws.score, alarms.rate * laws.share("score"))
        self.others["stuck"] = Fixed(stuck_limit(laws, alarms.rate))
        if laws.sudden is not None:
            self.others["sudden"] = open_stream(alarms.rule, laws.sudden, alarms.rate * laws.share("sudden"))

    def push(self, seen: Mapping[str, float]) -> tuple[float, float, int, float]:
        """Threshold, score, cause and p-value of the next row, of which the three judges saw `seen`."""
        score = seen["score"]
        threshold, cause, excess = self.score.push(score), 0, 1.0
        for name, stream in self.others.items():
            value, limit = seen[name], stream.push(seen[name])
            if value > limit and not score > threshold and not math.isnan(score):
                by = float(by_how_much(np.array(value), np.array(limit)))
                if by > excess:
                    excess, cause = by, CAUSES.index(name)
        if not cause:
            return threshold, score, 0, float(p_values(np.array([score]), self.laws.score)[0])
        score = max(score, LEAST)
        rare = rarity(np.array([seen[CAUSES[cause]]]), CAUSES[cause], self.laws)
        return score / excess, score, cause, float(rare[0])


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
