"""Run a trained network over many windows in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Array32, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.filters import FILTERS
from grucast.inference.network import Outputs, forward, outputs
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams, Windows, gather

CHUNK_BYTES = 32 * 2**20  # of intermediate arrays


def chunk_size(model: ModelConfig, window: WindowSpec) -> int:
    """How many windows at once keep intermediate arrays below `CHUNK_BYTES`."""
    rows = window.context_length + window.horizon
    covariates, structure = 2 + model.known + model.past, model.structure
    steps = rows // window.segment + 2 if model.network == "segment" else window.context_length
    covariates += 3 * FILTERS if structure.hybrid == "conv" else 0
    steps += 2 * structure.delay + (structure.delay + 1) * -(-window.horizon // window.segment) // 4
    floats = rows * (covariates + 4) + 8 * model.hidden * steps + 6 * window.horizon * len(model.quantile_levels)
    return max(1, CHUNK_BYTES // (4 * floats))


def predict(members: Sequence[Weights], model: ModelConfig, window: WindowSpec, windows: Windows) -> Array32:
    """Quantiles (B, H, Q) of each window, averaged over the networks of an ensemble.

    The mean of sorted quantiles is sorted (Vincent averaging), so they do not cross.
    """
    return _mean([forward(weights, model, window, windows) for weights in members])


def predict_all(
    members: Sequence[Weights], model: ModelConfig, window: WindowSpec, windows: Windows
) -> Outputs:
    """All that the networks of an ensemble say, averaged."""
    found = [outputs(weights, model, window, windows) for weights in members]
    rebuilt = [one.rebuilt for one in found if one.rebuilt is not None]
    distance = [one.distance for one in found if one.distance is not None]
    return Outputs(_mean([one.quantiles for one in found]), _mean(rebuilt) if rebuilt else None,
                   _mean(distance) if distance else None)


def _mean(arrays: Sequence[Array32]) -> Array32:
    total = arrays[0]
    for one in arrays[1:]:
        total = total + one
    return total / np.float32(len(arrays))


def predict_streams(
    members: Sequence[Weights], model: ModelConfig, window: WindowSpec, streams: Streams, at: tuple[Ints, Ints]
) -> tuple[Array, Array]:
    """Quantiles (B, H, Q) in the z of the streams at each (stream, cutoff), and the anchors' z (B,).

    Where the context has no observed row at all the quantiles are NaN.
    """
    stream, cutoff = at
    size = chunk_size(model, window)
    out = np.empty((len(stream), window.horizon, len(model.quantile_levels)))
    level = np.empty(len(stream))
    for start in range(0, len(stream), size):
        part = slice(start, start + size)
        windows = gather(streams, window, stream[part], cutoff[part])
        level[part] = windows.level
        out[part] = predict(members, model, window, windows)
        out[part] += windows.level[:, None, None]
        out[part][~windows.mask.any(axis=1)] = np.nan
    return out, level
