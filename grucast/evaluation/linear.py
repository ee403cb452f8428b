"""A linear model as baseline: a ridge from the context straight to the whole horizon.

It is NLinear (Zeng et al. 2023, arXiv 2205.13504) solved instead of trained: the last value is taken off,
one linear map, the last value is put back. One model for each channel, pooled over the series. Windows are
divided by how much their series moves, so that series of any size are learned together. The ridge is
solved from moments gathered chunk by chunk, so that any number of windows fits into memory; one
eigendecomposition serves every penalty tried (Hastie, Tibshirani and Friedman 2009, eq. 3.47).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.evaluation.baselines import (
    MAX_WINDOWS,
    BaselineSpec,
    FittedBaseline,
    PointRule,
    carry,
    fit_naive,
    learnable,
    measure_misses,
    most_windows,
    series_scale,
    thin,
)
from grucast.evaluation.folds import rolling

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # relative to the mean variance of a lag
MAX_LAGS = 1024  # an eigendecomposition grows with the cube: of a longer context the last rows are used
TOGETHER = 4096  # windows in one matrix product
HELD_OUT = 0.2  # share of each history, at its end, that chooses the penalty and measures the misses


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """All that a ridge needs to know of `count` windows: means, and mean products about the means."""

    count: int
    x: Array  # (L,)
    y: Array  # (H,)
    xx: Array  # (L, L)
    xy: Array  # (L, H)
    yy: Array  # (H,)

    def __add__(self, other: Moments) -> Moments:
        """The moments of both together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        ours, theirs = self.count / count, other.count / count
        x, y = other.x - self.x, other.y - self.y
        return Moments(
            count, self.x + theirs * x, self.y + theirs * y,
            ours * self.xx + theirs * other.xx + ours * theirs * np.outer(x, x),
            ours * self.xy + theirs * other.xy + ours * theirs * np.outer(x, y),
            ours * self.yy + theirs * other.yy + ours * theirs * np.square(y),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """y = intercept + x @ weights: `weights` (L, H), `intercept` (H,)."""

    weights: Array
    intercept: Array

    def error(self, seen: Moments) -> float:
        """The mean squared error over the windows that `seen` tells of, mean over the steps."""
        bias = seen.y - self.intercept - seen.x @ self.weights
        crossed = (self.weights * seen.xy).sum(axis=0)
        explained = (self.weights * (seen.xx @ self.weights)).sum(axis=0)
        return float(np.mean(np.square(bias) + seen.yy - 2.0 * crossed + explained))


def moments(x: Array, y: Array) -> Moments:
    """The moments of windows `x` (N, L) and what followed, `y` (N, H)."""
    count = max(1, len(x))
    means = x.sum(axis=0) / count, y.sum(axis=0) / count
    x, y = x - means[0], y - means[1]
    return Moments(len(x), *means, x.T @ x / count, x.T @ y / count, np.square(y).sum(axis=0) / count)


def ridges(seen: Moments, penalties: Sequence[float]) -> Iterator[Ridge]:
    """The ridge of each penalty, which counts relative to the mean variance of a lag."""
    values, vectors = np.linalg.eigh(seen.xx)
    values = np.maximum(values, 0.0)
    unit = float(values.mean())
    rotated = vectors.T @ seen.xy
    for penalty in penalties:
        shrunk = values + penalty * unit
        weights = vectors @ np.divide(rotated, shrunk[:, None], out=np.zeros_like(rotated), where=shrunk[:, None] > 0)
        yield Ridge(weights, seen.y - seen.x @ weights)


# ---- windows -------------------------------------------------------------------------------------


def gather(history: Sequence[Array], origin: Sequence[Ints], lags: int, horizon: int) -> Moments:
    """The moments of all windows of one channel; `history` is (T, 1) a series."""
    total = moments(np.zeros((0, lags)), np.zeros((0, horizon)))
    held: list[tuple[Array, Array]] = []
    for found in regressions(history, origin, lags, horizon):
        held.append(found)
        if sum(len(x) for x, _ in held) >= TOGETHER:  # short series together: one product, not hundreds
            total, held = total + _stacked(held), []
    return total + _stacked(held) if held else total


def regressions(
    history: Sequence[Array], origin: Sequence[Ints], lags: int, horizon: int
) -> Iterator[tuple[Array, Array]]:
    """Windows of one channel and what followed, (N, L) and (N, H), relative to the last value and the series' scale.

    A window without an observed value before or with less than half after its origin teaches nothing;
    other missing values are carried over from the row before.
    """
    for y, starts in zip(history, origin, strict=True):
        scale = series_scale(y)[0]
        for part in rolling(y, starts, lags, horizon):
            observed = ~np.isnan(part.target[:, :, 0])
            context = carry(part.context[:, :, 0])
            keep = (2 * observed.sum(axis=1) >= horizon) & ~np.isnan(context[:, -1])
            last = context[keep, -1:]
            ahead = carry(np.concatenate([last, part.target[keep, :, 0]], axis=1))[:, 1:]
            yield (context[keep] - last) / scale, (ahead - last) / scale


def _stacked(held: Sequence[tuple[Array, Array]]) -> Moments:
    return moments(np.concatenate([x for x, _ in held]), np.concatenate([y for _, y in held]))


def linear(models: Sequence[Ridge], lags: int) -> PointRule:
    """The forecast of one ridge a channel from the last `lags` rows of a context."""

    def rule(context: Array, scale: Array) -> Array:
        known = carry(context[:, -lags:])
        last = known[:, -1:]
        scaled = (known - last) / scale[:, None, :]
        steps = [scaled[:, :, channel] @ model.weights + model.intercept for channel, model in enumerate(models)]
        return last + np.stack(steps, axis=2) * scale[:, None, :]

    return rule


def fit_linear(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """A ridge for each channel, its penalty and its intervals from the last part of `history`, then fitted on all.

    Where no window has a horizon of rows after it, it is the naive forecast, with a note. Where the
    series are too short to hold a part out, penalty and intervals come from the rows fitted on.
    """
    lags = min(spec.context_length, MAX_LAGS)
    known = [learnable(len(y), spec) for y in history]
    if not sum(map(len, known)):
        return replace(fit_naive(history, spec),
                       note=f"linear is the naive forecast: no series has {spec.horizon} rows after its first")
    first, held = parts(history, spec)
    pairs = [chosen([y[:, [channel]] for y in history], (first, held), lags, spec.horizon)
             for channel in range(history[0].shape[1])]
    early, final = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    misses = measure_misses(linear(early, lags), history, held, spec)
    return FittedBaseline(spec, linear(final, lags), misses)


def chosen(
    history: Sequence[Array], windows: tuple[Sequence[Ints], Sequence[Ints]], lags: int, horizon: int
) -> tuple[Ridge, Ridge]:
    """The ridge of the first windows whose penalty is the best on the held-out ones, and that of all; see `parts`.

    `history` is (T, 1) a series.
    """
    first, held = windows
    learned, judged = gather(history, first, lags, horizon), gather(history, held, lags, horizon)
    trials = list(ridges(learned, PENALTIES))
    best = int(np.argmin([model.error(judged) for model in trials]))
    (final,) = ridges(learned + judged if first is not held else learned, [PENALTIES[best]])
    return trials[best], final


def parts(history: Sequence[Array], spec: BaselineSpec) -> tuple[list[Ints], list[Ints]]:
    """The origins to learn from, whose targets end before the held-out rows, and those of the held-out rows."""
    limit = most_windows(spec, history[0].shape[1])
    borders = [len(y) - max(spec.horizon, int(np.ceil(HELD_OUT * len(y)))) for y in history]
    first = [learnable(border, spec) for border in borders]
    held = [learnable(len(y), spec, start=border) for y, border in zip(history, borders, strict=True)]
    if not sum(map(len, first)) or not sum(map(len, held)):
        first = held = thin([learnable(len(y), spec) for y in history], limit)
        return first, held
    return thin(first, MAX_WINDOWS), thin(held, limit)

