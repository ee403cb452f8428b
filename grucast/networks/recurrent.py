"""The point-wise core: the recurrent cell over every row, all rows ahead from the last state.

The classic use of a GRU for forecasting, kept to compare with: on long horizons it is far worse than the
same cell over segments.

    e_t = [x''_t, mask_t, covariates_t]
    h   = cell over e_1 .. e_L
    g   = relu(U [h, known ahead, static] + channel)             one state for all H rows

The options of `filters.py`, `stack.py` and `attention.py` are those of the segment core, with rows for segments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.attention import Attention
from grucast.networks.batch import Batch
from grucast.networks.filters import Filters, width_of
from grucast.networks.stack import Encoded, Stack


class RecurrentCore(nn.Module):
    """States of rows."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        hidden, horizon, structure = model.hidden, window.horizon, model.structure
        self.length, self.rows = window.context_length, horizon
        inputs = 2 + model.known + model.past
        self.cells = Stack(model, width_of(inputs, structure.hybrid), together=True)
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.mix = nn.Linear(hidden + horizon * model.known + model.static, hidden)
        self.filters = Filters(inputs) if structure.hybrid == "conv" else None
        self.attention = Attention(hidden) if structure.attention else None

    def encode(self, x: Tensor, batch: Batch) -> Encoded:
        """What is known after the context x (B, L)."""
        parts = [x[:, :, None], batch.mask[:, :, None], batch.known[:, : self.length], batch.past]
        rows = torch.cat(parts, dim=2)
        return self.cells.encode(rows if self.filters is None else self.filters(rows))

    def decode(self, known: Encoded, batch: Batch) -> Tensor:
        """The one state of all rows ahead, (B, 1, D)."""
        later = batch.known[:, self.length :].flatten(1)
        seen = torch.cat([self.cells.output(known), later, batch.static], dim=1)
        ahead = functional.relu(self.mix(seen) + self.channel[batch.channel])[:, None]
        return ahead if self.attention is None else self.attention(ahead, known.path, batch.mask)
