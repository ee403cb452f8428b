"""The gated recurrent unit that resets before the product, in NumPy; equations in `networks/cells/gru_v1.py`."""

from __future__ import annotations

from grucast.core.arrays import Array32
from grucast.inference.cells.looped import Looped
from grucast.inference.math import sigmoid


class GRUv1(Looped):
    """One step from projected inputs."""

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state (B, D) after one input, given as its projection (B, 3 D)."""
        d = self.hidden
        gates = sigmoid(projected[:, : 2 * d] + state @ self.u[:, : 2 * d])
        reset, update = gates[:, :d], gates[:, d:]
        left: Array32 = reset * state
        candidate = self.activation(projected[:, 2 * d :] + left @ self.u[:, 2 * d :])
        return candidate + update * (state - candidate)
