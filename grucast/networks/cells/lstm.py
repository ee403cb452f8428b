"""The long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000).

    i_t = sigmoid(W_i x_t + b_i + U_i h_{t-1} + c_i)     input gate
    f_t = sigmoid(W_f x_t + b_f + U_f h_{t-1} + c_f)     forget gate
    g_t = tanh(W_g x_t + b_g + U_g h_{t-1} + c_g)        candidate
    o_t = sigmoid(W_o x_t + b_o + U_o h_{t-1} + c_o)     output gate
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

The state is h and c side by side, (B, 2 D).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grucast.networks.cells.start import start_recurrent


class LSTM(nn.Module):
    """One recurrent layer: over a sequence, and one step."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.core = nn.LSTM(inputs, hidden, batch_first=True)
        start_recurrent(self.core, hidden, open_gate=slice(hidden, 2 * hidden))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last whole state (B, 2 D), from x (B, S, I)."""
        states, (h, c) = self.core(x)
        return states, torch.cat([h[0], c[0]], dim=1)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, 2 D) after one more input x (B, I)."""
        return torch.cat(torch.lstm_cell(x, state.chunk(2, dim=1), *self.core.all_weights[0]), dim=1)

    @staticmethod
    def output(state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state.chunk(2, dim=1)[0]
