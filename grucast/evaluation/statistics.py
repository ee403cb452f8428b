"""Statistics: observed points in, columns of numbers out, one row for each point.

What they come to is said in `grucast.evaluation.metrics`. A statistic gives None where a quantile that
it needs was not forecast: nothing is interpolated. Those of scaled metrics are only given points
whose series has the scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Mask

DECILES = tuple(tenth / 10 for tenth in range(1, 10))


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """P observed points: `y` (P,), `quantiles` (P, Q), `scale` and `root_scale` (P,) of each point's series.

    A scale is NaN where a series has none.
    """

    y: Array
    quantiles: Array
    scale: Array
    root_scale: Array
    quantile_levels: tuple[float, ...]
    coverage: tuple[float, ...]

    def at(self, level: float) -> Array | None:
        """The quantile at `level`, (P,), or None where that level was not forecast: nothing is interpolated."""
        found = np.flatnonzero(np.isclose(self.quantile_levels, level, rtol=0.0, atol=1e-9))
        return self.quantiles[:, found[0]] if found.size else None

    def interval(self, coverage: float) -> tuple[Array, Array] | None:
        """The two ends of the central interval of `coverage` per cent, (P,) each, or None."""
        tail = (100.0 - coverage) / 200.0
        low, high = self.at(tail), self.at(1.0 - tail)
        return None if low is None or high is None else (low, high)

    def where(self, keep: Mask) -> Points:
        """The points that `keep` (P,) names."""
        return replace(self, y=self.y[keep], quantiles=self.quantiles[keep], scale=self.scale[keep],
                       root_scale=self.root_scale[keep])


# ---- of the median -------------------------------------------------------------------------------


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
    """|y − median| / scale, (P,): what MASE averages (Hyndman and Koehler 2006)."""
    found = absolute_error(points)
    return None if found is None else found / points.scale


def root_scaled_error(points: Points) -> Array | None:
    """(y − median) / root scale, (P,): RMSSE is the root mean square of it (M5: Makridakis et al. 2022)."""
    found = error(points)
    return None if found is None else found / points.root_scale


# ---- of the whole distribution -------------------------------------------------------------------


def pinball(y: Array, quantile: Array, level: float) -> Array:
    """The pinball (quantile) loss of each point, in the shape of y: level × miss above, (1 − level) × miss below."""
    miss = y - quantile
    return np.maximum(level * miss, (level - 1.0) * miss)


def pinball_losses(points: Points) -> Array:
    """The pinball loss at every level that was forecast, a column each, (P, Q) (Koenker and Bassett 1978)."""
    columns = [pinball(points.y, points.quantiles[:, at], level) for at, level in enumerate(points.quantile_levels)]
    return np.stack(columns, axis=1)


def pinball_and_size(points: Points) -> Array | None:
    """|y| and the pinball loss of each of the nine deciles, (P, 10); None when a decile was not forecast."""
    columns = [np.abs(points.y)]
    for level in DECILES:
        quantile = points.at(level)
        if quantile is None:
            return None
        columns.append(pinball(points.y, quantile, level))
    return np.stack(columns, axis=1)


def ranked_probability_score(points: Points) -> Array | None:
    """The continuous ranked probability score, (P,), in the units of y; None with fewer than two levels.

    Twice the integral of the pinball loss over all levels (Laio and Tamea 2007; Gneiting and Ranjan
    2011), in closed form for a quantile function that is linear between the levels that were forecast
    and flat beyond the outer ones. So levels need not be evenly spaced.
    """
    if len(points.quantile_levels) < 2:
        return None
    order = np.argsort(points.quantile_levels)
    tau = np.asarray(points.quantile_levels)[order]  # (Q,)
    away = points.quantiles[:, order] - points.y[:, None]  # (P, Q): where each quantile stands, seen from y
    left, right, width = away[:, :-1], away[:, 1:], np.diff(tau)
    rise = right - left
    above = _mean_above(left, right) * width  # the integral of max(q − y, 0)
    moment = width * (tau[:-1] * left + (tau[:-1] * rise + width * left) / 2 + width * rise / 3)  # of τ (q − y)
    low, high = away[:, 0], away[:, -1]
    ends = tau[0] * np.maximum(low, 0.0) - tau[0] ** 2 / 2 * low
    ends += (1.0 - tau[-1]) * np.maximum(high, 0.0) - (1.0 - tau[-1] ** 2) / 2 * high
    return np.asarray(2.0 * ((above - moment).sum(axis=1) + ends))


def _mean_above(left: Array, right: Array) -> Array:
    """The mean of max(u, 0) on lines that go from u = `left` to u = `right`."""
    top, bottom = np.maximum(left, right), np.minimum(left, right)
    share = np.divide(top, top - bottom, out=np.ones_like(top), where=bottom < 0)  # of the line that is above 0
    return np.where(bottom >= 0, left / 2 + right / 2, np.where(top <= 0, 0.0 * top, top / 2 * share))


# ---- of intervals --------------------------------------------------------------------------------


def inside(points: Points) -> Array:
    """1 where y lies in the central interval, ends included, a column for each coverage, (P, K); NaN: not forecast."""
    columns = np.full((len(points.y), len(points.coverage)), np.nan)
    for column, coverage in enumerate(points.coverage):
        ends = points.interval(coverage)
        if ends is not None:
            covered = (ends[0] <= points.y) & (points.y <= ends[1])
            columns[:, column] = np.where(np.isnan(ends[0]) | np.isnan(ends[1]), np.nan, covered)
    return columns


def interval_scores(points: Points) -> Array:
    """The score of each central interval, a column for each coverage, (P, K), in the units of y; NaN: not forecast.

    Width plus 2 / α times the distance outside, α being 1 − coverage (Winkler 1972; Gneiting and
    Raftery 2007, eq. 43).
    """
    columns = np.full((len(points.y), len(points.coverage)), np.nan)
    for column, coverage in enumerate(points.coverage):
        ends = points.interval(coverage)
        if ends is not None:
            columns[:, column] = ends[1] - ends[0] + 200.0 / (100.0 - coverage) * _outside(points.y, *ends)
    return columns


def scaled_interval_score(points: Points) -> Array | None:
    """The score of the 95 % interval / scale, (P,) (M4: Makridakis et al. 2020).

    Divided by the scale before the factor of 40, which would overflow values of 1e307.
    """
    ends = points.interval(95)
    if ends is None:
        return None
    return (ends[1] - ends[0]) / points.scale + 40.0 * (_outside(points.y, *ends) / points.scale)


def _outside(y: Array, low: Array, high: Array) -> Array:
    """How far y lies outside of the interval."""
    found: Array = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return found
