"""The point-wise core in NumPy; the equations stand in `networks/recurrent.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.attention import attend, shares
from grucast.inference.filters import filtered
from grucast.inference.math import relu
from grucast.inference.stack import Encoded, Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


class RecurrentCore:
    """States of rows."""

    def __init__(self, weights: Weights, model: ModelConfig, window: WindowSpec) -> None:
        self.weights, self.model, self.length = weights, model, window.context_length
        self.cells = Stack(model, below(weights, "cells"), together=True)

    def encode(self, x: Array32, windows: Windows) -> Encoded:
        """What is known after the context x (B, L)."""
        parts = [x[:, :, None], windows.mask[:, :, None], windows.known[:, : self.length], windows.past]
        rows = np.concatenate(parts, axis=2)
        if self.model.structure.hybrid == "conv":
            rows = filtered(below(self.weights, "filters"), rows)
        return self.cells.encode(rows)

    def decode(self, known: Encoded, windows: Windows) -> Array32:
        """The one state of all rows ahead, (B, 1, D)."""
        ahead = self._ahead(known, windows)
        if known.path is None:
            return ahead
        return attend(below(self.weights, "attention"), ahead, known.path, windows.mask)

    def asks(self, known: Encoded, windows: Windows) -> Array32 | None:
        """How much the rows ahead ask of each row of the context, (B, 1, L); None without attention."""
        if known.path is None:
            return None
        return shares(below(self.weights, "attention"), self._ahead(known, windows), known.path, windows.mask)

    def _ahead(self, known: Encoded, windows: Windows) -> Array32:
        later = windows.known[:, self.length :].reshape(len(windows), -1)
        seen = np.concatenate([self.cells.output(known), later, windows.static], axis=1)
        mixed = seen @ self.weights["mix.weight"].T + self.weights["mix.bias"]
        return relu(mixed + self.weights["channel"][windows.channel])[:, None]
