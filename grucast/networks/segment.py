"""The default core: a recurrent cell over segments of the window, all segments ahead decoded at once.

After SegRNN (Lin et al. 2023, arXiv 2308.11200). For a normalised window x'' (L,) in segments of w rows:

    e_k = relu(E [x''_k, mask_k, covariates_k])                  segment k, (D,)
    h   = cell over e_1 .. e_S
    q_j = position_j + channel + K known_j + A static            query of segment j ahead, (D,)
    g_j = one step of the same cell from h, input q_j

Options add to it: filters over the rows before E (`filters.py`), other ways through time (`stack.py`), and g_j that
ask all states of the context (`attention.py`). `inference/segment.py` is the same in NumPy and changes with it.
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


class SegmentCore(nn.Module):
    """States of segments: of the context in turn, of the horizon side by side."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        w, hidden, structure = window.segment, model.hidden, model.structure
        self.window, self.rows = window, w
        self.segments_in = -(-window.context_length // w)
        self.segments_out = -(-window.horizon // w)
        inputs = 2 + model.known + model.past
        self.embed = nn.Linear(w * width_of(inputs, structure.hybrid), hidden)
        self.cells = Stack(model, hidden)
        self.position = nn.Parameter(0.02 * torch.randn(self.segments_out, hidden))
        self.channel = nn.Parameter(0.02 * torch.randn(model.channels, hidden))
        self.query_known = nn.Linear(w * model.known, hidden, bias=False) if model.known else None
        self.query_static = nn.Linear(model.static, hidden, bias=False) if model.static else None
        self.filters = Filters(inputs) if structure.hybrid == "conv" else None
        self.attention = Attention(hidden) if structure.attention else None

    def encode(self, x: Tensor, batch: Batch) -> Encoded:
        """What is known after the context x (B, L); short fronts are padded as masked."""
        w, length = self.window.segment, self.window.context_length
        rows = torch.cat([x[:, :, None], batch.mask[:, :, None], batch.known[:, :length], batch.past], dim=2)
        if self.filters is not None:
            rows = self.filters(rows)
        rows = functional.pad(rows, (0, 0, self.segments_in * w - length, 0))
        return self.cells.encode(functional.relu(self.embed(rows.reshape(x.shape[0], self.segments_in, -1))))

    def decode(self, known: Encoded, batch: Batch) -> Tensor:
        """Decoded states of the segments ahead, (B, S_out, D)."""
        w, size, count = self.window.segment, batch.x.shape[0], self.segments_out
        query = self.position[None] + self.channel[batch.channel][:, None]  # (B, S_out, D)
        if self.query_known is not None:
            later = batch.known[:, self.window.context_length :]
            later = functional.pad(later, (0, 0, 0, count * w - self.window.horizon))
            query = query + self.query_known(later.reshape(size, count, -1))
        if self.query_static is not None:
            query = query + self.query_static(batch.static)[:, None]
        ahead = self.cells.ahead(query, known)
        if self.attention is None:
            return ahead
        padded = functional.pad(batch.mask, (self.segments_in * w - self.window.context_length, 0))
        seen = padded.reshape(size, self.segments_in, w).amax(2)
        found: Tensor = self.attention(ahead, known.path, seen)
        return found
