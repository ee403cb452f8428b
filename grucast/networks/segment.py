"""The default network: a recurrent cell over segments of the window, all segments ahead decoded at once.

After SegRNN (Lin et al. 2023, arXiv 2308.11200), with quantile heads, a linear path and learned season
tables (CycleNet, Lin et al. 2024, arXiv 2409.18479). For a window x (L,) with its anchor at zero:

    x'  = x - (T[phase] - T[phase of the anchor])                season tables off
    s   = mean |x'| + 0.3;  x'' = x' / s                         spread of the window, in scales of the series
    e_k = relu(E [x''_k, mask_k, covariates_k])                  segment k of w rows, (D,)
    h   = cell over e_1 .. e_S
    q_j = position_j + channel + K known_j + A static            query of segment j ahead, (D,)
    g_j = one step of the same cell from h, input q_j
    out = head(g_j) (w, Q) + P x'' (the linear path, all quantiles alike)
    y   = out * s + (T[phase ahead] - T[phase of the anchor])

`inference/segment.py` is the same in NumPy and changes with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.batch import Batch
from grucast.networks.heads import LinearPath, QuantileHead, SeasonTables, spread_of
from grucast.networks.stack import Stack


class SegmentNetwork(nn.Module):
    """Quantiles (B, H, Q) of the rows ahead, in the units of the batch."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        w, hidden = window.segment, model.hidden
        self.window = window
        self.segments_in = -(-window.context_length // w)
        self.segments_out = -(-window.horizon // w)
        self.embed = nn.Linear(w * (2 + model.known + model.past), hidden)
        self.cells = Stack(model.cell, hidden, hidden, model.layers, model.dropout)
        self.position = nn.Parameter(0.02 * torch.randn(self.segments_out, hidden))
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.query_known = nn.Linear(w * model.known, hidden, bias=False) if model.known else None
        self.query_static = nn.Linear(model.static, hidden, bias=False) if model.static else None
        self.drop = nn.Dropout(model.dropout)
        self.head = QuantileHead(hidden, w, model.quantile_levels)
        self.linear = LinearPath(window, model.linear_rank) if model.linear_rank else None
        self.seasons = SeasonTables(model.seasonal, model.channels) if model.seasonal else None

    def forward(self, batch: Batch) -> Tensor:
        """Quantiles (B, H, Q), not decreasing along Q."""
        horizon = self.window.horizon
        x = batch.x
        if self.seasons is not None:
            behind, ahead = self.seasons(batch, horizon)
            x = (x - behind) * batch.mask
        spread = spread_of(x, batch.mask)  # (B, 1)
        x = x / spread
        state = self.cells.encode(functional.relu(self._segments(x, batch)))
        out: Tensor = self.head(self.drop(self._decode(state, batch)))  # (B, S_out * w, Q)
        out = out[:, :horizon]
        if self.linear is not None:
            out = out + self.linear(x)[:, :, None]
        out = out * spread[:, :, None]
        if self.seasons is not None:
            out = out + ahead[:, :, None]
        return out

    def _segments(self, x: Tensor, batch: Batch) -> Tensor:
        """Embedded segments of the context before the ReLU, (B, S_in, D); short fronts are padded as masked."""
        w, length = self.window.segment, self.window.context_length
        rows = torch.cat([x[:, :, None], batch.mask[:, :, None], batch.known[:, :length], batch.past], dim=2)
        rows = functional.pad(rows, (0, 0, self.segments_in * w - length, 0))
        embedded: Tensor = self.embed(rows.reshape(len(x), self.segments_in, -1))
        return embedded

    def _decode(self, state: list[Tensor], batch: Batch) -> Tensor:
        """Decoded states of the segments ahead, (B, S_out, D)."""
        w, size, count = self.window.segment, len(batch.x), self.segments_out
        query = self.position[None] + self.channel[batch.channel][:, None]  # (B, S_out, D)
        if self.query_known is not None:
            ahead = batch.known[:, self.window.context_length :]
            ahead = functional.pad(ahead, (0, 0, 0, count * w - self.window.horizon))
            query = query + self.query_known(ahead.reshape(size, count, -1))
        if self.query_static is not None:
            query = query + self.query_static(batch.static)[:, None]
        wide = [one[:, None].expand(-1, count, -1).reshape(size * count, -1) for one in state]
        return self.cells.step(query.reshape(size * count, -1), wide).reshape(size, count, -1)
