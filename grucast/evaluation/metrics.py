"""How good quantile forecasts are, in numbers that can be gathered chunk by chunk.

A metric is a statistic and an aggregation: the statistic gives columns of numbers, one row for each
observed point; the aggregation is their mean, or the root of their mean square; `finish` turns the
aggregated columns into the metric. To add a metric, write a statistic and one line in `METRICS`.

A target that is NaN was not observed and is left out. A forecast that is NaN where the target was
observed makes the metric NaN: a forecast that failed is not left out. What is undefined or overflows
is NaN here and null in JSON (`as_json`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Array, Mask
from grucast.core.config import QUANTILE_LEVELS
from grucast.evaluation.aggregation import Total, mean, root_mean_square

Value: TypeAlias = float | dict[str, float]
Scores: TypeAlias = dict[str, Value]

DECILES = tuple(tenth / 10 for tenth in range(1, 10))
COVERAGE = (80, 95)
BLOCK = 1 << 17  # points worked on at once: 2^17 points of 13 quantiles are 14 MB


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """P observed points: `y` (P,), `quantiles` (P, Q), `scale` (P,) of each point's series, NaN where it has none."""

    y: Array
    quantiles: Array
    scale: Array
    quantile_levels: tuple[float, ...]
    coverage: tuple[int, ...]

    def at(self, level: float) -> Array | None:
        """The quantile at `level`, (P,), or None where that level was not forecast: nothing is interpolated."""
        found = np.flatnonzero(np.isclose(self.quantile_levels, level, rtol=0.0, atol=1e-9))
        return self.quantiles[:, found[0]] if found.size else None

    def interval(self, coverage: float) -> tuple[Array, Array] | None:
        """The two ends of the central interval of `coverage` per cent, (P,) each, or None."""
        tail = (100.0 - coverage) / 200.0
        low, high = self.at(tail), self.at(1.0 - tail)
        return None if low is None or high is None else (low, high)


# ---- statistics: points in, columns out ----------------------------------------------------------


def error(points: Points) -> Array | None:
    """y minus the median, (P,), in the units of y."""
    median = points.at(0.5)
    return None if median is None else points.y - median


def absolute_error(points: Points) -> Array | None:
    """|y − median|, (P,)."""
    found = error(points)
    return None if found is None else np.abs(found)


def symmetric_percentage_error(points: Points) -> Array | None:
    """200 |y − median| / (|y| + |median|), (P,); 0 where both are 0 (M4: Makridakis et al. 2020)."""
    median = points.at(0.5)
    if median is None:
        return None
    size = np.abs(points.y) / 2 + np.abs(median) / 2  # halves first: 1e308 + 1e308 overflows
    share = np.divide(np.abs(points.y - median), size, out=np.zeros_like(size), where=size != 0)
    return 100.0 * share


def scaled_error(points: Points) -> Array | None:
    """|y − median| / scale for the points whose series has a scale, (P' ≤ P,)."""
    found = absolute_error(points)
    usable = points.scale > 0  # False for NaN
    return None if found is None else found[usable] / points.scale[usable]


def pinball_and_size(points: Points) -> Array | None:
    """|y| and the pinball loss of each of the nine deciles, (P, 10); None when a decile was not forecast."""
    columns = [np.abs(points.y)]
    for level in DECILES:
        quantile = points.at(level)
        if quantile is None:
            return None
        columns.append(pinball(points.y, quantile, level))
    return np.stack(columns, axis=1)


def scaled_interval_score(points: Points) -> Array | None:
    """The score of the 95 % interval / scale, for the points whose series has a scale, (P' ≤ P,).

    Width plus 2/0.05 times the distance outside (Gneiting and Raftery 2007, eq. 43). Divided by the
    scale before the factor of 40, which would overflow values of 1e307.
    """
    ends = points.interval(95)
    if ends is None:
        return None
    usable = points.scale > 0
    low, high, y, scale = ends[0][usable], ends[1][usable], points.y[usable], points.scale[usable]
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return (high - low) / scale + 40.0 * (outside / scale)


def inside(points: Points) -> Array:
    """1 where y lies in the central interval, ends included, a column for each coverage, (P, K); NaN: not forecast."""
    columns = np.full((len(points.y), len(points.coverage)), np.nan)
    for column, coverage in enumerate(points.coverage):
        ends = points.interval(coverage)
        if ends is not None:
            covered = (ends[0] <= points.y) & (points.y <= ends[1])
            columns[:, column] = np.where(np.isnan(ends[0]) | np.isnan(ends[1]), np.nan, covered)
    return columns


