"""The point-wise network: the recurrent cell over every row, all rows ahead from the last state.

The classic use of a GRU for forecasting, kept to compare with: on long horizons it is far worse than the
same cell over segments.

    e_t = [x''_t, mask_t, covariates_t]
    h   = cell over e_1 .. e_L
    out = V relu(U [h, known ahead, static, channel])     (H, Q)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.batch import Batch
from grucast.networks.heads import LinearPath, QuantileHead, SeasonTables, spread_of
from grucast.networks.stack import Stack


class RecurrentNetwork(nn.Module):
    """Quantiles (B, H, Q) of the rows ahead, in the units of the batch."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        hidden, horizon = model.hidden, window.horizon
        self.window = window
        self.cells = Stack(model.cell, 2 + model.known + model.past, hidden, model.layers, model.dropout)
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.mix = nn.Linear(hidden + horizon * model.known + model.static, hidden)
        self.drop = nn.Dropout(model.dropout)
        self.head = QuantileHead(hidden, horizon, model.quantile_levels)
        self.linear = LinearPath(window, model.linear_rank) if model.linear_rank else None
        self.seasons = SeasonTables(model.seasonal, model.channels) if model.seasonal else None

    def forward(self, batch: Batch) -> Tensor:
        """Quantiles (B, H, Q), not decreasing along Q."""
        x, length = batch.x, self.window.context_length
        if self.seasons is not None:
            behind, ahead = self.seasons(batch, self.window.horizon)
            x = (x - behind) * batch.mask
        spread = spread_of(x, batch.mask)
        x = x / spread
        rows = torch.cat([x[:, :, None], batch.mask[:, :, None], batch.known[:, :length], batch.past], dim=2)
        top, _ = self.cells.run(rows)
        seen = torch.cat([top[:, -1], batch.known[:, length:].flatten(1), batch.static], dim=1)
        mixed = functional.relu(self.mix(seen) + self.channel[batch.channel])
        out: Tensor = self.head(self.drop(mixed)[:, None])
        if self.linear is not None:
            out = out + self.linear(x)[:, :, None]
        out = out * spread[:, :, None]
        if self.seasons is not None:
            out = out + ahead[:, :, None]
        return out
