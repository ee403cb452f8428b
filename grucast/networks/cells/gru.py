"""The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078) in the variant of torch.

With input x_t (I,) and state h_{t-1} (D,):

    r_t = sigmoid(W_r x_t + b_r + U_r h_{t-1} + c_r)            reset gate
    z_t = sigmoid(W_z x_t + b_z + U_z h_{t-1} + c_z)            update gate
    n_t = tanh(W_n x_t + b_n + r_t * (U_n h_{t-1} + c_n))       candidate
    h_t = z_t * h_{t-1} + (1 - z_t) * n_t

The reset gate acts after the product with U_n, which lets all products be done at once; the paper
resets the state before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grucast.networks.cells.start import start_recurrent


class GRU(nn.Module):
    """One recurrent layer: over a sequence, and one step."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.core = nn.GRU(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden, open_gate=slice(hidden, 2 * hidden))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last one (B, D), from x (B, S, I)."""
        states, last = self.core(x)
        return states, last[0]

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input x (B, I)."""
        return torch.gru_cell(x, state, *self.core.all_weights[0])

    @staticmethod
    def output(state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state
