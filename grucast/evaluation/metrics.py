"""How good quantile forecasts are, in numbers that can be gathered chunk by chunk.

A metric is a statistic and an aggregation: the statistic gives columns of numbers, one row for each
observed point; the aggregation is their mean, or the root of their mean square; `finish` turns the
aggregated columns into the metric. To add a metric, write a statistic and one line in `METRICS` (what
`train` reports) or `ALL_METRICS` (what `evaluate forecasts` gives).

A target that is NaN was not observed and is left out. A forecast that is NaN where the target was
observed makes the metric NaN: a forecast that failed is not left out. What is undefined or overflows
is NaN here and null in JSON (`as_json`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.config import QUANTILE_LEVELS
from grucast.evaluation import statistics as of
from grucast.evaluation.aggregation import Rows, Total, mean, root_mean_square
from grucast.evaluation.statistics import Points

Value: TypeAlias = float | dict[str, float]
Scores: TypeAlias = dict[str, Value]

COVERAGE = (80, 95)
BLOCK = 1 << 17  # points worked on at once: 2^17 points of 13 quantiles are 14 MB


# ---- metrics -------------------------------------------------------------------------------------


def _only(columns: Array) -> float:
    return float(columns[0])


def _square(columns: Array) -> float:
    """The square, NaN where it overflows or vanishes: an MSE of 0 beside an RMSE above 0 would be a lie."""
    root = float(columns[0])
    squared = float(np.square(columns[0]))
    return math.nan if squared == 0.0 and root > 0.0 else squared


def _weighted(columns: Array) -> float:
    """Mean over the deciles of 2 Σ pinball / Σ|y|; NaN where y is all zero."""
    return float(np.mean(2.0 * (columns[1:] / columns[0]))) if columns[0] > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Metric:
    """A statistic, how its columns are aggregated, and what they come to.

    `unit` is the field of `Points` that errors are divided by: points without it do not count. `each` is the
    field that has an entry for each column where a metric is one number a column, "" where it is one number.
    """

    statistic: Callable[[Points], Array | None]
    aggregate: Callable[[Total | None, Rows], Total]
    finish: Callable[[Array], float] = _only
    unit: str = ""
    each: str = ""


METRICS: Mapping[str, Metric] = {
    "mae": Metric(of.absolute_error, mean),
    "rmse": Metric(of.error, root_mean_square),
    "mse": Metric(of.error, root_mean_square, _square),
    "smape": Metric(of.symmetric_percentage_error, mean),
    "mase": Metric(of.scaled_error, mean, unit="scale"),
    "wql": Metric(of.pinball_and_size, mean, _weighted),
    "msis": Metric(of.scaled_interval_score, mean, unit="scale"),
    "coverage": Metric(of.inside, mean, each="coverage"),
}
POINT_METRICS: Mapping[str, Metric] = {  # of the median alone
    **{name: METRICS[name] for name in ("mae", "rmse", "mse", "smape", "mase")},
    "rmsse": Metric(of.root_scaled_error, root_mean_square, unit="root_scale"),
}
QUANTILE_METRICS: Mapping[str, Metric] = {
    **{name: METRICS[name] for name in ("wql", "msis", "coverage")},
    "crps": Metric(of.ranked_probability_score, mean),
    "winkler": Metric(of.interval_scores, mean, each="coverage"),
    "pinball": Metric(of.pinball_losses, mean, each="quantile_levels"),
}
ALL_METRICS: Mapping[str, Metric] = {**POINT_METRICS, **QUANTILE_METRICS}


@dataclass(frozen=True, slots=True, eq=False)
class Accumulator:
    """What is known of the metrics so far; `add` gives a new one and changes nothing.

    `metrics` says which (`METRICS`, or `ALL_METRICS` and parts of it). With `groups` above 1 they are gathered
    for each of so many groups at once, such as the series or the steps of a forecast.
    """

    quantile_levels: tuple[float, ...] = QUANTILE_LEVELS
    coverage: tuple[float, ...] = COVERAGE
    totals: Mapping[str, Total] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    groups: int = 1

    def add(
        self,
        y: Array,
        quantiles: Array,
        *,
        scale: Array | None = None,
        root_scale: Array | None = None,
        observed: Mask | None = None,
        group: Ints | None = None,
    ) -> Accumulator:
        """This with more windows counted.

        `y` is (N, H, C), `quantiles` (N, H, C, Q). `scale` (N, C) is `seasonal_scale` of each window's series:
        without it, or where it is NaN or 0, a window counts for neither MASE nor MSIS; `root_scale` (N, C),
        `seasonal_root_scale`, is the same for RMSSE. `group` has the number of each point's group, from 0, in a
        shape that fits (N, H, C): (N, 1, 1) for series, (1, H, 1) for steps, (1, 1, C) for channels.
        """
        if quantiles.shape != (*y.shape, len(self.quantile_levels)):
            raise ValueError(f"quantiles {quantiles.shape} do not fit y {y.shape} and its levels")
        counted = ~np.isnan(y) if observed is None else observed & ~np.isnan(y)
        beside = [np.broadcast_to(np.nan if one is None else one[:, None, :], y.shape) for one in (scale, root_scale)]
        groups = np.broadcast_to(np.zeros(1, dtype=np.int64) if group is None else group, y.shape)
        totals = dict(self.totals)
        windows = max(1, BLOCK // max(1, y[0].size if len(y) else 1))
        for start in range(0, len(y), windows):
            part = slice(start, start + windows)
            keep = counted[part]
            chosen = Points(y[part][keep], quantiles[part][keep], beside[0][part][keep], beside[1][part][keep],
                            self.quantile_levels, self.coverage)
            self._count(chosen, groups[part][keep], totals)
        return replace(self, totals=totals)

    def finish(self) -> Scores:
        """The metrics by name, those of one number a column as {"80": share, …}; of the first group."""
        return self.finish_each()[0]

    def finish_each(self) -> list[Scores]:
        """The metrics of each group, as `finish` gives those of one."""
        return [{name: self._value(name, metric, group) for name, metric in self.metrics.items()}
                for group in range(self.groups)]

    def _count(self, points: Points, group: Ints, totals: dict[str, Total]) -> None:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what overflows ends as NaN
            for name, metric in self.metrics.items():
                chosen, belongs = points, group
                if metric.unit:
                    usable = getattr(points, metric.unit) > 0  # False for NaN
                    chosen, belongs = points.where(usable), group[usable]
                rows = metric.statistic(chosen)
                if rows is not None and rows.size:
                    found = Rows(rows.reshape(len(rows), -1), belongs, self.groups)
                    totals[name] = metric.aggregate(totals.get(name), found)

    def _value(self, name: str, metric: Metric, group: int) -> Value:
        total = self.totals.get(name)
        columns = total.value[group] if total is not None and total.count[group] else None
        if metric.each:
            keys = getattr(self, metric.each)
            values = np.full(len(keys), np.nan) if columns is None else columns
            return {f"{key:g}": _defined(float(one)) for key, one in zip(keys, values, strict=True)}
        if columns is None:
            return math.nan
        with np.errstate(over="ignore", invalid="ignore"):
            return _defined(metric.finish(columns))


def _defined(value: float) -> float:
    """`value`, NaN where it overflowed."""
    return value if math.isfinite(value) else math.nan


# ---- what stands beside --------------------------------------------------------------------------


def score(
    y: Array,
    quantiles: Array,
    quantile_levels: Sequence[float],
    *,
    scale: Array | None = None,
    root_scale: Array | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> Scores:
    """The metrics of one set of windows; shapes as in `Accumulator.add`."""
    start = Accumulator(tuple(quantile_levels), metrics=metrics)
    return start.add(y, quantiles, scale=scale, root_scale=root_scale).finish()


def seasonal_scale(y: Array, season: int = 1) -> Array:
    """Mean |y_t − y_{t−season}| of each channel of a history (T, C), over the pairs that are both observed: (C,).

    NaN where there is no such pair. This is what MASE and MSIS divide by; it comes from the past of a
    forecast, never from the values that are forecast.
    """
    if season < 1:
        raise ValueError(f"a season has at least one row, not {season}")
    steps = np.abs(y[season:] - y[:-season]) if len(y) > season else np.zeros((0, y.shape[1]))
    paired = ~np.isnan(steps)
    count = paired.sum(axis=0)
    terms = np.where(paired, steps, 0.0) / np.maximum(count, 1)  # divided first: a sum of 1e307 overflows
    return np.where(count > 0, terms.sum(axis=0), np.nan)


def seasonal_root_scale(y: Array, season: int = 1) -> Array:
    """The root mean square of y_t − y_{t−season} of each channel of a history (T, C), as `seasonal_scale`: (C,).

    What RMSSE divides by; M5 takes a season of 1 (Makridakis et al. 2022).
    """
    if season < 1:
        raise ValueError(f"a season has at least one row, not {season}")
    steps = y[season:] - y[:-season] if len(y) > season else np.zeros((0, y.shape[1]))
    sizes = np.abs(np.where(np.isnan(steps), 0.0, steps))
    peak = sizes.max(axis=0, initial=0.0)
    peak = np.where(peak == 0.0, 1.0, peak)
    count = (~np.isnan(steps)).sum(axis=0)
    root = peak * np.sqrt(np.square(sizes / peak).sum(axis=0) / np.maximum(count, 1))
    return np.where(count > 0, root, np.nan)


def owa(scores: Mapping[str, Value], naive2: Mapping[str, Value]) -> float:
    """The overall weighted average of M4: mean of sMAPE and MASE, each relative to that of Naive2."""
    ratios = []
    for name in ("smape", "mase"):
        ours, theirs = scores[name], naive2[name]
        if isinstance(ours, dict) or isinstance(theirs, dict) or not theirs > 0:
            return math.nan
        ratios.append(ours / theirs)
    return sum(ratios) / 2


def skill(mae: float, baselines: Sequence[float]) -> float:
    """1 − MAE / the smallest MAE of the baselines; 0 where both are 0, NaN where nothing can be compared."""
    known = [one for one in baselines if math.isfinite(one)]
    if not known or not math.isfinite(mae):
        return math.nan
    best = min(known)
    if best == 0.0:
        return 0.0 if mae == 0.0 else math.nan
    return 1.0 - mae / best


def as_json(scores: Mapping[str, Value]) -> dict[str, float | dict[str, float | None] | None]:
    """The scores as they stand in JSON: null (None) for what is not finite."""
    plain: dict[str, float | dict[str, float | None] | None] = {}
    for name, value in scores.items():
        plain[name] = {key: _finite(one) for key, one in value.items()} if isinstance(value, dict) else _finite(value)
    return plain


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
