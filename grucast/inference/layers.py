"""Ways to run one recurrent cell over the context, in NumPy; `networks/layers.py` is its twin."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import Structure
from grucast.inference import CELLS
from grucast.inference.cells.looped import Cell, over_time
from grucast.inference.weights import Weights, below


class Layer(Protocol):
    """One recurrent layer."""

    def run(self, x: Array32, *, every: bool) -> tuple[Array32 | None, Array32]:
        """Outputs of all steps (B, S, D), None without `every`, and the last state (B, W), from x (B, S, I)."""
        ...

    def next(self, x: Array32, state: Array32) -> Array32:
        """The state after one more input x (B, I)."""
        ...

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        ...


class Forwards:
    """A cell, step after step."""

    def __init__(self, cell: str, weights: Weights, structure: Structure) -> None:
        self.cell: Cell = CELLS.load(cell)(weights, structure)

    def run(self, x: Array32, *, every: bool) -> tuple[Array32 | None, Array32]:
        """Outputs of all steps (B, S, D), None without `every`, and the last state (B, W), from x (B, S, I)."""
        return over_time(self.cell, x, every=every)

    def next(self, x: Array32, state: Array32) -> Array32:
        """The state after one more input x (B, I)."""
        return self.cell.step(self.cell.project(x), state)

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return self.cell.output(state)


class BothWays:
    """A cell forwards and one backwards over the context, joined."""

    def __init__(self, cell: str, weights: Weights, structure: Structure) -> None:
        self.forth = Forwards(cell, below(weights, "forth"), structure)
        self.back = Forwards(cell, below(weights, "back"), structure)
        self.w, self.b = weights["join.weight"].T, weights["join.bias"]

    def run(self, x: Array32, *, every: bool) -> tuple[Array32 | None, Array32]:
        """Outputs of all steps (B, S, D), None without `every`, and the state of both, from x (B, S, I)."""
        first, ahead = self.forth.run(x, every=every)
        second, behind = self.back.run(x[:, ::-1], every=every)
        parts = [one.reshape(len(x), -1, len(self.b)) for one in (ahead, behind)]
        state: Array32 = (np.concatenate(parts, axis=2) @ self.w + self.b).reshape(len(x), -1)
        if first is None or second is None:
            return None, state
        return np.concatenate([first, second[:, ::-1]], axis=2) @ self.w + self.b, state

    def next(self, x: Array32, state: Array32) -> Array32:
        """The state after one more input x (B, I), of the forward cell."""
        return self.forth.next(x, state)

    def output(self, state: Array32) -> Array32:
        """The part of the state that is passed on, (B, D)."""
        return self.forth.output(state)


def over_phases(layer: Layer, x: Array32, stride: int, *, every: bool) -> tuple[Array32 | None, Array32]:
    """Outputs (B, S, D), None without `every`, and last states (B, stride, W): each state follows on one `stride` back.

    The i-th state given is the one that the i-th step after the context follows on; the last one is the newest.
    """
    if stride == 1:
        outputs, last = layer.run(x, every=every)
        return outputs, last[:, None]
    outputs, states = None, []
    for phase in range(stride):
        found, last = layer.run(x[:, phase::stride], every=every)
        states.append(last)
        if found is not None:
            if outputs is None:
                outputs = np.empty_like(found, shape=(*x.shape[:2], found.shape[2]))
            outputs[:, phase::stride] = found
    return outputs, np.roll(np.stack(states, axis=1), -(x.shape[1] % stride), axis=1)


def follow(layer: Layer, x: Array32, states: Array32) -> Array32:
    """Outputs (B, C, D) of one step for each of C inputs x (B, C, I), the i-th after the i-th of `states`, in turn."""
    size, count = x.shape[:2]
    wide = states[:, np.arange(count) % states.shape[1]].reshape(size * count, -1)
    return layer.output(layer.next(x.reshape(size * count, -1), wide)).reshape(size, count, -1)
