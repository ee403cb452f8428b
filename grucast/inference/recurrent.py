"""The point-wise network in NumPy; the equations stand in `networks/recurrent.py`, its twin."""

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
    x, ahead, length = windows.x, None, window.context_length
    if model.seasonal:
        behind, ahead = season_parts(below(weights, "seasons"), model, window, windows)
        x = (x - behind) * windows.mask
    spread = spread_of(x, windows.mask)
    x = x / spread
    rows = np.concatenate(
        [x[:, :, None], windows.mask[:, :, None], windows.known[:, :length], windows.past], axis=2
    )
    top, _ = Stack(model.cell, model.layers, below(weights, "cells")).run(rows)
    later = windows.known[:, length:].reshape(len(x), -1)
    seen = np.concatenate([top, later, windows.static], axis=1)
    mixed = relu(seen @ weights["mix.weight"].T + weights["mix.bias"] + weights["channel"][windows.channel])
    out = quantiles(below(weights, "head"), mixed[:, None], model.quantile_levels)
    if model.linear_rank:
        out = out + linear_path(below(weights, "linear"), x)[:, :, None]
    out = out * spread[:, :, None]
    return out if ahead is None else out + ahead[:, :, None]
