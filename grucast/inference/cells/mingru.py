"""The minimal gated recurrent unit in NumPy, step by step; equations in `networks/cells/mingru.py`."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference.activations import activation_of
from grucast.inference.math import sigmoid
from grucast.inference.weights import Weights


class MinGRU:
    """One step from gates and candidates, which need no state."""

    def __init__(self, weights: Weights, structure: Structure) -> None:
        self.w, self.b = weights["w"].T, weights["b"]
        self.hidden = len(self.b) // 2
        self.activation = activation_of(structure.activation) if structure.activation else None

    def start(self, size: int) -> Array32:
        """The state before the first input, (B, D)."""
        return np.zeros((size, self.hidden), dtype=np.float32)

    def project(self, x: Array32) -> Array32:
        """Update gates and candidates, (N, 2 D), from x (N, I)."""
        d, both = self.hidden, x @ self.w + self.b
        both[:, :d] = sigmoid(both[:, :d])
        if self.activation is not None:
            both[:, d:] = self.activation(both[:, d:])
        return both

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state (B, D) after one input, given as gates and candidates (B, 2 D)."""
        return state + projected[:, : self.hidden] * (projected[:, self.hidden :] - state)

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return state
