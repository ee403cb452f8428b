"""What a forecast has to beat: simple methods behind one interface, with intervals of their own.

A baseline is a function from histories and a `BaselineSpec` to a `FittedBaseline`; the table of them is
`grucast.evaluation.BASELINES`. A `FittedBaseline` is a point rule and the quantiles of what that rule
missed on the history, step by step, in units of how much a series moves; `predict` puts the two together.
To add a baseline, write a point rule and a `fit_…` beside it, and one line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Protocol, TypeAlias

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.config import QUANTILE_LEVELS
from grucast.evaluation.folds import origins, rolling
from grucast.evaluation.metrics import seasonal_scale

PointRule: TypeAlias = Callable[[Array, Array], Array]  # context (N, L, C), scale (N, C) -> (N, H, C)

RESIDUALS = 1 << 23  # misses kept to take quantiles from: 64 MB
MAX_WINDOWS = 20_000  # windows learned from; more tell a ridge or a quantile nothing new


@dataclass(frozen=True, slots=True)
class BaselineSpec:
    """What is asked of every baseline: the same context and horizon as the network."""

    context_length: int
    horizon: int
    season: int = 1
    quantile_levels: tuple[float, ...] = QUANTILE_LEVELS


class Baseline(Protocol):
    """A way to learn a baseline."""

    def __call__(self, history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
        """What `history` teaches: one (T, C) array a series, NaN where not observed, no row later than may be known."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FittedBaseline:
    """A point rule and its misses: `misses` (H, C, Q) are their quantiles in units of `spread`, 0 at the median.

    `note` says what was not done as asked ("" mostly).
    """

    spec: BaselineSpec
    rule: PointRule
    misses: Array
    note: str = ""

    def point(self, context: Array, scale: Array) -> Array:
        """The point forecast, (N, H, C), of contexts (N, L, C) whose series move by `scale` (N, C) a row.

        `scale` is `series_scale` of each window's series. NaN in the context is not observed; a context
        without a single observed value gives NaN.
        """
        return self.rule(context, scale)

    def predict(self, context: Array, scale: Array) -> Array:
        """The quantiles, (N, H, C, Q), not decreasing along Q; the median is the point forecast."""
        width = spread(context, scale)
        return self.rule(context, scale)[..., None] + width[:, None, :, None] * self.misses


def naive(horizon: int) -> PointRule:
    """The last observed value, `horizon` times."""

    def rule(context: Array, scale: Array) -> Array:  # noqa: ARG001 - the interface of every rule
        return np.repeat(carry(context)[:, -1:, :], horizon, axis=1)

    return rule


