"""The default network in NumPy; the equations stand in `networks/segment.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.heads import linear_path, quantiles, season_parts, spread_of
from grucast.inference.math import relu
from grucast.inference.stack import Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


def forward(weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows) -> Array32:
    """Quantiles (B, H, Q), not decreasing along Q, in the units of the windows."""
    x, ahead = windows.x, None
    if model.seasonal:
        behind, ahead = season_parts(below(weights, "seasons"), model, window, windows)
        x = (x - behind) * windows.mask
    spread = spread_of(x, windows.mask)
    x = x / spread
    cells = Stack(model.cell, model.layers, below(weights, "cells"))
    embedded = relu(_segments(weights, window, x, windows))
    decoded = _decode(weights, (model, window), cells, cells.run(embedded)[1], windows)
    out = quantiles(below(weights, "head"), decoded, model.quantile_levels)[:, : window.horizon]
    if model.linear_rank:
        out = out + linear_path(below(weights, "linear"), x)[:, :, None]
    out = out * spread[:, :, None]
    return out if ahead is None else out + ahead[:, :, None]


def _segments(weights: Weights, window: WindowSpec, x: Array32, windows: Windows) -> Array32:
    """Embedded segments of the context before the ReLU, (B, S_in, D)."""
    w, length = window.segment, window.context_length
    count = -(-length // w)
    rows = np.concatenate(
        [x[:, :, None], windows.mask[:, :, None], windows.known[:, :length], windows.past], axis=2
    )
    padded = np.zeros((len(x), count * w, rows.shape[2]), dtype=np.float32)
    padded[:, count * w - length :] = rows
    return padded.reshape(len(x), count, -1) @ weights["embed.weight"].T + weights["embed.bias"]


def _decode(
    weights: Weights, shape: tuple[ModelConfig, WindowSpec], cells: Stack, state: list[Array32], windows: Windows
) -> Array32:
    """Decoded states of the segments ahead, (B, S_out, D)."""
    model, window = shape
    w, size, count = window.segment, len(windows), -(-window.horizon // window.segment)
    query = weights["position"][None] + weights["channel"][windows.channel][:, None]
    if model.known:
        ahead = np.zeros((size, count * w, windows.known.shape[2]), dtype=np.float32)
        ahead[:, : window.horizon] = windows.known[:, window.context_length :]
        query = query + ahead.reshape(size, count, -1) @ weights["query_known.weight"].T
    if model.static:
        query = query + (windows.static @ weights["query_static.weight"].T)[:, None]
    wide = [np.repeat(one, count, axis=0) for one in state]
    return cells.step(query.reshape(size * count, -1), wide).reshape(size, count, -1)
