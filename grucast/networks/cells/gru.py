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
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import over_time
from grucast.networks.cells.start import start_recurrent


class GRU(nn.Module):
    """One recurrent layer: over a sequence, and one step; torch's own kernel where the activation is tanh."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__()
        self.hidden = hidden
        name = structure.activation if structure else None
        self.fused, self.activation = name in (None, "tanh"), activation_of(name)
        self.core = nn.GRU(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden, open_gate=slice(hidden, 2 * hidden))

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
        return torch.gru_cell(x, state, *self.core.all_weights[0])

    def project(self, x: Tensor) -> Tensor:
        """W x + b, (..., 3 D), from x (..., I)."""
        w, _, b, _ = self.core.all_weights[0]
        return functional.linear(x, w, b)

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        return x.new_zeros(x.shape[0], self.hidden)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input, given as its projection (B, 3 D)."""
        _, u, _, c = self.core.all_weights[0]
        d, held = self.hidden, functional.linear(state, u, c)
        reset, update = torch.sigmoid(projected[:, : 2 * d] + held[:, : 2 * d]).chunk(2, dim=1)
        candidate = self.activation(projected[:, 2 * d :] + reset * held[:, 2 * d :])
        return candidate + update * (state - candidate)

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state
