"""The minimal gated recurrent unit (Feng et al. 2024, arXiv 2410.01201): no gate sees the state.

With input x_t (I,) and state h_{t-1} (D,):

    z_t = sigmoid(W_z x_t + b_z)                                how much moves
    n_t = W_n x_t + b_n                                         candidate
    h_t = (1 - z_t) * h_{t-1} + z_t * n_t

As z and n depend on inputs alone, h is a linear recurrence, and all steps of a training window are found at once by a
scan; in service one step follows the other. `--activation` puts a function around the candidate, where the paper has
none.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grucast.core.config import Structure
from grucast.networks.activations import activation_of
from grucast.networks.cells.start import start_blocks
from grucast.networks.scan import scan

TOGETHER = 1 << 20  # gates that a processor makes at once: what stays near is several times faster


class MinGRU(nn.Module):
    """One recurrent layer: over a sequence, and one step; blocks of the weights: update, candidate."""

    def __init__(self, inputs: int, hidden: int, structure: Structure | None = None) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(2 * hidden, inputs))
        self.b = nn.Parameter(torch.zeros(2 * hidden))
        start_blocks(self.w, None, hidden)
        with torch.no_grad():
            self.b[:hidden] = -1.0
        name = structure.activation if structure else None
        self.activation = activation_of(name) if name else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps (B, S, D) and the last one (B, D), from x (B, S, I)."""
        some = max(1, TOGETHER // (x.shape[1] * len(self.b)))
        whole = x.device.type != "cpu" or torch.compiler.is_compiling()  # a graph has any number of windows
        parts = (x,) if whole else torch.split(x, some)
        states = torch.cat([self._run(part) for part in parts])
        return states, states[:, -1]

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state (B, D) after one more input x (B, I)."""
        update, candidate = self._project(x).chunk(2, dim=1)
        return state + torch.sigmoid(update) * (candidate - state)

    @staticmethod
    def output(state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state

    def _run(self, x: Tensor) -> Tensor:
        update, candidate = self._project(x).chunk(2, dim=2)
        return scan(torch.sigmoid(-update), torch.sigmoid(update) * candidate)

    def _project(self, x: Tensor) -> Tensor:
        """Updates before their sigmoid and candidates, (..., 2 D), from x (..., I)."""
        both = nn.functional.linear(x, self.w, self.b)
        if self.activation is None:
            return both
        update, candidate = both.chunk(2, dim=-1)
        return torch.cat([update, self.activation(candidate)], dim=-1)
