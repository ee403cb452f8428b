"""The head that rebuilds the window, and the law of the states: both exact, after the network has been trained.

What the core keeps of a window is made for forecasting. How well the window can be told from it through a narrow
gap is found in closed form: the reduced-rank regression of windows on states (Izenman 1975), ridge included. The best
rank-k map is the ridge's own map, projected onto the k strongest directions of what it predicts. So forecasts are the
same with and without this head, and no step of training is spent on it.
"""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Array32, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.network import states_of
from grucast.inference.predict import chunk_size
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams, gather

RIDGE = 1e-3  # relative to the mean square of a state
MOST_WINDOWS = 4_000
MOST_DIRECTIONS = 256  # of the states' law, for very wide networks


def with_rebuild(
    weights: Weights, shape: tuple[ModelConfig, WindowSpec], streams: Streams, at: tuple[Ints, Ints]
) -> dict[str, Array32]:
    """`weights` with the arrays `rebuild.*` and `state.*`, fitted on the windows at (stream, cutoff)."""
    model, window = shape
    skip = max(1, -(-len(at[0]) // MOST_WINDOWS))
    x, states = _pairs(weights, shape, streams, (at[0][::skip], at[1][::skip]))
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
    return {**weights, **{name: np.ascontiguousarray(value, dtype=np.float32) for name, value in found.items()}}


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
    whole = np.linalg.solve(square + max(RIDGE * unit, np.finfo(np.float64).tiny) * np.eye(len(square)), a.T @ b)
    _, _, directions = np.linalg.svd(a @ whole, full_matrices=False)
    wide = np.zeros((rank, x.shape[1]))
    wide[: len(directions[:rank])] = directions[:rank]
    return whole @ wide.T, wide


def _whitening(states: Array) -> Array:
    """The matrix (D, k) that gives centred states (N, D) unit variance in each direction, weak ones held down."""
    size = states.shape[1]
    if not len(states):
        return np.eye(size)[:, :MOST_DIRECTIONS]
    variances, directions = np.linalg.eigh(states.T @ states / len(states))
    floor = max(RIDGE * float(variances.mean()), np.finfo(np.float32).tiny)
    strongest = slice(max(size - MOST_DIRECTIONS, 0), None)
    return np.asarray(directions[:, strongest] / np.sqrt(np.maximum(variances[strongest], 0.0) + floor))
