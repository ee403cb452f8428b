"""The long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000).

    i_t = sigmoid(W_i x_t + b_i + U_i h_{t-1} + c_i)     input gate
    f_t = sigmoid(W_f x_t + b_f + U_f h_{t-1} + c_f)     forget gate
    g_t = tanh(W_g x_t + b_g + U_g h_{t-1} + c_g)        candidate
    o_t = sigmoid(W_o x_t + b_o + U_o h_{t-1} + c_o)     output gate
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

The state is h and c side by side, (B, 2 D). `--activation` takes the place of both tanh.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import over_time
from grucast.networks.cells.start import start_recurrent


class LSTM(nn.Module):
    """One recurrent layer: over a sequence, and one step; torch's own kernel where the activation is tanh."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__()
        self.hidden = hidden
        name = structure.activation if structure else None
        self.fused, self.activation = name in (None, "tanh"), activation_of(name)
        self.core = nn.LSTM(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden, open_gate=slice(hidden, 2 * hidden))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last whole state (B, 2 D), from x (B, S, I)."""
        if not self.fused:
            return over_time(self, x)
        states, (h, c) = self.core(x)
        return states, torch.cat([h[0], c[0]], dim=1)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, 2 D) after one more input x (B, I)."""
        if not self.fused:
            return self.advance(self.project(x), state)
        return torch.cat(torch.lstm_cell(x, state.chunk(2, dim=1), *self.core.all_weights[0]), dim=1)

    def project(self, x: Tensor) -> Tensor:
        """W x + b, (..., 4 D), from x (..., I)."""
        w, _, b, _ = self.core.all_weights[0]
        return functional.linear(x, w, b)

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        return x.new_zeros(x.shape[0], 2 * self.hidden)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state (B, 2 D) after one more input, given as its projection (B, 4 D)."""
        _, u, _, c = self.core.all_weights[0]
        h, memory = state.chunk(2, dim=1)
        enter, forget, candidate, leave = (projected + functional.linear(h, u, c)).chunk(4, dim=1)
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * self.activation(candidate)
        return torch.cat([torch.sigmoid(leave) * self.activation(memory), memory], dim=1)

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state.chunk(2, dim=1)[0]
