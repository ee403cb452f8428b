"""Naive2, the benchmark of the M competitions, and the seasonal adjustment that it shares with other methods.

Follows the M4 organisers' R code (`Benchmarks and Evaluation.R` in Mcompetitions/M4-methods): a test
of seasonality at 90 %, classical multiplicative decomposition, the last value, the season put back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Array, Mask
from grucast.evaluation.baselines import BaselineSpec, FittedBaseline, PointRule, carry, with_misses

CRITICAL = 1.645  # of the normal distribution, 90 % two-sided

RowRule: TypeAlias = Callable[[Array], Array]  # rows (N, T), NaN where not observed -> what comes next (N, H)


def naive2(horizon: int, season: int) -> PointRule:
    """The last value, seasonally adjusted and put back, where the context shows a season; else the last value."""
    return adjusted(lambda rows: np.repeat(carry(rows)[:, -1:], horizon, axis=1), horizon, season)


def adjusted(rule: RowRule, horizon: int, season: int) -> PointRule:
    """`rule` on contexts without their season, which is put back; contexts that show none are left as they are."""

    def forecast(context: Array, scale: Array) -> Array:  # noqa: ARG001 - the interface of every rule
        count, length, channels = context.shape
        rows = np.moveaxis(context, 2, 1).reshape(count * channels, length)
        index = indices(rows, season)
        phase = np.arange(-length, horizon) % season
        ahead = rule(rows / index[:, phase[:length]]) * index[:, phase[length:]]
        return np.moveaxis(ahead.reshape(count, channels, horizon), 1, 2)

    return forecast


def indices(rows: Array, season: int) -> Array:
    """The multiplicative index of each phase, (N, season), the first phase being that of the row after the last.

    It is 1 for `rows` (N, T) that show no season, are shorter than three or hold values that are not positive.
    """
    length = rows.shape[1]
    found = np.ones((len(rows), season))
    begins = np.argmin(np.isnan(rows), axis=1)  # rows of one length are worked on together
    for begin in np.unique(begins) if season > 1 else ():
        group = np.flatnonzero(begins == begin)
        known = carry(rows[group, begin:])
        seasonal = is_seasonal(known, season)
        if seasonal.any():
            index = seasonal_index(known[seasonal], season)
            found[group[seasonal]] = index[:, (length - begin + np.arange(season)) % season]
    return found


def is_seasonal(values: Array, season: int) -> Mask:
    """Which rows of `values` (N, T) have an autocorrelation at `season` beyond its 90 % limit: (N,)."""
    length = values.shape[1]
    if length < 3 * season or season < 2:
        return np.zeros(len(values), dtype=np.bool_)
    centred = values / np.abs(values).max(axis=1, keepdims=True, initial=1e-300)  # 1e307 squared overflows
    centred = centred - centred.mean(axis=1, keepdims=True)
    lags = np.stack([(centred[:, lag:] * centred[:, : length - lag]).sum(axis=1) for lag in range(season + 1)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant row is not seasonal
        correlation = lags[:, 1:] / lags[:, :1]
        limit = CRITICAL / np.sqrt(length) * np.sqrt(1.0 + 2.0 * np.square(correlation[:, :-1]).sum(axis=1))
        found: Mask = np.abs(correlation[:, -1]) > limit
    return found & (values > 0).all(axis=1)


def seasonal_index(values: Array, season: int) -> Array:
    """The multiplicative index of each phase, (N, season), of mean 1, the first phase being that of the first value.

    Each value over the centred moving average of a season, averaged by phase: R's `decompose`.
    """
    length = values.shape[1]
    weights = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    half = len(weights) // 2
    framed = np.lib.stride_tricks.sliding_window_view(values, len(weights), axis=1)
    ratio = np.full((len(values), -(-length // season) * season), np.nan)
    ratio[:, half : length - half] = values[:, half : length - half] / (framed @ (weights / season))
    index: Array = np.nanmean(ratio.reshape(len(values), -1, season), axis=1)
    index /= index.mean(axis=1, keepdims=True)
    return index


def fit_naive2(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """Naive2 on the context: give a context as long as the series to have that of the competition."""
    return with_misses(naive2(spec.horizon, spec.season), history, spec)