def seasonal_naive(horizon: int, season: int) -> PointRule:
    """The values of the last season, repeated; a phase never observed in the context takes the last observed value."""

    def rule(context: Array, scale: Array) -> Array:  # noqa: ARG001
        count, length, channels = context.shape
        seasons = -(-length // season)
        padded = np.full((count, seasons * season, channels), np.nan)
        padded[:, padded.shape[1] - length :] = context
        folded = padded.reshape(count, seasons, season * channels)  # a row a season: carried from season to season
        latest = carry(folded, backward=False)[:, -1].reshape(count, season, channels)
        latest = np.where(np.isnan(latest), carry(context)[:, -1:, :], latest)
        return latest[:, np.arange(horizon) % season]

    return rule


def drift(horizon: int) -> PointRule:
    """The line through the first and the last observed value of the context, drawn on; flat where there is but one."""

    def rule(context: Array, scale: Array) -> Array:  # noqa: ARG001
        seen = ~np.isnan(context)
        length = context.shape[1]
        first = np.argmax(seen, axis=1)[:, None]  # (N, 1, C)
        last = length - 1 - np.argmax(seen[:, ::-1], axis=1)[:, None]
        begin, end = np.take_along_axis(context, first, axis=1), np.take_along_axis(context, last, axis=1)
        ahead = length + np.arange(horizon)[None, :, None] - last
        return np.asarray(end + (end - begin) / np.maximum(last - first, 1) * ahead)

    return rule


def fit_naive(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """The naive forecast: the last observed value."""
    rule = naive(spec.horizon)
    return with_misses(rule, history, spec)


def fit_seasonal_naive(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """The seasonal naive forecast; the naive one, with a note, where there is no season or the context is shorter."""
    if 1 < spec.season <= spec.context_length:
        return with_misses(seasonal_naive(spec.horizon, spec.season), history, spec)
    why = (f"the context of {spec.context_length} rows is shorter than the season of {spec.season}"
           if spec.season > 1 else "no season was found")
    note = f"seasonal naive is the naive forecast: {why}"
    return replace(fit_naive(history, spec), note=note)


def fit_drift(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """The naive forecast with the mean step of the context as drift (Hyndman and Athanasopoulos 2021, section 5.2)."""
    return with_misses(drift(spec.horizon), history, spec)


def with_misses(rule: PointRule, history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """`rule`, which learned nothing from `history`, with the intervals that all of `history` shows."""
    origin = thin([learnable(len(y), spec) for y in history], most_windows(spec, history[0].shape[1]))
    return FittedBaseline(spec, rule, measure_misses(rule, history, origin, spec))


# ---- how wide ------------------------------------------------------------------------------------


def series_scale(y: Array) -> Array:
    """How much each channel of a history (T, C) moves from row to row, (C,), in the units of y, never 0 or NaN.

    The mean absolute step; for a series that never moves between two observed rows its mean size, else 1.
    """
    steps = seasonal_scale(y)
    observed = ~np.isnan(y)
    size = (np.abs(np.where(observed, y, 0.0)) / np.maximum(observed.sum(axis=0), 1)).sum(axis=0)
    return np.where(steps > 0, steps, np.where(size > 0, size, 1.0))


def spread(context: Array, scale: Array) -> Array:
    """The unit of a window's interval, (N, C): half how much its series moves, half how much its context does.

    The context's share follows volatility that comes and goes; the series' share keeps a quiet context
    (a constant one has no spread at all) from promising certainty.
    """
    steps = np.abs(np.diff(context, axis=1))
    paired = ~np.isnan(steps)
    count = paired.sum(axis=1)
    local = (np.where(paired, steps, 0.0) / np.maximum(count, 1)[:, None, :]).sum(axis=1)
    return np.where(count > 0, local / 2 + scale / 2, scale)


def measure_misses(rule: PointRule, history: Sequence[Array], origin: Sequence[Ints], spec: BaselineSpec) -> Array:
    """The quantiles of what `rule` missed from each series' origins, (H, C, Q), in units of `spread`, for each step.

    Quantile q is the q (n + 1)-th smallest of n misses, as in conformal prediction. They are held to the
    side of the median that they stand on, so that the median stays the point forecast. A step that
    was never observed gets the spread of a random walk.
    """
    channels = history[0].shape[1]
    found = [np.zeros((0, spec.horizon, channels))]
    for y, starts in zip(history, origin, strict=True):
        scale = series_scale(y)
        for part in rolling(y, starts, spec.context_length, spec.horizon):
            scales = np.broadcast_to(scale, (len(part.origin), channels))
            missed = part.target - rule(part.context, scales)
            found.append(missed / spread(part.context, scales)[:, None, :])
    misses = np.concatenate(found).reshape(-1, spec.horizon * channels)
    levels = np.asarray(spec.quantile_levels)
    quantiles = column_quantiles(misses, levels).reshape(spec.horizon, channels, len(levels))
    walk = 1.2533 * np.sqrt(1.0 + np.arange(spec.horizon))[:, None] * normal_quantiles(levels)  # sd = 1.25 E|step|
    quantiles = np.where(np.isnan(quantiles), walk[:, None, :], quantiles)
    quantiles = np.where(levels < 0.5, np.minimum(quantiles, 0.0), np.maximum(quantiles, 0.0))
    return np.where(np.isclose(levels, 0.5), 0.0, quantiles)


def column_quantiles(values: Array, levels: Array) -> Array:
    """The quantiles of each column of `values` (W, K), NaN left out: (K, Q); a column without values gives NaN.

    The level-q quantile stands at place q (n + 1) among n values in order, interpolated, within the ends.
    """
    count = (~np.isnan(values)).sum(axis=0)  # (K,)
    if not len(values):
        return np.full((values.shape[1], len(levels)), np.nan)
    ordered = np.sort(values, axis=0)  # NaN last
    place = np.clip(levels * (count[:, None] + 1) - 1, 0, np.maximum(count - 1, 0)[:, None])  # (K, Q)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0)[:, None])
    left = np.take_along_axis(ordered, low.T, axis=0).T
    right = np.take_along_axis(ordered, high.T, axis=0).T
    found: Array = left + (right - left) * (place - low)
    return found


def normal_quantiles(levels: Array) -> Array:
    """The quantiles of the standard normal distribution."""
    return np.array([NormalDist().inv_cdf(level) for level in levels])


# ---- windows to learn from -----------------------------------------------------------------------


def most_windows(spec: BaselineSpec, channels: int) -> int:
    """How many windows misses are measured on: bounded in number and in memory."""
    return min(MAX_WINDOWS, max(1, RESIDUALS // (spec.horizon * channels)))


def learnable(rows: int, spec: BaselineSpec, *, start: int = 0) -> Ints:
    """The origins of a series of `rows` rows to learn from, at or after `start`: (N,).

    A window begins with its whole context where the series is long enough, else with half of what is there.
    """
    first = min(spec.context_length, max(1, (rows - spec.horizon) // 2))
    return origins(max(first, start), rows, spec.horizon)


def thin(spans: Sequence[Ints], limit: int) -> list[Ints]:
    """At most `limit` of the origins of all series, spread evenly over them.

    The choice is a golden-ratio sequence: even, without a random number, and in step with no season.
    """
    total = sum(len(span) for span in spans)
    if total <= limit:
        return list(spans)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    chosen = np.unique((np.modf(golden * np.arange(1, limit + 1))[0] * total).astype(np.int64))
    picks, first = [], 0
    for span in spans:
        inside = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, first + len(span))]
        picks.append(span[inside - first])
        first += len(span)
    return picks


def carry(values: Array, *, backward: bool = True) -> Array:
    """`values` (N, L, …) with NaN replaced by the last value before it along axis 1, then by the first one after it.

    Without `backward` what comes before the first value stays NaN, as does a row without any value.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    place = np.arange(values.shape[1]).reshape(1, -1, *([1] * (values.ndim - 2)))
    last = np.maximum.accumulate(np.where(missing, 0, place), axis=1)
    filled = np.take_along_axis(values, last, axis=1)
    if not backward:
        return filled
    first = np.argmin(missing, axis=1, keepdims=True)  # the first observed place
    return np.where(np.isnan(filled), np.take_along_axis(filled, first, axis=1), filled)
