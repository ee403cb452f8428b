"""The simplified gated recurrent unit in NumPy; equations in `networks/cells/gru_simple.py`."""

from __future__ import annotations

from grucast.core.arrays import Array32
from grucast.inference.cells.looped import Looped
from grucast.inference.math import sigmoid


class SimpleGRU(Looped):
    """One step from projected inputs."""

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The memory (B, D) after one input, given as its projection (B, 2 D)."""
        raw = projected + state @ self.u
        return state + sigmoid(raw[:, self.hidden :]) * (self.activation(raw[:, : self.hidden]) - state)
