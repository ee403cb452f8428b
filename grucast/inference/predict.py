"""Run a trained network over many windows in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Array32, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.network import both, forward
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams, Windows, gather

CHUNK_BYTES = 64 * 2**20  # of intermediate arrays


def chunk_size(model: ModelConfig, window: WindowSpec) -> int:
    """How many windows at once keep intermediate arrays below `CHUNK_BYTES`."""
    rows = window.context_length + window.horizon
    covariates = 2 + model.known + model.past
    steps = rows // window.segment + 2 if model.network == "segment" else window.context_length
    floats = rows * (covariates + 4) + 8 * model.hidden * steps + 6 * window.horizon * len(model.quantile_levels)
    return max(1, CHUNK_BYTES // (4 * floats))


def predict(members: Sequence[Weights], model: ModelConfig, window: WindowSpec, windows: Windows) -> Array32:
    """Quantiles (B, H, Q) of each window, averaged over the networks of an ensemble.

    The mean of sorted quantiles is sorted (Vincent averaging), so they do not cross.
    """
    total: Array32 = forward(members[0], model, window, windows)
    for weights in members[1:]:
        total = total + forward(weights, model, window, windows)
    return total / np.float32(len(members))


def predict_both(
    members: Sequence[Weights], model: ModelConfig, window: WindowSpec, windows: Windows
) -> tuple[Array32, Array32 | None]:
    """Quantiles (B, H, Q) and rebuilt contexts (B, L), averaged over the networks; None without that head."""
    found = [both(weights, model, window, windows) for weights in members]
    count = np.float32(len(members))
    quantiles: Array32 = sum((one for one, _ in found[1:]), start=found[0][0]) / count
    rebuilt = [one for _, one in found if one is not None]
    return quantiles, sum(rebuilt[1:], start=rebuilt[0]) / count if rebuilt else None


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
