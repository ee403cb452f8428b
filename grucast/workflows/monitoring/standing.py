"""How the forecasts of a job have done, from the ledger: coverage, whether it is what was promised, skill.

Forecasts that overlap, and series side by side, err together. So truths are counted in *blocks*: all forecasts of a
job whose cutoffs lie within the reach of the first of them. The standard error of a coverage is that of a ratio
estimate over blocks (Cochran 1977, chapter 6), and no smaller than that of as many independent truths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Tally
from grucast.artifacts.state import State
from grucast.core.arrays import Array

PROMISES = (("80", 0.80), ("95", 0.95))
FEWEST = 10  # blocks, below which nothing is said about intervals
TOLERANCE = 0.02  # of coverage: what "within two points of nominal" leaves open
SURE = 3.0  # standard errors: monitors ask often


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many truths an interval held, as a share; the `band` in which that is what was promised, None if unknown."""

    nominal: float
    realised: float | None
    band: tuple[float, float] | None

    @property
    def right(self) -> bool | None:
        """Whether the share lies in the band; None where nothing can be said yet."""
        if self.realised is None or self.band is None:
            return None
        return self.band[0] <= self.realised <= self.band[1]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest forecasts of a job did: up to `ledger.KEPT` for each series, and all that wait.

    `skill` is 1 - MAE / MAE of the seasonal naive forecast made at the same cutoffs; None where it is not defined.
    """

    job: str
    series: int
    forecasts: int
    truths: int
    blocks: int
    coverage: dict[str, Coverage]
    skill: float | None

    @property
    def wrong(self) -> list[str]:
        """The levels whose intervals do not hold what they promise."""
        return [level for level, one in self.coverage.items() if one.right is False]


def standing_of(state: State, job: str) -> Standing:
    """How the forecasts of `job` did."""
    found = ledger.tallies(state, job)
    tallies = [tally for *_, tally in found]
    block = blocks([(cutoff, until) for cutoff, until, *_ in found])
    bounded = np.array([one.bounded for one in tallies], dtype=np.float64)
    coverage = {}
    for at, (level, nominal) in enumerate(PROMISES):
        inside = np.array([one.inside[at] for one in tallies], dtype=np.float64)
        coverage[level] = judged(inside, bounded, block, nominal)
    return Standing(job, ledger.series_count(state, job), sum(count for *_, count, _ in found),
                    sum(one.truths for one in tallies), len(set(block)), coverage, _skill(tallies))


def blocks(spans: Sequence[tuple[float, float]]) -> list[int]:
    """The block of each forecast; `spans` are cutoff and last step, in order of the cutoffs.

    A block begins with the first forecast at or after the end of the one that began the block before.
    """
    out, number, stop = list[int](), -1, -math.inf
    for cutoff, until in spans:
        if cutoff >= stop:
            number, stop = number + 1, until
        out.append(number)
    return out


def judged(inside: Array, bounded: Array, block: Sequence[int], nominal: float) -> Coverage:
    """The coverage of forecasts, `inside` of `bounded` truths each, that belong to a `block` each."""
    total = float(bounded.sum())
    if not total:
        return Coverage(nominal, None, None)
    held, count = np.bincount(block, weights=inside), np.bincount(block, weights=bounded)
    realised = float(held.sum()) / total
    known = int((count > 0).sum())
    if known < FEWEST:
        return Coverage(nominal, realised, None)
    spread = math.sqrt(float(np.square(held - realised * count).sum()) * known / (known - 1)) / total
    slack = TOLERANCE + SURE * max(spread, math.sqrt(nominal * (1.0 - nominal) / total))
    return Coverage(nominal, realised, (max(nominal - slack, 0.0), min(nominal + slack, 1.0)))


def as_document(standing: Standing) -> dict[str, Any]:
    """A standing as JSON values: `forecasts` are those that met a truth, `right` is null where too few did."""
    return {
        "job": standing.job, "series": standing.series, "forecasts": standing.forecasts, "truths": standing.truths,
        "blocks": standing.blocks,
        "coverage": {level: one.realised for level, one in standing.coverage.items()},
        "band": {level: None if one.band is None else list(one.band) for level, one in standing.coverage.items()},
        "right": {level: one.right for level, one in standing.coverage.items()},
        "skill": standing.skill,
    }


def _skill(tallies: Sequence[Tally]) -> float | None:
    naive, own = sum(one.naive_error for one in tallies), sum(one.error for one in tallies)
    value = 1.0 - own / naive if naive else math.nan
    return value if math.isfinite(value) else None
