"""What the scores of normal rows were, and how rare a score is against them.

A `ScoreCalibration` is fitted when a model is trained (`training/tail.py`) and lives in the model file. It answers
two questions. How rare is a row that scores this high? (`p_values`: counted where the sample reaches, by a
generalised Pareto tail beyond it.) And how often does a new *event* begin above this score? (`event_rate`.) They
are not the same: strange rows come in clusters, and what wakes somebody up is the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array
from grucast.detection.pareto import Tail

__all__ = ["EMPTY", "ScoreCalibration", "Tail", "event_rate", "middle", "p_values", "pack", "score_at",
           "score_for_rate", "unpack"]

FINE = 50  # each rank kept is at most a fiftieth above the next: a p-value is at most 2 % too large
TOGETHER = 100_000  # rows whose p-values are found at once; what is needed on the way takes 40 bytes a row
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = 1e-12  # of a p-value: beyond, a law fitted to tens of peaks knows nothing
PREFIX = "anomaly."


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """The scores of `rows` normal rows.

    `scores` (K,) are distinct and ascend, a sample of all with its upper end whole; `ranks` (K,) says how many
    of all `rows` scores are at or above each, as in `sample`. `tail` is the law of rows above `tail.start`, `events`
    that of the peaks of events, its `share` being events per row; both None where the scores never moved or were too
    few. `dependence` in (0, 1] is the extremal index, events per exceeding row. Events with up to `gap` rows
    between them counted as one. `left_out` rows looked like faults and are not in `rows`.
    """

    scores: Array
    ranks: Array
    rows: int
    tail: Tail | None = None
    events: Tail | None = None
    dependence: float = 1.0
    gap: int = 0
    left_out: int = 0

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.scores.shape != self.ranks.shape:
            raise ValueError(f"scores {self.scores.shape} and ranks {self.ranks.shape} must be (K,)")
        if not np.isfinite(self.scores).all() or (np.diff(self.scores) <= 0).any() or (np.diff(self.ranks) >= 0).any():
            raise ValueError("scores must be finite and ascend, ranks descend")
        if not 0.0 < self.dependence <= 1.0:
            raise ValueError(f"dependence {self.dependence} is not in (0, 1]")


EMPTY = ScoreCalibration(np.empty(0), np.empty(0), 0)  # nothing was normal: nothing can be strange


def sample(scores: Array) -> tuple[Array, Array]:
    """Distinct scores, ascending, and how many of `scores` (n,) are at or above each; thinned below the upper end.

    Kept for each of `places` is the lowest score that has no more at or above it, and the place is its rank: that is at
    most a fiftieth too large where several are equal. Scores are rounded to single precision, in which a model file
    holds them.
    """
    rounded = np.minimum(scores, LARGEST).astype(np.float32).astype(np.float64)
    values, counts = np.unique(rounded, return_counts=True)
    ranks = np.cumsum(counts[::-1])[::-1].astype(float)
    # by rank, so that a crowd of equal scores does not take all places
    wanted = places(len(scores))[::-1]
    at = np.minimum(np.searchsorted(-ranks, -wanted), len(values) - 1)  # none is above a crowd at the upper end
    keep, first = np.unique(at, return_index=True)
    return values[keep], np.maximum(wanted[first], ranks[keep])


def places(rows: int) -> Array:
    """The ranks that are kept of `rows` scores of which no two are equal, descending to 1.

    Whole numbers alone make them, so that they are the same on every machine.
    """
    ranks = [1] if rows > 0 else []
    while ranks and ranks[-1] < rows:
        ranks.append(min(ranks[-1] + max(1, ranks[-1] // FINE), rows))
    return np.array(ranks[::-1], dtype=np.float64)


def p_values(score: Array, calibration: ScoreCalibration) -> Array:
    """The share of normal rows that score at least as high as each of `score` (T,), in (0, 1]; NaN stays NaN.

    (1 + #{s_i >= s}) / (n + 1) where the sample reaches (Vovk et al. 2005); above its largest score the tail, where
    that is smaller. Between two scores of a thinned sample the larger p counts. Without a tail p is never below 1 /
    (n + 1), and nowhere below `SMALLEST`. Never rises with the score.
    """
    out = np.empty(score.shape)
    for start in range(0, len(score), TOGETHER):
        out[start : start + TOGETHER] = _p_values(score[start : start + TOGETHER], calibration)
    return out


def _p_values(score: Array, calibration: ScoreCalibration) -> Array:
    rows, scores = calibration.rows, calibration.scores
    place = np.searchsorted(scores, score, side="right") - 1  # the largest that is <= score
    ranks = np.concatenate([[float(rows)], calibration.ranks])[place + 1]
    if len(scores):
        ranks = np.where(score > scores[-1], 0.0, ranks)
    p = (1.0 + ranks) / (rows + 1.0)
    if calibration.tail is not None and len(scores):
        beyond = np.where(np.isnan(score), -np.inf, score) > scores[-1]
        p[beyond] = np.minimum(p[beyond], calibration.tail.survival(score[beyond]))
    return np.where(np.isnan(score), np.nan, np.maximum(p, SMALLEST))


def score_at(p: float, calibration: ScoreCalibration) -> float:
    """The score above which p-values are at most `p`; infinite where nothing is as rare as that.

    At least the smallest score of the sample: a score that never moved is never above it.
    """
    if not calibration.rows:
        return np.inf
    above = np.concatenate([calibration.ranks[1:], [0.0]])  # how many lie above each
    enough = np.flatnonzero(1.0 + above <= p * (calibration.rows + 1.0) * (1.0 + 1e-12))
    if enough.size:
        return float(calibration.scores[enough[0]])
    if calibration.tail is None:
        return np.inf
    return max(float(calibration.scores[-1]), calibration.tail.quantile(p))


def event_rate(score: float, calibration: ScoreCalibration) -> float:
    """How many events above `score` begin in a normal row, on average."""
    if calibration.events is not None and score >= calibration.events.start:
        return float(calibration.events.survival(np.array(score)))
    place = int(np.searchsorted(calibration.scores, score, side="right"))
    above = calibration.ranks[place] if place < len(calibration.ranks) else 0.0
    found = float(above / max(calibration.rows, 1) * calibration.dependence)
    return found if calibration.events is None else max(found, calibration.events.share)


def score_for_rate(rate: float, calibration: ScoreCalibration) -> float:
    """The score above which normal rows begin `rate` events each, on average; the inverse of `event_rate`.

    In the sample below the start of the tail it is the order statistic, but no higher than that start, as the
    dependence measured further up may not hold there; without a tail and beyond the sample it is the largest seen.
    """
    if not calibration.rows:
        return np.inf
    if calibration.events is not None and rate <= calibration.events.share:
        return calibration.events.quantile(rate)
    above = np.concatenate([calibration.ranks[1:], [0.0]])
    enough = np.flatnonzero(above <= rate / calibration.dependence * calibration.rows * (1.0 + 1e-12))
    found = float(calibration.scores[enough[0]])
    return found if calibration.events is None else min(found, calibration.events.start)


def middle(calibration: ScoreCalibration, share: float = 0.5) -> float:
    """The score that a share `share` of the rows does not exceed; NaN of no rows."""
    if not calibration.rows:
        return np.nan
    above = np.concatenate([calibration.ranks[1:], [0.0]])
    return float(calibration.scores[np.flatnonzero(above <= (1.0 - share) * calibration.rows)[0]])


# ---- in the model file ---------------------------------------------------------------------------


def pack(calibration: ScoreCalibration, name: str = "") -> dict[str, npt.NDArray[Any]]:
    """Arrays that hold the calibration to the last bit, in single precision where that is enough; `name` tells several
    in one file apart. Ranks follow from the number of rows but for the `absent` places, those that a crowd of equal
    scores takes beside its own; where these are many, or in a law of an older file, `ranks` are there instead.
    """
    prefix = f"{PREFIX}{name}." if name else PREFIX
    numbers = [calibration.rows, calibration.dependence, calibration.gap, calibration.left_out]
    packed = {"scores": calibration.scores, "numbers": np.array(numbers, dtype=float)}
    absent = np.setdiff1d(places(calibration.rows), calibration.ranks)
    if len(absent) < len(calibration.ranks) and np.array_equal(_ranks(calibration.rows, absent), calibration.ranks):
        packed |= {"absent": absent} if len(absent) else {}
    else:
        packed["ranks"] = calibration.ranks
    for key, tail in (("tail", calibration.tail), ("events", calibration.events)):
        packed[key] = np.array([] if tail is None else [tail.start, tail.scale, tail.shape, tail.share])
    return {prefix + key: _single(np.asarray(value, dtype=np.float64)) for key, value in packed.items()}


def _ranks(rows: int, absent: npt.NDArray[Any]) -> Array:
    """The places of `rows` scores without those that are absent."""
    return np.asarray(np.setdiff1d(places(rows), absent)[::-1], dtype=np.float64)


def _single(values: Array) -> npt.NDArray[Any]:
    """The values in single precision where that changes none of them."""
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    return short if np.array_equal(short.astype(np.float64), values) else values


def unpack(arrays: Mapping[str, npt.NDArray[Any]], name: str = "") -> ScoreCalibration | None:
    """The calibration that `pack` put into `arrays`, or None where there is none."""
    prefix = f"{PREFIX}{name}." if name else PREFIX
    if prefix + "scores" not in arrays:
        return None
    rows, dependence, gap, left_out = (float(number) for number in arrays[prefix + "numbers"])
    scores = arrays[prefix + "scores"].astype(np.float64)
    given = arrays.get(prefix + "ranks")
    ranks = _ranks(int(rows), arrays.get(prefix + "absent", np.empty(0))) if given is None else given
    return ScoreCalibration(
        scores, ranks.astype(np.float64), int(rows), _tail(arrays[prefix + "tail"]),
        _tail(arrays[prefix + "events"]), dependence, int(gap), int(left_out),
    )


def _tail(numbers: npt.NDArray[np.float64]) -> Tail | None:
    return Tail(*(float(number) for number in numbers)) if len(numbers) else None
