"""A convolution over the rows of the context, in NumPy; `networks/filters.py` is its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.inference.math import relu
from grucast.inference.weights import Weights

FILTERS = 8


def filtered(weights: Weights, rows: Array32) -> Array32:
    """Rows (B, L, I) with what the filters find around them, (B, L, I + 8)."""
    kernel = weights["conv.weight"]  # (8, I, rows)
    reach, length = kernel.shape[2] // 2, rows.shape[1]
    padded = np.pad(rows, ((0, 0), (reach, reach), (0, 0)))
    found = weights["conv.bias"] + sum(padded[:, k : k + length] @ kernel[:, :, k].T for k in range(kernel.shape[2]))
    return np.concatenate([rows, relu(found)], axis=2)
