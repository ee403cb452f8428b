"""Layers of one recurrent cell on top of each other."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from grucast.networks import CELLS


class Cell(Protocol):
    """What every entry of CELLS is: one recurrent layer."""

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of all steps (B, S, D) and the last state, from x (B, S, I)."""
        ...

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state after one more input x (B, I)."""
        ...

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        ...


class Stack(nn.Module):
    """`layers` cells, dropout between them."""

    def __init__(self, cell: str, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        kind = CELLS.load(cell)
        self.layers = nn.ModuleList([kind(inputs if k == 0 else hidden, hidden) for k in range(layers)])
        self.drop = nn.Dropout(dropout)

    def encode(self, x: Tensor) -> list[Tensor]:
        """The last state of each layer, from x (B, S, I)."""
        last: list[Tensor] = []
        for k, layer in enumerate(self._cells()):
            x, state = layer(self.drop(x) if k else x)
            last.append(state)
        return last

    def output(self, state: list[Tensor]) -> Tensor:
        """What the top layer passes on, (B, D), of the states of all layers."""
        return self._cells()[-1].output(state[-1])

    def outputs(self, state: list[Tensor]) -> Tensor:
        """What each layer passes on, side by side, (B, layers * D)."""
        return torch.cat([layer.output(one) for layer, one in zip(self._cells(), state, strict=True)], dim=1)

    def step(self, x: Tensor, state: list[Tensor]) -> Tensor:
        """The output (B, D) of the top layer after one more input x (B, I) from `state`."""
        for k, (layer, one) in enumerate(zip(self._cells(), state, strict=True)):
            x = layer.output(layer.step(self.drop(x) if k else x, one))
        return x

    def _cells(self) -> list[Cell]:
        return [cast("Cell", layer) for layer in self.layers]
