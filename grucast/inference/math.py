"""The few functions that the networks need, in float32 NumPy."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32


def sigmoid(x: Array32) -> Array32:
    """1 / (1 + exp(-x)) without overflow."""
    share: Array32 = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1.0))
    return share


def softplus(x: Array32) -> Array32:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, np.float32(0.0)) + np.log1p(np.exp(-np.abs(x)))


def relu(x: Array32) -> Array32:
    """max(x, 0)."""
    return np.maximum(x, np.float32(0.0))
