"""The simple recurrent network (Elman 1990), whose gradients vanish over distance.

    h_t = tanh(W x_t + b + U h_{t-1} + c)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grucast.networks.cells.start import start_recurrent


class RNN(nn.Module):
    """One recurrent layer: over a sequence, and one step."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.core = nn.RNN(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last one (B, D), from x (B, S, I)."""
        states, last = self.core(x)
        return states, last[0]

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input x (B, I)."""
        return torch.rnn_tanh_cell(x, state, *self.core.all_weights[0])

    @staticmethod
    def output(state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state
