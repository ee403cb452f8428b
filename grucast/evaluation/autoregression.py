"""A ridge autoregression of one step, fed with its own forecasts for the steps that follow.

Unlike `linear`, which has weights of its own for every step, it learns one: fewer numbers, so that it does
better on short histories and worse where the error of a step feeds the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array
from grucast.evaluation.baselines import (
    BaselineSpec,
    FittedBaseline,
    PointRule,
    carry,
    fit_naive,
    learnable,
    measure_misses,
)
from grucast.evaluation.linear import MAX_LAGS, Ridge, chosen, parts


def iterated(models: Sequence[Ridge], lags: int, horizon: int) -> PointRule:
    """The forecast of one ridge a channel from `lags` rows, each step taken for known by the next."""

    def rule(context: Array, scale: Array) -> Array:
        known = carry(context[:, -lags:])
        rows = np.concatenate([(known - known[:, -1:]) / scale[:, None, :], np.zeros((len(known), horizon,
                               known.shape[2]))], axis=1)
        for channel, model in enumerate(models):
            path = rows[:, :, channel]  # a view: what is written is read by the next step
            weights, intercept, total = model.weights[:, 0], model.intercept[0], model.weights.sum()
            for now in range(known.shape[1], known.shape[1] + horizon):
                last = path[:, now - 1]  # windows are learned relative to their last value
                path[:, now] = last + path[:, now - known.shape[1] : now] @ weights - total * last + intercept
        return np.asarray(known[:, -1:] + rows[:, known.shape[1] :] * scale[:, None, :])

    return rule


def fit_autoregression(history: Sequence[Array], spec: BaselineSpec) -> FittedBaseline:
    """A ridge for each channel, its penalty and its intervals from the last part of `history`, then fitted on all.

    Where no window has a horizon of rows after it, it is the naive forecast, with a note.
    """
    lags = min(spec.context_length, MAX_LAGS)
    if not sum(len(learnable(len(y), spec)) for y in history):
        return replace(fit_naive(history, spec),
                       note=f"autoregression is the naive forecast: no series has {spec.horizon} rows after its first")
    first, held = parts(history, spec)
    pairs = [chosen([y[:, [channel]] for y in history], (first, held), lags, 1)
             for channel in range(history[0].shape[1])]
    early, final = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    misses = measure_misses(iterated(early, lags, spec.horizon), history, held, spec)
    return FittedBaseline(spec, iterated(final, lags, spec.horizon), misses)
