"""Layers of one recurrent cell on top of each other, in NumPy."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.inference import CELLS
from grucast.inference.weights import Weights, below


class Stack:
    """`layers` cells; there is no dropout in service."""

    def __init__(self, cell: str, layers: int, weights: Weights) -> None:
        kind = CELLS.load(cell)
        self.layers = [kind(below(weights, f"layers.{k}")) for k in range(layers)]

    def encode(self, x: Array32) -> list[Array32]:
        """The last state of each layer, from x (B, S, I)."""
        last: list[Array32] = []
        for k, layer in enumerate(self.layers):
            # all rows of all windows in one product: a product for each window takes half as long again
            rows = layer.project(x.reshape(len(x) * x.shape[1], x.shape[2]))
            projected, state = rows.reshape(len(x), x.shape[1], rows.shape[1]), layer.start(len(x))
            outputs = []
            for step in range(x.shape[1]):
                state = layer.step(projected[:, step], state)
                if k + 1 < len(self.layers):
                    outputs.append(layer.output(state))
            last.append(state)
            if outputs:
                x = np.stack(outputs, axis=1)
        return last

    def output(self, state: list[Array32]) -> Array32:
        """What the top layer passes on, (B, D), of the states of all layers."""
        top: Array32 = self.layers[-1].output(state[-1])
        return top

    def outputs(self, state: list[Array32]) -> Array32:
        """What each layer passes on, side by side, (B, layers * D)."""
        return np.concatenate([layer.output(one) for layer, one in zip(self.layers, state, strict=True)], axis=1)

    def step(self, x: Array32, state: list[Array32]) -> Array32:
        """The output (B, D) of the top layer after one more input x (B, I) from `state`."""
        for layer, one in zip(self.layers, state, strict=True):
            x = layer.output(layer.step(layer.project(x), one))
        return x
