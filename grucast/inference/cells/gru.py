"""The gated recurrent unit in NumPy; equations in `networks/cells/gru.py`."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference.activations import activation_of
from grucast.inference.math import sigmoid
from grucast.inference.weights import Weights


class GRU:
    """One step from projected inputs; the product of all inputs with W is done at once."""

    def __init__(self, weights: Weights, structure: Structure) -> None:
        self.w, self.u = weights["core.weight_ih_l0"].T, weights["core.weight_hh_l0"].T
        self.b, self.c = weights["core.bias_ih_l0"], weights["core.bias_hh_l0"]
        self.hidden = len(self.u)
        self.activation = activation_of(structure.activation)

    def start(self, size: int) -> Array32:
        """The state before the first input, (B, D)."""
        return np.zeros((size, self.hidden), dtype=np.float32)

    def project(self, x: Array32) -> Array32:
        """W x + b, (..., 3 D), from x (..., I)."""
        return x @ self.w + self.b

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state (B, D) after one input, given as its projection (B, 3 D)."""
        d, u = self.hidden, state @ self.u + self.c
        gates = sigmoid(projected[:, : 2 * d] + u[:, : 2 * d])
        reset, update = gates[:, :d], gates[:, d:]
        candidate = self.activation(projected[:, 2 * d :] + reset * u[:, 2 * d :])
        after: Array32 = candidate + update * (state - candidate)
        return after

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return state
