"""A cell whose steps are a loop in Python, because torch has no kernel for it."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from grucast.networks.cells.start import start_blocks


class Steps(Protocol):
    """What a loop needs of a cell."""

    def project(self, x: Tensor) -> Tensor:
        """What the inputs x (..., I) add to the gates, for all steps in one product."""
        ...

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        ...

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state after one more input, given as its projection."""
        ...

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        ...


def over_time(cell: Steps, x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs of all steps (B, S, D) and the last state, from x (B, S, I)."""
    state, outputs = cell.start(x), []
    for projected in cell.project(x).unbind(1):
        state = cell.advance(projected, state)
        outputs.append(cell.output(state))
    return torch.stack(outputs, dim=1), state


class Looped(nn.Module):
    """Weights W (G D, I), U (G D, D) and b (G D) of G gates, and the loop."""

    def __init__(self, inputs: int, hidden: int, gates: int, kept: tuple[int, float]) -> None:
        """`kept` is the gate that keeps memory, and the bias that it begins with."""
        super().__init__()
        self.hidden = hidden
        self.w = nn.Parameter(torch.empty(gates * hidden, inputs))
        self.u = nn.Parameter(torch.empty(gates * hidden, hidden))
        self.b = nn.Parameter(torch.zeros(gates * hidden))
        start_blocks(self.w, self.u, hidden)
        with torch.no_grad():
            self.b[kept[0] * hidden : (kept[0] + 1) * hidden] = kept[1]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of all steps (B, S, D) and the last state, from x (B, S, I)."""
        return over_time(self, x)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state after one more input x (B, I)."""
        return self.advance(self.project(x), state)

    def project(self, x: Tensor) -> Tensor:
        """W x + b, (..., G D), from x (..., I)."""
        return nn.functional.linear(x, self.w, self.b)

    def start(self, x: Tensor) -> Tensor:
        """The state before the first of the inputs x (B, S, I)."""
        return x.new_zeros(x.shape[0], self.hidden)

    def advance(self, projected: Tensor, state: Tensor) -> Tensor:
        """The state after one more input, given as its projection (B, G D)."""
        raise NotImplementedError

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        return state
