"""The gated recurrent unit with weighted time-delay feedback (Erichson, Lim & Mahoney 2022, arXiv 2212.00228).

With input x_n (I,), state h_n (D,) and the state h_{n-d} of d steps before it, zero before the start:

    u_n     = tanh(W_u x_n + U_u h_n + b_u)
    g_n     = sigmoid(W_g x_n + U_g h_n + b_g)                  how much moves
    a_n     = sigmoid(W_a x_n + U_a h_n + b_a)                  how much the delayed part counts
    z_n     = tanh(W_z x_n + U_z h_{n-d} + b_z)
    h_{n+1} = (1 - g_n) * h_n + g_n * (u_n + a_n * z_n)

The step of the differential equation behind it is one. The state is h_n, h_{n-1}, ..., h_{n-d} side by side,
(B, (d + 1) D).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.looped import Looped


class TauGRU(Looped):
    """One recurrent layer; blocks of the weights: u, g, a, z."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__(inputs, hidden, gates=4, kept=(1, -1.0))
        self.delay = structure.delay if structure else 1
        self.activation = activation_of(structure.activation if structure else None)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last with those before it (B, (d + 1) D), from x (B, S, I)."""
        path = [x.new_zeros(x.shape[0], self.hidden)] * (self.delay + 1)
        for projected in self.project(x).unbind(1):
            path.append(self._next(projected, path[-1], path[-1 - self.delay]))
        return torch.stack(path[self.delay + 1 :], dim=1), torch.cat(path[: -self.delay - 2 : -1], dim=1)

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        return x.new_zeros(x.shape[0], (self.delay + 1) * self.hidden)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state (B, (d + 1) D) after one more input, given as its projection (B, 4 D)."""
        d = self.hidden
        after = self._next(projected, state[:, :d], state[:, -d:])
        return torch.cat([after, state[:, :-d]], dim=1)

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state[:, : self.hidden]

    def _next(self, projected: Tensor, state: Tensor, late: Tensor) -> Tensor:
        """h_{n+1} (B, D) from h_n and h_{n-d}."""
        d = self.hidden
        raw = projected[:, : 3 * d] + functional.linear(state, self.u[: 3 * d])
        gate, weight = torch.sigmoid(raw[:, d:]).chunk(2, dim=1)
        delayed = self.activation(projected[:, 3 * d :] + functional.linear(late, self.u[3 * d :]))
        return state + gate * (self.activation(raw[:, :d]) + weight * delayed - state)
