"""The linear path begins as a ridge autoregression, so that the network starts where linear models end.

What gradient steps learn comes on top; where they find nothing better on validation, the ridge is what is
kept. Without this start small sets, on which a network has few steps to find a good linear map, ended far
behind a plain ridge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from grucast.core.arrays import Array, Ints
from grucast.core.config import WindowSpec
from grucast.networks.heads import LinearPath
from grucast.preprocessing.windows import Streams, gather, gather_targets
from grucast.training.sampling import Sampler

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # relative to the mean square of a lag
MOST_WINDOWS = 20_000
TOGETHER = 2_048


def start_linear(
    path: LinearPath,
    data: tuple[Streams, WindowSpec, int],
    sampler: Sampler,
    validation: tuple[Ints, Ints],
    penalties: Sequence[float] = PENALTIES,
) -> float:
    """Set the weights of `path` to the ridge of `fit_ridge`; its penalty.

    A path of low rank gets the truncated singular value decomposition.
    """
    weights, penalty = fit_ridge(data, sampler, validation, penalties)
    _set(path, weights)
    return penalty


def fit_ridge(
    data: tuple[Streams, WindowSpec, int],
    sampler: Sampler,
    validation: tuple[Ints, Ints],
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Array, float]:
    """A ridge from context to horizon, its weights (L, H) and its penalty, that with the least error on `validation`.

    `data` is streams, window and seed. Hoerl & Kennard 1970: (X'X + a I)^-1 X'Y, here about zero, for windows
    are anchored at their last value. The error is the mean absolute one.
    """
    streams, window, seed = data
    rng = np.random.default_rng(seed)
    size = min(MOST_WINDOWS, 4 * sampler.windows)
    xx = np.zeros((window.context_length, window.context_length))
    xy = np.zeros((window.context_length, window.horizon))
    for _ in range(0, size, TOGETHER):
        x, y, _seen = _pairs(streams, window, sampler.draw(min(TOGETHER, size), rng))
        xx += x.T @ x
        xy += x.T @ y
    best, chosen, weights = np.inf, 0.0, np.zeros_like(xy)
    for penalty in sorted(penalties, reverse=True):
        trial = _ridge(xx, xy, penalty)
        error = _error(trial, streams, window, validation)
        if error < best:
            best, chosen, weights = error, penalty, trial
    return weights, chosen


def _pairs(streams: Streams, window: WindowSpec, at: tuple[Ints, Ints]) -> tuple[Array, Array, Array]:
    """Contexts (N, L), targets (N, H) less the anchor, 0 where missing, and the mask (N, H)."""
    windows = gather(streams, window, *at)
    y, seen = gather_targets(streams, window.horizon, *at)
    return windows.x.astype(np.float64), windows.moves(y, seen), seen.astype(np.float64)


def _ridge(xx: Array, xy: Array, penalty: float) -> Array:
    """The weights (L, H) of the ridge; zeros where nothing moves."""
    unit = float(np.trace(xx)) / len(xx)
    if unit == 0.0:
        return np.zeros_like(xy)
    return np.asarray(np.linalg.solve(xx + penalty * unit * np.eye(len(xx)), xy))


def _error(weights: Array, streams: Streams, window: WindowSpec, at: tuple[Ints, Ints]) -> float:
    """The mean absolute error of a linear map over windows; 0 where there are none."""
    total = count = 0.0
    for start in range(0, len(at[0]), TOGETHER):
        part = slice(start, start + TOGETHER)
        x, y, seen = _pairs(streams, window, (at[0][part], at[1][part]))
        total += float((np.abs(y - x @ weights) * seen).sum())
        count += float(seen.sum())
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
