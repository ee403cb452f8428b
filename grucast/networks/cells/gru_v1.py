"""The gated recurrent unit with the reset gate before the product, as its first description has it.

Cho et al. 2014 (arXiv 1406.1078, equations 5 to 8), in the orientation of most introductions. With input x_t (I,) and
state h_{t-1} (D,), each W acting on both:

    r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)                  reset gate
    z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)                  update gate
    n_t = tanh(W_n x_t + U_n (r_t * h_{t-1}) + b_n)             candidate
    h_t = z_t * h_{t-1} + (1 - z_t) * n_t

`gru` resets after the product with U_n, which needs one product a step instead of two.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import Looped


class GRUv1(Looped):
    """One recurrent layer; blocks of the weights: reset, update, candidate."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__(inputs, hidden, gates=3, kept=(1, 1.0))
        self.activation = activation_of(structure.activation if structure else None)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input, given as its projection (B, 3 D)."""
        d = self.hidden
        gates = torch.sigmoid(projected[:, : 2 * d] + functional.linear(state, self.u[: 2 * d]))
        reset, update = gates.chunk(2, dim=1)
        candidate = self.activation(projected[:, 2 * d :] + functional.linear(reset * state, self.u[2 * d :]))
        return candidate + update * (state - candidate)
