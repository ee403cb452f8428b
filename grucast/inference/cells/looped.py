"""One step after the other: how a cell runs over a window in service."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference.activations import activation_of
from grucast.inference.weights import Weights


class Cell(Protocol):
    """What every entry of CELLS is: one recurrent layer."""

    def start(self, size: int) -> Array32:
        """The state before the first input of `size` windows."""
        ...

    def project(self, x: Array32) -> Array32:
        """What the inputs x (..., I) add to the gates."""
        ...

    def step(self, projected: Array32, state: Array32) -> Array32:
        """The state after one input, given as its projection."""
        ...

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        ...


def over_time(cell: Cell, x: Array32, *, every: bool) -> tuple[Array32 | None, Array32]:
    """Outputs of all steps (B, S, D), None without `every`, and the last state, from x (B, S, I)."""
    size, steps = x.shape[:2]
    # all rows of all windows in one product: a product for each window takes half as long again
    rows = cell.project(x.reshape(size * steps, x.shape[2]))
    projected, state, outputs = rows.reshape(size, steps, rows.shape[1]), cell.start(size), []
    for step in range(steps):
        state = cell.step(projected[:, step], state)
        if every:
            outputs.append(cell.output(state))
    return np.stack(outputs, axis=1) if every else None, state


class Looped:
    """The weights W (G D, I), U (G D, D) and b (G D) of G gates, for cells that torch has no kernel for."""

    def __init__(self, weights: Weights, structure: Structure) -> None:
        self.w, self.u, self.b = weights["w"].T, weights["u"].T, weights["b"]
        self.hidden = len(self.u)
        self.activation = activation_of(structure.activation)

    def start(self, size: int) -> Array32:
        """The state before the first input, (B, D)."""
        return np.zeros((size, self.hidden), dtype=np.float32)

    def project(self, x: Array32) -> Array32:
        """W x + b, (..., G D), from x (..., I)."""
        return x @ self.w + self.b

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return state
