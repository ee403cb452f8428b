"""The point-wise core: the recurrent cell over every row, all rows ahead from the last state.

The classic use of a GRU for forecasting, kept to compare with: on long horizons it is far worse than the
same cell over segments.

    e_t = [x''_t, mask_t, covariates_t]
    h   = cell over e_1 .. e_L
    g   = relu(U [h, known ahead, static] + channel)             one state for all H rows
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.batch import Batch
from grucast.networks.stack import Stack


class RecurrentCore(nn.Module):
    """States of rows."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        hidden, horizon = model.hidden, window.horizon
        self.length, self.rows = window.context_length, horizon
        self.cells = Stack(model.cell, 2 + model.known + model.past, hidden, model.layers, model.dropout)
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.mix = nn.Linear(hidden + horizon * model.known + model.static, hidden)

    def encode(self, x: Tensor, batch: Batch) -> list[Tensor]:
        """The last state of each layer, from x (B, L)."""
        rows = [x[:, :, None], batch.mask[:, :, None], batch.known[:, : self.length], batch.past]
        return self.cells.encode(torch.cat(rows, dim=2))

    def decode(self, state: list[Tensor], batch: Batch) -> Tensor:
        """The one state of all rows ahead, (B, 1, D)."""
        later = batch.known[:, self.length :].flatten(1)
        seen = torch.cat([self.cells.output(state), later, batch.static], dim=1)
        return functional.relu(self.mix(seen) + self.channel[batch.channel])[:, None]
