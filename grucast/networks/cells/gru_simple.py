"""The simplified gated recurrent unit of introductory lectures: a memory c and its update gate, nothing else.

With input x_t (I,) and memory c_{t-1} (D,):

    n_t = tanh(W_n x_t + U_n c_{t-1} + b_n)                     candidate
    g_t = sigmoid(W_g x_t + U_g c_{t-1} + b_g)                  update gate, near 0 or 1 most of the time
    c_t = g_t * n_t + (1 - g_t) * c_{t-1}

It is a GRU whose reset gate stays open. The gate begins nearly closed, so that memory is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import Looped


class SimpleGRU(Looped):
    """One recurrent layer; blocks of the weights: candidate, update."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__(inputs, hidden, gates=2, kept=(1, -1.0))
        self.activation = activation_of(structure.activation if structure else None)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The memory (B, D) after one more input, given as its projection (B, 2 D)."""
        raw, update = (projected + functional.linear(state, self.u)).chunk(2, dim=1)
        return state + torch.sigmoid(update) * (self.activation(raw) - state)
