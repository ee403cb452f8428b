"""The simple recurrent network (Elman 1990), whose gradients vanish over distance.

    h_t = tanh(W x_t + b + U h_{t-1} + c)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import over_time
from grucast.networks.cells.start import start_recurrent


class RNN(nn.Module):
    """One recurrent layer: over a sequence, and one step; torch's own kernel where the activation is tanh."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__()
        self.hidden = hidden
        name = structure.activation if structure else None
        self.fused, self.activation = name in (None, "tanh"), activation_of(name)
        self.core = nn.RNN(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last one (B, D), from x (B, S, I)."""
        if not self.fused:
            return over_time(self, x)
        states, last = self.core(x)
        return states, last[0]

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input x (B, I)."""
        if not self.fused:
            return self.advance(self.project(x), state)
        return torch.rnn_tanh_cell(x, state, *self.core.all_weights[0])

    def project(self, x: Tensor) -> Tensor:
        """W x + b, (..., D), from x (..., I)."""
        w, _, b, _ = self.core.all_weights[0]
        return functional.linear(x, w, b)

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        return x.new_zeros(x.shape[0], self.hidden)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input, given as its projection (B, D)."""
        _, u, _, c = self.core.all_weights[0]
        return self.activation(projected + functional.linear(state, u, c))

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state
