"""The long short-term memory in NumPy; equations in `networks/cells/lstm.py`."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference.activations import activation_of
from grucast.inference.math import sigmoid
from grucast.inference.weights import Weights


class LSTM:
    """One step from projected inputs; the state is h and c side by side."""

    def __init__(self, weights: Weights, structure: Structure) -> None:
        self.w, self.u = weights["core.weight_ih_l0"].T, weights["core.weight_hh_l0"].T
        self.b = weights["core.bias_ih_l0"] + weights["core.bias_hh_l0"]
        self.hidden = len(self.u)
        self.activation = activation_of(structure.activation)

    def start(self, size: int) -> Array32:
        """The state before the first input, (B, 2 D)."""
        return np.zeros((size, 2 * self.hidden), dtype=np.float32)

    def project(self, x: Array32) -> Array32:
        """W x + b, (..., 4 D), from x (..., I)."""
        return x @ self.w + self.b

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state (B, 2 D) after one input, given as its projection (B, 4 D)."""
        d = self.hidden
        raw = projected + state[:, :d] @ self.u
        gate_in, forget, out = sigmoid(raw[:, :d]), sigmoid(raw[:, d : 2 * d]), sigmoid(raw[:, 3 * d :])
        memory = forget * state[:, d:] + gate_in * self.activation(raw[:, 2 * d : 3 * d])
        return np.concatenate([out * self.activation(memory), memory], axis=1)

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return state[:, : self.hidden]