def pinball(y: Array, quantile: Array, level: float) -> Array:
    """The pinball (quantile) loss of each point, in the shape of y: level × miss above, (1 − level) × miss below."""
    miss = y - quantile
    return np.maximum(level * miss, (level - 1.0) * miss)


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
    """A statistic, how its columns are aggregated, and what they come to."""

    statistic: Callable[[Points], Array | None]
    aggregate: Callable[[Total, Array], Total]
    finish: Callable[[Array], float] = _only


METRICS: Mapping[str, Metric] = {
    "mae": Metric(absolute_error, mean),
    "rmse": Metric(error, root_mean_square),
    "mse": Metric(error, root_mean_square, _square),
    "smape": Metric(symmetric_percentage_error, mean),
    "mase": Metric(scaled_error, mean),
    "wql": Metric(pinball_and_size, mean, _weighted),
    "msis": Metric(scaled_interval_score, mean),
}
_COVERAGE = Metric(inside, mean)


@dataclass(frozen=True, slots=True, eq=False)
class Accumulator:
    """What is known of the metrics so far; `add` gives a new one and changes nothing."""

    quantile_levels: tuple[float, ...] = QUANTILE_LEVELS
    coverage: tuple[int, ...] = COVERAGE
    totals: Mapping[str, Total] = field(default_factory=dict)

    def add(
        self, y: Array, quantiles: Array, *, scale: Array | None = None, observed: Mask | None = None
    ) -> Accumulator:
        """This with more windows counted.

        `y` is (N, H, C), `quantiles` (N, H, C, Q), `scale` (N, C) from `seasonal_scale` of each window's
        series: without it, or where it is NaN or 0, a window counts for neither MASE nor MSIS.
        """
        if quantiles.shape != (*y.shape, len(self.quantile_levels)):
            raise ValueError(f"quantiles {quantiles.shape} do not fit y {y.shape} and its levels")
        counted = ~np.isnan(y) if observed is None else observed & ~np.isnan(y)
        scales = np.full((len(y), y.shape[2]), np.nan) if scale is None else scale
        scales = np.broadcast_to(scales[:, None, :], y.shape)
        totals = dict(self.totals)
        windows = max(1, BLOCK // max(1, y[0].size if len(y) else 1))
        for start in range(0, len(y), windows):
            part = slice(start, start + windows)
            keep = counted[part]
            chosen = y[part][keep], quantiles[part][keep], scales[part][keep]
            self._count(Points(*chosen, self.quantile_levels, self.coverage), totals)
        return Accumulator(self.quantile_levels, self.coverage, totals)

    def finish(self) -> Scores:
        """The metrics: mae, rmse, mse, smape (0–200), mase, wql, msis, and coverage as {"80": share, …}."""
        scores: Scores = {name: self._value(name, metric) for name, metric in METRICS.items()}
        total = self.totals.get("coverage", Total())
        shares = total.value if total.count else np.full(len(self.coverage), np.nan)
        scores["coverage"] = {str(level): float(share) for level, share in zip(self.coverage, shares, strict=True)}
        return scores

    def _count(self, points: Points, totals: dict[str, Total]) -> None:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what overflows ends as NaN
            for name, metric in (*METRICS.items(), ("coverage", _COVERAGE)):
                rows = metric.statistic(points)
                if rows is not None and len(rows):
                    columns = rows.reshape(len(rows), -1)
                    totals[name] = metric.aggregate(totals.get(name, Total()), columns)

    def _value(self, name: str, metric: Metric) -> float:
        total = self.totals.get(name, Total())
        if not total.count:
            return math.nan
        with np.errstate(over="ignore", invalid="ignore"):
            value = metric.finish(total.value)
        return value if math.isfinite(value) else math.nan


# ---- what stands beside --------------------------------------------------------------------------


def score(
    y: Array, quantiles: Array, quantile_levels: Sequence[float], *, scale: Array | None = None
) -> Scores:
    """The metrics of one set of windows; shapes as in `Accumulator.add`."""
    return Accumulator(tuple(quantile_levels)).add(y, quantiles, scale=scale).finish()


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


def owa(scores: Scores, naive2: Scores) -> float:
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
