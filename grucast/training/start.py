"""The linear path begins as a ridge autoregression, so that the network starts where linear models end.

What gradient steps learn comes on top; where they find nothing better on validation, the ridge is what is
kept. Without this start small sets, on which a network has few steps to find a good linear map, ended far
behind a plain ridge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from grucast.core.arrays import Array, Ints
from grucast.core.config import WindowSpec
from grucast.networks.heads import LinearPath
from grucast.networks.network import Network
from grucast.preprocessing.windows import Streams
from grucast.training.effects import NO_EFFECTS, Effects, fit_effects, pairs, sample_size, set_effects
from grucast.training.effects import PENALTIES as EFFECT_PENALTIES
from grucast.training.sampling import Sampler

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # relative to the mean square of a lag
PATH_PENALTY = 1e-2  # of the path beside which effects are found
MOST_WINDOWS = 20_000
TOGETHER = 2_048
Data: TypeAlias = tuple[Streams, WindowSpec, int]  # and the seed
At: TypeAlias = tuple[Ints, Ints]


class Chosen(NamedTuple):
    """Effects, their penalty, and the mean absolute error of a ridge beside them, in scales; see `choose_effects`."""

    effects: Effects | None
    penalty: float
    error: float


class Start(NamedTuple):
    """The penalties of the ridge and of the effects that a network begins as; `NO_EFFECTS` for none."""

    path: float
    effects: float


def start(network: Network, data: Data, sampler: Sampler, validation: At, given: Start | None = None) -> Start:
    """Begin the linear parts of a network, where it has them; the penalties, `given` or found on `validation`."""
    effects = None
    penalty = NO_EFFECTS
    if network.effects is not None:
        choices = EFFECT_PENALTIES if given is None else (given.effects,)
        effects, penalty, _ = choose_effects(tuple(network.effects.columns), data, sampler, validation, choices)
        if effects is not None:
            set_effects(network.effects, effects)
    if network.linear is None:
        return Start(0.0, penalty)
    return Start(start_linear(network.linear, data, sampler, validation,
                              PENALTIES if given is None else (given.path,), effects), penalty)


def start_linear(
    path: LinearPath, data: Data, sampler: Sampler, validation: At, penalties: Sequence[float] = PENALTIES,
    effects: Effects | None = None,
) -> float:
    """Set the weights of `path` to the ridge of `fit_ridge`; its penalty.

    A path of low rank gets the truncated singular value decomposition.
    """
    weights, penalty = fit_ridge(data, sampler, validation, penalties, effects)
    _set(path, weights)
    return penalty


def choose_effects(
    columns: tuple[int, ...], data: Data, sampler: Sampler, validation: At, penalties: Sequence[float]
) -> Chosen:
    """The effects of `columns` that help a ridge most on `validation`; None where none does. One penalty is taken."""
    streams, window, seed = data
    at = sampler.draw(min(sample_size(window, len(columns)), 4 * sampler.windows), np.random.default_rng(seed))
    best = Chosen(None, NO_EFFECTS, np.inf)
    for penalty in sorted(penalties, reverse=True):
        found = None if penalty == NO_EFFECTS else fit_effects(columns, (streams, window), at, _path, penalty)
        if len(penalties) == 1:
            return Chosen(found, penalty, np.nan)
        weights, _ = fit_ridge(data, sampler, validation, PENALTIES, found)
        error = _error(weights, (streams, window), validation, found)
        if error < best.error:
            best = Chosen(found, penalty, error)
    return best


def fit_ridge(
    data: Data, sampler: Sampler, validation: At, penalties: Sequence[float] = PENALTIES,
    effects: Effects | None = None,
) -> tuple[Array, float]:
    """A ridge from context to horizon, its weights (L, H) and its penalty, that with the least error on `validation`.

    `data` is streams, window and seed; what `effects` explain is taken off. Hoerl & Kennard 1970:
    (X'X + a I)^-1 X'Y, here about zero, for windows are anchored at their last value. The error is the mean absolute
    one, in scales of the series.
    """
    streams, window, seed = data
    rng = np.random.default_rng(seed)
    size = min(MOST_WINDOWS, 4 * sampler.windows)
    xx = np.zeros((window.context_length, window.context_length))
    xy = np.zeros((window.context_length, window.horizon))
    for _ in range(0, size, TOGETHER):
        some = pairs(streams, window, sampler.draw(min(TOGETHER, size), rng), effects)
        xx += some.x.T @ some.x
        xy += some.x.T @ some.y
    best, chosen, weights = np.inf, 0.0, np.zeros_like(xy)
    for penalty in sorted(penalties, reverse=True):
        trial = _ridge(xx, xy, penalty)
        error = _error(trial, (streams, window), validation, effects)
        if error < best:
            best, chosen, weights = error, penalty, trial
    return weights, chosen


def _path(x: Array, y: Array) -> Array:
    """The linear map (L, H) beside which effects are found."""
    return _ridge(x.T @ x, x.T @ y, PATH_PENALTY)


def _ridge(xx: Array, xy: Array, penalty: float) -> Array:
    """The weights (L, H) of the ridge; zeros where nothing moves."""
    unit = float(np.trace(xx)) / len(xx)
    if unit == 0.0:
        return np.zeros_like(xy)
    return np.asarray(np.linalg.solve(xx + penalty * unit * np.eye(len(xx)), xy))


def _error(weights: Array, data: tuple[Streams, WindowSpec], at: At, effects: Effects | None) -> float:
    """The mean absolute error of a linear map over windows, in scales; 0 where there are none."""
    total = count = 0.0
    for first in range(0, len(at[0]), TOGETHER):
        part = slice(first, first + TOGETHER)
        some = pairs(*data, (at[0][part], at[1][part]), effects)
        total += float((np.abs(some.y - some.x @ weights) * some.seen).sum())
        count += float(some.seen.sum())
    return total / count if count else 0.0


def _set(path: LinearPath, weights: Array) -> None:
    """Put the map (L, H) into the path."""
    with torch.no_grad():
        if path.down is None:
            path.up.weight.copy_(torch.from_numpy(weights.T.astype(np.float32)))
            return
        u, s, vt = np.linalg.svd(weights, full_matrices=False)
        rank = min(path.down.weight.shape[0], len(s))
        root = np.sqrt(s[:rank])
        path.down.weight[:rank].copy_(torch.from_numpy((u[:, :rank] * root).T.astype(np.float32)))
        path.up.weight[:, :rank].copy_(torch.from_numpy((vt[:rank].T * root).astype(np.float32)))
