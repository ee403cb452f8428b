"""The default core in NumPy; the equations stand in `networks/segment.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.attention import attend, shares
from grucast.inference.filters import filtered
from grucast.inference.math import relu
from grucast.inference.stack import Encoded, Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


class SegmentCore:
    """States of segments: of the context in turn, of the horizon side by side."""

    def __init__(self, weights: Weights, model: ModelConfig, window: WindowSpec) -> None:
        self.weights, self.model, self.window = weights, model, window
        self.cells = Stack(model, below(weights, "cells"))

    def encode(self, x: Array32, windows: Windows) -> Encoded:
        """What is known after the context x (B, L); short fronts are padded as masked."""
        w, length = self.window.segment, self.window.context_length
        count = -(-length // w)
        rows = np.concatenate(
            [x[:, :, None], windows.mask[:, :, None], windows.known[:, :length], windows.past], axis=2
        )
        if self.model.structure.hybrid == "conv":
            rows = filtered(below(self.weights, "filters"), rows)
        padded = np.zeros_like(rows, shape=(len(x), count * w, rows.shape[2]))
        padded[:, count * w - length :] = rows
        segments = padded.reshape(len(x) * count, -1)
        embedded = segments @ self.weights["embed.weight"].T + self.weights["embed.bias"]
        return self.cells.encode(relu(embedded).reshape(len(x), count, -1))

    def decode(self, known: Encoded, windows: Windows) -> Array32:
        """Decoded states of the segments ahead, (B, S_out, D)."""
        ahead = self._ahead(known, windows)
        if known.path is None:
            return ahead
        return attend(below(self.weights, "attention"), ahead, known.path, self._seen(windows))

    def asks(self, known: Encoded, windows: Windows) -> Array32 | None:
        """How much each segment ahead asks of each of the context, (B, S_out, S); None without attention."""
        if known.path is None:
            return None
        ahead = self._ahead(known, windows)
        return shares(below(self.weights, "attention"), ahead, known.path, self._seen(windows))

    def _ahead(self, known: Encoded, windows: Windows) -> Array32:
        """The segments ahead, (B, S_out, D), before they ask anything."""
        window, weights = self.window, self.weights
        w, size, count = window.segment, len(windows), -(-window.horizon // window.segment)
        query = weights["position"][None] + weights["channel"][windows.channel][:, None]
        if self.model.known:
            later = np.zeros_like(windows.known, shape=(size, count * w, windows.known.shape[2]))
            later[:, : window.horizon] = windows.known[:, window.context_length :]
            query = query + later.reshape(size, count, -1) @ weights["query_known.weight"].T
        if self.model.static:
            query = query + (windows.static @ weights["query_static.weight"].T)[:, None]
        return self.cells.ahead(query, known)

    def _seen(self, windows: Windows) -> Array32:
        """1 where anything of a segment of the context was observed, (B, S)."""
        w, length = self.window.segment, self.window.context_length
        count = -(-length // w)
        padded = np.zeros((len(windows), count * w), dtype=np.float32)
        padded[:, count * w - length :] = windows.mask
        most: Array32 = padded.reshape(len(windows), count, w).max(axis=2)
        return most
