"""The choice between the defaults and settings that were tried at the same origins. No optuna, no torch.

What counts is the ratio of an error to that of the defaults at the same origin, so that an origin with large errors
counts as much as any other. Its logarithms are averaged; one that is more than twice as far from 0 as is usual for
these settings (the median of all) counts as twice: that loses nothing where noise is normal, and one wild origin does
not decide (Huber 1964: 1.35 deviations of a normal law).

Settings hold where their mean is below 0 by more than half of its standard error, and where they are not worse at most
origins. Half, because the aim is to be better on the whole and not to prove it: with twice as much the simulated gain
was smaller and what was chosen held hardly more often (docs/explanation/design.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Errors = Mapping[int, Sequence[float | None]]  # of each origin, one of each training there; None: no number
WILD = 2.0  # medians of the distance from 0
CLEAR = 0.5  # standard errors


@dataclass(frozen=True, slots=True)
class Standing:
    """How settings do beside the defaults over `origins` origins, at `worse` of which they are worse.

    `ratio` is the mean ratio of errors, `noise` the standard error of its logarithm, infinite for one origin.
    """

    ratio: float
    noise: float
    origins: int
    worse: int

    @property
    def holds(self) -> bool:
        """Whether these settings are better than the defaults by more than noise."""
        return self.ratio > 0 and math.log(self.ratio) < -CLEAR * self.noise and 2 * self.worse <= self.origins


def standing(errors: Errors, usual: Errors) -> Standing | None:
    """How settings stand by their errors and those of the defaults, over the origins where both were tried.

    None where there is no such origin, or where these settings have no error at one: they may fail again.
    """
    there = {origin: level for origin in errors
             if errors[origin] and (level := _level(usual.get(origin, ()))) is not None}
    levels = {origin: _level(errors[origin]) for origin in there}
    logs = np.array([level - there[origin] for origin, level in levels.items() if level is not None])
    if not len(there) or len(logs) < len(there):
        return None
    most = WILD * float(np.median(np.abs(logs)))
    held = np.clip(logs, -most, most)
    noise = float(held.std(ddof=1)) / math.sqrt(len(held)) if len(held) > 1 else math.inf
    return Standing(math.exp(float(held.mean())), noise, len(held), int((logs > 0).sum()))


def choose(standings: Sequence[Standing | None]) -> int | None:
    """The place of the settings to give out: the best of those that hold; None is the defaults."""
    held = [(one.ratio, place) for place, one in enumerate(standings) if one is not None and one.holds]
    return min(held)[1] if held else None


def _level(errors: Sequence[float | None]) -> float | None:
    """The mean logarithm of the errors at one origin; None where there is none or one is not a number above 0."""
    known = [one for one in errors if one is not None and 0 < one < math.inf]
    return float(np.mean(np.log(known))) if known and len(known) == len(errors) else None
