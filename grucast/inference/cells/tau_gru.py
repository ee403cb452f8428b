"""The gated recurrent unit with delayed feedback in NumPy; equations in `networks/cells/tau_gru.py`."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference.cells.looped import Looped
from grucast.inference.math import sigmoid
from grucast.inference.weights import Weights


class TauGRU(Looped):
    """One step from projected inputs; the state is the present one and those before it, newest first."""

    def __init__(self, weights: Weights, structure: Structure) -> None:
        super().__init__(weights, structure)
        self.delay = structure.delay

    def start(self, size: int) -> Array32:
        """The state before the first input, (B, (d + 1) D)."""
        return np.zeros((size, (self.delay + 1) * self.hidden), dtype=np.float32)

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state (B, (d + 1) D) after one input, given as its projection (B, 4 D)."""
        d = self.hidden
        present, late = state[:, :d], state[:, -d:]
        raw = projected[:, : 3 * d] + present @ self.u[:, : 3 * d]
        gates = sigmoid(raw[:, d:])
        delayed = self.activation(projected[:, 3 * d :] + late @ self.u[:, 3 * d :])
        after = present + gates[:, :d] * (self.activation(raw[:, :d]) + gates[:, d:] * delayed - present)
        return np.concatenate([after, state[:, :-d]], axis=1)

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return state[:, : self.hidden]
