"""Layers of one recurrent cell on top of each other, and beside them a cell that looks a season back.

    y_1 = layer 1 over x, y_2 = layer 2 over y_1, ...           each with the state of `dilations` steps before
    s   = a cell over x, with the state of `skip` steps before
    out = y + J s                                               after LSTNet (Lai et al. 2018, arXiv 1703.07015)

What is ahead is told by one step more of each. Where states of several phases are kept (`skip`, `dilations`), each
step ahead follows on that of its own phase: with a season between, tomorrow at nine follows on yesterday at nine.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from grucast.core.config import ModelConfig
from grucast.networks import CELLS
from grucast.networks.layers import BothWays, Cell, follow, over_phases


class Encoded(NamedTuple):
    """What is known after the context; the i-th state is the one that the i-th step ahead follows on."""

    states: list[Tensor]  # of each layer, (B, its dilation, W)
    back: Tensor | None  # of the cell that looks back, (B, skip, W)
    path: Tensor  # (B, S, D) what the top layer passed on at each step


class Stack(nn.Module):
    """The layers of a network, dropout between them.

    `together` is for a network that tells all that is ahead from one state: the states of all phases of the cell
    that looks back are then joined at once, each with a map of its own, and it is an eighth as wide.
    """

    def __init__(self, model: ModelConfig, inputs: int, *, together: bool = False) -> None:
        super().__init__()
        structure, hidden = model.structure, model.hidden
        self.strides = structure.dilations or (1,) * model.layers
        self.layers = nn.ModuleList([_layer(model, inputs if k == 0 else hidden) for k in range(model.layers)])
        self.drop = nn.Dropout(model.dropout)
        self.skip, self.together = structure.skip, together
        self.back: nn.Module | None = None
        if self.skip:
            width = max(1, hidden // 8) if together else hidden
            self.back = CELLS.load(model.cell)(inputs, width, structure)
            self.join = nn.Linear(width * (self.skip if together else 1), hidden, bias=False)

    def encode(self, x: Tensor) -> Encoded:
        """What is known after x (B, S, I)."""
        states, first = [], x
        for k, (layer, stride) in enumerate(zip(self._cells(), self.strides, strict=True)):
            x, last = over_phases(layer, self.drop(x) if k else x, stride)
            states.append(last)
        back = over_phases(cast("Cell", self.back), first, self.skip)[1] if self.back is not None else None
        return Encoded(states, back, x)

    def output(self, known: Encoded) -> Tensor:
        """What the top layer passes on after the context, (B, D)."""
        out = self._cells()[-1].output(known.states[-1][:, -1])
        return out if known.back is None else out + self._joined(known.back)

    def outputs(self, known: Encoded) -> Tensor:
        """What each layer passes on after the context, side by side, (B, layers * D)."""
        below = [layer.output(one[:, -1]) for layer, one in zip(self._cells()[:-1], known.states, strict=False)]
        return torch.cat([*below, self.output(known)], dim=1)

    def ahead(self, query: Tensor, known: Encoded) -> Tensor:
        """What is passed on (B, C, D) after one input more, for each of the C steps ahead in query (B, C, I)."""
        x = query
        for k, (layer, states) in enumerate(zip(self._cells(), known.states, strict=True)):
            x = follow(layer, self.drop(x) if k else x, states)
        if known.back is None:
            return x
        later: Tensor = self.join(follow(cast("Cell", self.back), query, known.back))
        return x + later

    def _joined(self, back: Tensor) -> Tensor:
        """What the cell that looks back adds after the context, (B, D), of its states (B, skip, W)."""
        some = back if self.together else back[:, -1:]
        passed = cast("Cell", self.back).output(some.flatten(0, 1))
        joined: Tensor = self.join(passed.reshape(back.shape[0], -1))
        return joined

    def _cells(self) -> list[Cell]:
        return [cast("Cell", layer) for layer in self.layers]


def _layer(model: ModelConfig, inputs: int) -> nn.Module:
    if model.structure.bidirectional:
        return BothWays(model.cell, inputs, model.hidden, model.structure)
    made: nn.Module = CELLS.load(model.cell)(inputs, model.hidden, model.structure)
    return made
