"""How good the forecasts of a backtest are, over everything, by series and by step, all on the same targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.evaluation import BASELINES
from grucast.evaluation.folds import targets
from grucast.evaluation.metrics import Accumulator, as_json, seasonal_scale, skill
from grucast.workflows.backtesting.folds import Plan
from grucast.workflows.backtesting.speak import MODEL, Block, observed


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What all forecasters are judged by: targets, scales of MASE and MSIS (S, C), units (S, C) of errors.

    The scales come from the rows before the first origin of each series. `mean` and `deviation` are those of its
    training part where errors are wanted on standardised values, else 0 and 1.
    """

    y: tuple[Array, ...]  # (T, C) a series, NaN where not observed
    scale: Array
    mean: Array
    deviation: Array


@dataclass(slots=True)
class Tally:
    """Running scores of one forecaster."""

    whole: Accumulator
    series: Accumulator
    steps: Accumulator


@dataclass(slots=True)
class Judge:
    """What is known of all forecasters so far; `hear` blocks of forecasts, then ask for the `verdict`."""

    plan: Plan
    terms: Terms
    quantile_levels: tuple[float, ...]
    windows: int = 0
    context_length: int = 0  # of the first fold
    blind: int = 0  # values not judged, because the model had not one observed value to go on
    tallies: dict[str, Tally] = field(default_factory=dict)

    def hear(self, block: Block) -> None:
        """Count the forecasts of a block."""
        index, channels = block.index, self.terms.scale.shape[1]
        y, blind = self._targets(block)
        self.windows += len(index)
        self.context_length = self.context_length or block.context_length
        self.blind += int((blind[:, None] & ~np.isnan(y)).sum())
        y = np.where(blind[:, None], np.nan, y)
        mean, deviation = self.terms.mean[index], self.terms.deviation[index]
        standard, scale = (y - mean[:, None]) / deviation[:, None], self.terms.scale[index] / deviation
        of_series = index[:, None, None] * channels + np.arange(channels)
        of_step = np.arange(y.shape[1])[None, :, None]
        for name, quantiles in block.quantiles.items():
            found = (quantiles - mean[:, None, :, None]) / deviation[:, None, :, None]
            tally = self.tallies.get(name) or self._start()
            self.tallies[name] = Tally(
                tally.whole.add(standard, found, scale=scale),
                tally.series.add(standard, found, scale=scale, group=of_series),
                tally.steps.add(standard, found, scale=scale, group=of_step))

    def verdict(self, names: Sequence[str]) -> dict[str, Any]:
        """`windows`, `metrics` by forecaster, `skill`, `by_step`, and `by_series` (`names`) where there are windows."""
        tallies = {name: self.tallies[name] for name in (MODEL, *BASELINES.names())}
        metrics = {name: as_json(tally.whole.finish()) for name, tally in tallies.items()}
        errors = {name: _number(one["mae"]) for name, one in metrics.items()}
        found = skill(errors[MODEL], [error for name, error in errors.items() if name != MODEL])
        series = {name: tally.series.finish_each() for name, tally in tallies.items()}
        steps = {name: tally.steps.finish_each() for name, tally in tallies.items()}
        judged = np.repeat(self.plan.judged(), self.terms.scale.shape[1])
        return {
            "windows": self.windows,
            "metrics": metrics,
            "skill": found if math.isfinite(found) else None,
            "by_series": [{"unique_id": names[place], **{name: as_json(one[place]) for name, one in series.items()}}
                          for place in np.flatnonzero(judged).tolist()],
            "by_step": [{"step": place + 1, **{name: as_json(one[place]) for name, one in steps.items()}}
                        for place in range(self.plan.horizon)],
        }

    def _targets(self, block: Block) -> tuple[Array, Mask]:
        """What came, (N, H, C), and where nothing was known before, (N, C)."""
        horizon = self.plan.horizon
        y = np.empty((len(block.index), horizon, self.terms.scale.shape[1]))
        blind = np.empty((len(block.index), y.shape[2]), dtype=np.bool_)
        for number in np.unique(block.index):
            here = np.flatnonzero(block.index == number)
            values = self.terms.y[number]
            y[here] = targets(values, block.origin[here], horizon)
            blind[here] = _unseen(values, block.origin[here], block.context_length)
        return y, blind

    def _start(self) -> Tally:
        empty = Accumulator(self.quantile_levels)
        return Tally(empty, replace(empty, groups=self.terms.scale.size), replace(empty, groups=self.plan.horizon))


def terms_of(plan: Plan, *, standardise: bool) -> Terms:
    """The terms of a plan."""
    series, first = plan.panel.series, plan.folds[0].known
    season = plan.seasons[0] if plan.seasons else 1
    scale = np.stack([seasonal_scale(observed(one, int(rows)), season)
                      for one, rows in zip(series, first, strict=True)])
    mean, deviation = np.zeros_like(scale), np.ones_like(scale)
    if standardise:
        for place, (one, rows) in enumerate(zip(series, plan.fit, strict=True)):
            mean[place], deviation[place] = _moments(observed(one, int(rows)))
    return Terms(tuple(observed(one, len(one)) for one in series), scale, mean, deviation)


def _moments(y: Array) -> tuple[Array, Array]:
    """Mean and deviation (C,) of the observed values of y (T, C); a constant channel keeps deviation 1."""
    seen = ~np.isnan(y)
    count = np.maximum(seen.sum(axis=0), 1)
    peak = np.max(np.abs(np.where(seen, y, 0.0)), axis=0, initial=0.0)
    unit = np.where(seen, y, 0.0) / np.where(peak > 0, peak, 1.0)  # so that squares of 1e307 are finite
    mean = unit.sum(axis=0) / count
    deviation = np.sqrt(np.square(np.where(seen, unit - mean, 0.0)).sum(axis=0) / count)
    return mean * peak, np.where(deviation > 0, deviation * peak, 1.0)


def _unseen(y: Array, origin: Ints, rows: int) -> Mask:
    """Whether a channel has no observed value in the `rows` rows before each origin, (N, C)."""
    counts = np.concatenate([np.zeros((1, y.shape[1]), dtype=np.int64), np.cumsum(~np.isnan(y), axis=0)])
    return np.asarray(counts[origin] == counts[np.maximum(origin - rows, 0)])


def _number(value: object) -> float:
    return value if isinstance(value, float) else math.nan


def notes_on(judge: Judge) -> list[str]:
    """What a reader of the figures should know of what was not judged."""
    judged = judge.plan.judged()
    notes = []
    if not all(judged):
        notes.append(f"{judged.count(False)} of {len(judged)} series are too short to be judged")
    if judge.blind:
        notes.append(f"{judge.blind:,} values are not judged: nothing was observed in the context before them")
    return notes
