"""Layers of one recurrent cell on top of each other, in NumPy; the equations stand in `networks/stack.py`, its twin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig
from grucast.inference.layers import BothWays, Forwards, Layer, follow, over_phases
from grucast.inference.weights import Weights, below


class Encoded(NamedTuple):
    """What is known after the context; the i-th state is the one that the i-th step ahead follows on."""

    states: list[Array32]  # of each layer, (B, its dilation, W)
    back: Array32 | None  # of the cell that looks back, (B, skip, W)
    path: Array32 | None  # (B, S, D) what the top layer passed on at each step, where that is asked for


class Stack:
    """The layers of a network; there is no dropout in service."""

    def __init__(self, model: ModelConfig, weights: Weights, *, together: bool = False) -> None:
        structure = model.structure
        self.strides = structure.dilations or (1,) * model.layers
        self.attended, self.skip, self.together = structure.attention, structure.skip, together
        self.reach = max(*self.strides, structure.skip, structure.delay)
        kind = BothWays if structure.bidirectional else Forwards
        parts = [below(weights, f"layers.{k}") for k in range(model.layers)]
        self.layers: list[Layer] = [kind(model.cell, part, structure) for part in parts]
        if self.skip:
            self.back = Forwards(model.cell, below(weights, "back"), structure)
            self.join = weights["join.weight"].T

    def encode(self, x: Array32) -> Encoded:
        """What is known after x (B, S, I). ValueError where a state is asked for from before it."""
        if self.reach > x.shape[1]:  # a file may say so; it must not cost memory
            raise ValueError(f"a state {self.reach} steps back in a context of {x.shape[1]}")
        states, first, path = [], x, None
        for k, (layer, stride) in enumerate(zip(self.layers, self.strides, strict=True)):
            path, last = over_phases(layer, x, stride, every=self.attended or k + 1 < len(self.layers))
            states.append(last)
            x = x if path is None else path
        back = over_phases(self.back, first, self.skip, every=False)[1] if self.skip else None
        return Encoded(states, back, path)

    def output(self, known: Encoded) -> Array32:
        """What the top layer passes on after the context, (B, D)."""
        out = self.layers[-1].output(known.states[-1][:, -1])
        return out if known.back is None else out + self._joined(known.back)

    def outputs(self, known: Encoded) -> Array32:
        """What each layer passes on after the context, side by side, (B, layers * D)."""
        below = [layer.output(one[:, -1]) for layer, one in zip(self.layers[:-1], known.states, strict=False)]
        return np.concatenate([*below, self.output(known)], axis=1)

    def ahead(self, query: Array32, known: Encoded) -> Array32:
        """What is passed on (B, C, D) after one input more, for each of the C steps ahead in query (B, C, I)."""
        x = query
        for layer, states in zip(self.layers, known.states, strict=True):
            x = follow(layer, x, states)
        return x if known.back is None else x + follow(self.back, query, known.back) @ self.join

    def _joined(self, back: Array32) -> Array32:
        """What the cell that looks back adds after the context, (B, D), of its states (B, skip, W)."""
        some = back if self.together else back[:, -1:]
        passed = self.back.output(some.reshape(-1, back.shape[2]))
        return passed.reshape(len(back), -1) @ self.join
