"""What went on inside the network while it read a window: its gates step by step, and what its attention asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.forecasting.predict import Forecaster
from grucast.inference.cells.looped import Cell
from grucast.inference.gates import GATES, Gates
from grucast.inference.layers import BothWays, Forwards
from grucast.inference.network import core_of, normalise
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Windows


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """One gate over the context: its mean over the units, and over the networks of an ensemble."""

    layer: str  # "1", "2", ...; "1 backwards"; "skip" for the cell that looks back
    name: str
    by_step: Array  # (S,) in the order of time


@dataclass(frozen=True, slots=True, eq=False)
class Workings:
    """`attention` is how much each of the J states ahead asked of each of the S of the context, (J, S), summing to 1
    over the context; None without attention. A step is a segment, or a row of the recurrent network.
    """

    gates: tuple[Gate, ...]
    attention: Array | None


def workings(forecaster: Forecaster, window: Windows) -> Workings:
    """The workings of the network over one window."""
    found = [_workings(one, forecaster.model, forecaster.window, window) for one in forecaster.members]
    gates = tuple(replace(same[0], by_step=np.mean([one.by_step for one in same], axis=0))
                  for same in zip(*(one.gates for one in found), strict=True))
    asked = [one.attention for one in found if one.attention is not None]
    return Workings(gates, np.mean(asked, axis=0) if asked else None)


def _workings(weights: Weights, model: ModelConfig, spec: WindowSpec, window: Windows) -> Workings:
    core, given = core_of(weights, model, spec), normalise(weights, model, spec, window)
    watched = _watch(core.cells, model.cell)
    known = core.encode(given.x, window)
    gates = tuple(gate for one, stride, name in watched for gate in one.gates(name, stride))
    asked = core.asks(known, window)
    return Workings(gates, None if asked is None else asked[0].astype(np.float64))


class _Watched:
    """A cell that remembers what its gates did."""

    def __init__(self, cell: Cell, gates: Gates, *, backwards: bool) -> None:
        self.cell, self.tell, self.backwards = cell, gates, backwards
        self.told: list[dict[str, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cell, name)

    def step(self, projected: Array32, state: Array32) -> Array32:
        """As the cell's."""
        self.told.append({name: float(one.mean()) for name, one in self.tell(self.cell, projected, state).items()})
        return self.cell.step(projected, state)

    def gates(self, layer: str, stride: int) -> list[Gate]:
        """What was told over the context, which was read phase by phase of the stride."""
        steps = len(self.told)
        order = np.concatenate([np.arange(phase, steps, stride) for phase in range(stride)])
        if self.backwards:  # each phase was read from its end
            order = np.concatenate([np.arange(phase, steps, stride)[::-1] for phase in range(stride)])
        out = []
        for name in self.told[0]:
            by_step = np.empty(steps)
            by_step[order] = [one[name] for one in self.told]
            out.append(Gate(layer, name, by_step))
        return out


def _watch(cells: Any, cell: str) -> list[tuple[_Watched, int, str]]:
    """Each cell of a stack made one that is watched, with its stride and its name."""
    watched: list[tuple[_Watched, int, str]] = []

    def attach(layer: Forwards, stride: int, name: str, *, backwards: bool = False) -> None:
        one = _Watched(layer.cell, GATES[cell], backwards=backwards)
        layer.cell = one
        watched.append((one, stride, name))

    for number, (layer, stride) in enumerate(zip(cells.layers, cells.strides, strict=True), start=1):
        if isinstance(layer, BothWays):
            attach(layer.forth, stride, f"{number}")
            attach(layer.back, stride, f"{number} backwards", backwards=True)
        else:
            attach(layer, stride, f"{number}")
    if cells.skip:
        attach(cells.back, cells.skip, "skip")
    return watched
