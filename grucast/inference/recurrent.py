"""The point-wise core in NumPy; the equations stand in `networks/recurrent.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.math import relu
from grucast.inference.stack import Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


class RecurrentCore:
    """States of rows."""

    def __init__(self, weights: Weights, model: ModelConfig, window: WindowSpec) -> None:
        self.weights, self.length = weights, window.context_length
        self.cells = Stack(model.cell, model.layers, below(weights, "cells"))

    def encode(self, x: Array32, windows: Windows) -> list[Array32]:
        """The last state of each layer, from x (B, L)."""
        rows = [x[:, :, None], windows.mask[:, :, None], windows.known[:, : self.length], windows.past]
        return self.cells.encode(np.concatenate(rows, axis=2))

    def decode(self, state: list[Array32], windows: Windows) -> Array32:
        """The one state of all rows ahead, (B, 1, D)."""
        later = windows.known[:, self.length :].reshape(len(windows), -1)
        seen = np.concatenate([self.cells.output(state), later, windows.static], axis=1)
        mixed = seen @ self.weights["mix.weight"].T + self.weights["mix.bias"]
        return relu(mixed + self.weights["channel"][windows.channel])[:, None]
