"""The head that rebuilds the window, and the law of the states: both exact, after the network has been trained.

What the core keeps of a window is made for forecasting. How well the window can be told from it through a narrow
gap is found in closed form: the reduced-rank ridge regression of windows on states (Izenman 1975; Mukherjee and Zhu
2011). With A'A + cI = KK' the penalised error of a map W is that of the ridge's own map R plus |K'(W - R)|^2, so that
the best one of rank k is R projected onto the k strongest right singular vectors of K'R. So forecasts are the same
with and without this head, and no step of training is spent on it.
"""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Array32, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.heads import MOST_DIRECTIONS
from grucast.inference.network import states_of
from grucast.inference.predict import chunk_size
from grucast.inference.weights import Weights, rounded
from grucast.preprocessing.windows import Streams, gather

RIDGE = 1e-3  # relative to the mean square of a state
STILL = 1e-8  # variance of a state that does not move: what is below is the rounding of float32
MOST_WINDOWS = 4_000
GOLDEN = (5**0.5 - 1) / 2


def with_rebuild(
    weights: Weights, shape: tuple[ModelConfig, WindowSpec], streams: Streams, at: tuple[Ints, Ints]
) -> dict[str, Array32]:
    """`weights` with the arrays `rebuild.*` and `state.*`, fitted on the windows at (stream, cutoff), rounded too."""
    model, window = shape
    some = _spread(len(at[0]))
    x, states = _pairs(weights, shape, streams, (at[0][some], at[1][some]))
    narrow, wide = _reduced_rank(states, x, model.narrow)
    mean = states.mean(axis=0) if len(states) else np.zeros(states.shape[1])
    middle = x.mean(axis=0) if len(x) else np.zeros(window.context_length)
    found = {
        "rebuild.down.weight": narrow.T,
        "rebuild.down.bias": -mean @ narrow,
        "rebuild.up.weight": wide.T,
        "rebuild.up.bias": middle,
        "state.mean": mean,
        "state.whiten": _whitening(states - mean),
    }
    return {**weights, **rounded({name: np.ascontiguousarray(value, dtype=np.float32)
                                  for name, value in found.items()})}


def _spread(count: int) -> Ints:
    """About `MOST_WINDOWS` places below `count`, one in each equal part; all where there are no more.

    Every n-th window would end at the same hour of the day where n is a day: so the place within a part moves on
    by the golden ratio from part to part, which keeps step with no season.
    """
    if count <= MOST_WINDOWS:
        return np.arange(count)
    parts = np.arange(MOST_WINDOWS)
    return ((parts + parts * GOLDEN % 1.0) * (count / MOST_WINDOWS)).astype(np.int64)


def _pairs(
    weights: Weights, shape: tuple[ModelConfig, WindowSpec], streams: Streams, at: tuple[Ints, Ints]
) -> tuple[Array, Array]:
    """Normalised windows (N, L), 0 where masked, and states (N, D)."""
    model, window = shape
    size = chunk_size(model, window)
    xs = [np.zeros((0, window.context_length))]
    states = [np.zeros((0, model.layers * model.hidden))]
    for start in range(0, len(at[0]), size):
        part = slice(start, start + size)
        x, mask, state = states_of(weights, model, window, gather(streams, window, at[0][part], at[1][part]))
        whole = mask.any(axis=1)
        xs.append(x[whole].astype(np.float64))
        states.append(state[whole].astype(np.float64))
    return np.concatenate(xs), np.concatenate(states)


def _reduced_rank(states: Array, x: Array, rank: int) -> tuple[Array, Array]:
    """Matrices (D, k) and (k, L) whose product is the best map of rank k from centred states to centred windows."""
    if not len(states):
        return np.zeros((states.shape[1], rank)), np.zeros((rank, x.shape[1]))
    a, b = states - states.mean(axis=0), x - x.mean(axis=0)
    square = a.T @ a
    unit = float(np.trace(square)) / len(square)
    held = square + max(RIDGE * unit, STILL * len(states)) * np.eye(len(square))
    whole = np.linalg.solve(held, a.T @ b)
    _, _, directions = np.linalg.svd(np.linalg.cholesky(held).T @ whole, full_matrices=False)
    wide = np.zeros((rank, x.shape[1]))
    wide[: len(directions[:rank])] = directions[:rank]
    return whole @ wide.T, wide


def _whitening(states: Array) -> Array:
    """The matrix (D, k) that gives centred states (N, D) unit variance in each direction, weak ones held down."""
    size = states.shape[1]
    if not len(states):
        return np.eye(size)[:, :MOST_DIRECTIONS]
    variances, directions = np.linalg.eigh(states.T @ states / len(states))
    floor = max(RIDGE * float(variances.mean()), STILL)
    strongest = slice(max(size - MOST_DIRECTIONS, 0), None)
    return np.asarray(directions[:, strongest] / np.sqrt(np.maximum(variances[strongest], 0.0) + floor))
