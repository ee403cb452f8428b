"""The default core in NumPy; the equations stand in `networks/segment.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.math import relu
from grucast.inference.stack import Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


class SegmentCore:
    """States of segments: of the context in turn, of the horizon side by side."""

    def __init__(self, weights: Weights, model: ModelConfig, window: WindowSpec) -> None:
        self.weights, self.model, self.window = weights, model, window
        self.cells = Stack(model.cell, model.layers, below(weights, "cells"))

    def encode(self, x: Array32, windows: Windows) -> list[Array32]:
        """The last state of each layer, from x (B, L); short fronts are padded as masked."""
        w, length = self.window.segment, self.window.context_length
        count = -(-length // w)
        rows = np.concatenate(
            [x[:, :, None], windows.mask[:, :, None], windows.known[:, :length], windows.past], axis=2
        )
        padded = np.zeros((len(x), count * w, rows.shape[2]), dtype=np.float32)
        padded[:, count * w - length :] = rows
        segments = padded.reshape(len(x) * count, -1)
        embedded = segments @ self.weights["embed.weight"].T + self.weights["embed.bias"]
        return self.cells.encode(relu(embedded).reshape(len(x), count, -1))

    def decode(self, state: list[Array32], windows: Windows) -> Array32:
        """Decoded states of the segments ahead, (B, S_out, D)."""
        window, weights = self.window, self.weights
        w, size, count = window.segment, len(windows), -(-window.horizon // window.segment)
        query = weights["position"][None] + weights["channel"][windows.channel][:, None]
        if self.model.known:
            ahead = np.zeros((size, count * w, windows.known.shape[2]), dtype=np.float32)
            ahead[:, : window.horizon] = windows.known[:, window.context_length :]
            query = query + ahead.reshape(size, count, -1) @ weights["query_known.weight"].T
        if self.model.static:
            query = query + (windows.static @ weights["query_static.weight"].T)[:, None]
        wide = [np.repeat(one, count, axis=0) for one in state]
        return self.cells.step(query.reshape(size * count, -1), wide).reshape(size, count, -1)
