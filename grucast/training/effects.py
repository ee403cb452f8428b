"""The effects of known covariates begin as a regression whose errors are autoregressive.

With k the covariates of a row less those of the anchor row, P the linear path and m what is known of the context,

    y_h = b'k_h + sum over l of P_hl m_l (x_l - b'k_l) + e

so that b and P hold each other up: given b the path is a ridge on what the effect leaves, given P the effects are a
regression on the covariates filtered as the path filters values (Cochrane & Orcutt 1949). Alone, b would also be told
what the past tells, and a temperature would stand for the hour of the day. A column that is rarely different from zero,
a holiday, is learned here from all its rows at once, where gradient steps meet it in few batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from grucast.core.arrays import Array, Ints
from grucast.core.config import WindowSpec
from grucast.networks.heads import KnownEffects
from grucast.preprocessing.windows import Streams, Windows, gather, gather_targets

NO_EFFECTS = math.inf  # the penalty of effects that are zero
PENALTIES = (1e-3, 1e-1, 1.0, NO_EFFECTS)  # relative to the sum of squares of each column
TURNS = 3  # of path and effects
NUMBERS = 20_000_000  # of covariates held at once
MOST_WINDOWS = 4_000


class Pairs(NamedTuple):
    """What a linear map learns from: contexts and targets less the anchor, effects taken off, 0 where missing."""

    x: Array  # (N, L)
    y: Array  # (N, H)
    seen: Array  # (N, H) 1 where a target was observed


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What columns of the known covariates add to a row: `weight` (C, K) by channel, for `columns` (K,)."""

    columns: tuple[int, ...]
    weight: Array

    def of(self, windows: Windows) -> Array:
        """Effects on context and horizon (N, L + H), less that on the anchor row."""
        moved = covariates(windows, self.columns)
        return np.asarray(np.einsum("ntk,nk->nt", moved, self.weight[windows.channel]))


def covariates(windows: Windows, columns: Sequence[int]) -> Array:
    """Some known covariates over context and horizon (N, L + H, K), less those of the anchor row."""
    known = windows.known[:, :, list(columns)].astype(np.float64)
    return known - known[np.arange(len(known)), windows.anchor][:, None]


def pairs(streams: Streams, window: WindowSpec, at: tuple[Ints, Ints], effects: Effects | None = None) -> Pairs:
    """The pairs of the windows at (stream, cutoff)."""
    windows = gather(streams, window, *at)
    y, seen = gather_targets(streams, window.horizon, *at)
    x, ahead = windows.x.astype(np.float64), windows.moves(y, seen)
    if effects is not None:
        off = effects.of(windows)
        x, ahead = (x - off[:, : x.shape[1]]) * windows.mask, (ahead - off[:, x.shape[1] :]) * seen
    return Pairs(x, ahead, seen.astype(np.float64))


Path = Callable[[Array, Array], Array]  # from contexts (N, L) and targets (N, H) to a linear map (L, H)


def fit_effects(
    columns: tuple[int, ...], data: tuple[Streams, WindowSpec], at: tuple[Ints, Ints], path: Path, penalty: float
) -> Effects:
    """The effects of `columns` on the windows at (stream, cutoff), `path` fitted in turn with them."""
    streams, window = data
    windows = gather(streams, window, *at)
    y, seen = gather_targets(streams, window.horizon, *at)
    moves, x = windows.moves(y, seen), windows.x.astype(np.float64)
    given = covariates(windows, columns)
    behind, ahead = given[:, : x.shape[1]] * windows.mask[:, :, None], given[:, x.shape[1] :] * seen[:, :, None]
    channels = int(streams.channel.max()) + 1
    weight = np.zeros((channels, len(columns)))
    for _ in range(TURNS):
        of = weight[windows.channel]
        straight = path(x - np.einsum("nlk,nk->nl", behind, of), moves - np.einsum("nhk,nk->nh", ahead, of))
        left = np.where(seen, moves - x @ straight, 0.0)
        filtered = (ahead - np.einsum("nlk,lh->nhk", behind, straight, optimize=True)) * seen[:, :, None]
        for channel in range(channels):
            of_it = windows.channel == channel
            weight[channel] = _regress(filtered[of_it], left[of_it], penalty)
    return Effects(columns, weight)


def _regress(regressors: Array, left: Array, penalty: float) -> Array:
    """Weights (K,) of regressors (N, H, K) on what is left (N, H): a ridge in which each column has its own size."""
    flat = regressors.reshape(-1, regressors.shape[2])
    square = flat.T @ flat
    size = np.diag(square)
    moves = size > 1e-12 * max(float(size.max(initial=0.0)), 1e-300)
    out = np.zeros(len(size))
    if moves.any():
        part = square[np.ix_(moves, moves)] + np.diag(penalty * size[moves])
        out[moves] = np.linalg.solve(part, (flat.T @ left.reshape(-1))[moves])
    return out


def set_effects(module: KnownEffects, effects: Effects) -> None:
    """Put the weights into the network's straight part."""
    with torch.no_grad():
        module.straight.copy_(torch.from_numpy(effects.weight.astype(np.float32)))


def sample_size(window: WindowSpec, columns: int) -> int:
    """How many windows are looked at."""
    return max(64, min(MOST_WINDOWS, NUMBERS // ((window.context_length + window.horizon) * max(1, columns))))

