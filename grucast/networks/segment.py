"""The default core: a recurrent cell over segments of the window, all segments ahead decoded at once.

After SegRNN (Lin et al. 2023, arXiv 2308.11200). For a normalised window x'' (L,) in segments of w rows:

    e_k = relu(E [x''_k, mask_k, covariates_k])                  segment k, (D,)
    h   = cell over e_1 .. e_S
    q_j = position_j + channel + K known_j + A static            query of segment j ahead, (D,)
    g_j = one step of the same cell from h, input q_j

`inference/segment.py` is the same in NumPy and changes with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.batch import Batch
from grucast.networks.stack import Stack


class SegmentCore(nn.Module):
    """States of segments: of the context in turn, of the horizon side by side."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        w, hidden = window.segment, model.hidden
        self.window, self.rows = window, w
        self.segments_in = -(-window.context_length // w)
        self.segments_out = -(-window.horizon // w)
        self.embed = nn.Linear(w * (2 + model.known + model.past), hidden)
        self.cells = Stack(model.cell, hidden, hidden, model.layers, model.dropout)
        self.position = nn.Parameter(0.02 * torch.randn(self.segments_out, hidden))
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.query_known = nn.Linear(w * model.known, hidden, bias=False) if model.known else None
        self.query_static = nn.Linear(model.static, hidden, bias=False) if model.static else None

    def encode(self, x: Tensor, batch: Batch) -> list[Tensor]:
        """The last state of each layer, from x (B, L); short fronts are padded as masked."""
        w, length = self.window.segment, self.window.context_length
        rows = torch.cat([x[:, :, None], batch.mask[:, :, None], batch.known[:, :length], batch.past], dim=2)
        rows = functional.pad(rows, (0, 0, self.segments_in * w - length, 0))
        return self.cells.encode(functional.relu(self.embed(rows.reshape(len(x), self.segments_in, -1))))

    def decode(self, state: list[Tensor], batch: Batch) -> Tensor:
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
