"""A whole network in NumPy; the equations stand in `networks/network.py`, its twin."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Protocol

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference import NETWORKS
from grucast.inference.heads import distance, effect_parts, linear_path, quantiles, rebuild, season_parts, spread_of
from grucast.inference.smoothing import smooth
from grucast.inference.stack import Encoded, Stack
from grucast.inference.weights import Weights, below
from grucast.preprocessing.windows import Windows


class Core(Protocol):
    """What every entry of NETWORKS is."""

    cells: Stack

    def encode(self, x: Array32, windows: Windows) -> Encoded:
        """What is known after the normalised context x (B, L)."""
        ...

    def decode(self, known: Encoded, windows: Windows) -> Array32:
        """States of the rows ahead, (B, S, D)."""
        ...

    def asks(self, known: Encoded, windows: Windows) -> Array32 | None:
        """How much each state ahead asks of each step of the context, (B, S_ahead, S); None without attention."""
        ...


class Normalised(NamedTuple):
    """Windows brought to size, and what brings them back."""

    x: Array32  # (B, L)
    spread: Array32  # (B, 1)
    behind: Array32 | None  # (B, L) what was taken off the context, in the units of the windows
    ahead: Array32 | None  # (B, H)


def normalise(weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows) -> Normalised:
    """Seasons and effects taken off, the spread divided out; then level and season, where they are smoothed."""
    x, behind, ahead = windows.x, None, None
    if model.seasonal:
        behind, ahead = season_parts(below(weights, "seasons"), model, window, windows)
        x = (x - behind) * windows.mask
    if model.effects:
        past, coming = effect_parts(below(weights, "effects"), model, window, windows)
        behind = past if behind is None else behind + past
        ahead = coming if ahead is None else ahead + coming
        x = (x - past) * windows.mask
    spread = spread_of(x, windows.mask)
    if model.structure.hybrid != "es":
        return Normalised(x / spread, spread, behind, ahead)
    span = model.structure.period, window.horizon
    past, coming = smooth(below(weights, "smooth"), x / spread, windows.mask, windows.channel, span)
    behind = past * spread if behind is None else behind + past * spread
    ahead = coming * spread if ahead is None else ahead + coming * spread
    return Normalised((x / spread - past) * windows.mask, spread, behind, ahead)


def core_of(weights: Weights, model: ModelConfig, window: WindowSpec) -> Core:
    """The core of these weights."""
    core: Core = NETWORKS.load(model.network)(below(weights, "core"), model, window)
    return core


class Outputs(NamedTuple):
    """All that a network says of B windows, in the units of the windows."""

    quantiles: Array32  # (B, H, Q), not decreasing along Q
    rebuilt: Array32 | None  # (B, L) the context; None without that head
    distance: Array32 | None  # (B,) of the state from those of the rows trained on


def forward(weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows) -> Array32:
    """Quantiles (B, H, Q), not decreasing along Q, in the units of the windows."""
    return outputs(weights, replace(model, narrow=0), window, windows).quantiles


def outputs(weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows) -> Outputs:
    """Quantiles, and where the model has that head the rebuilt window and how far its state lies from the usual."""
    core, given = core_of(weights, model, window), normalise(weights, model, window, windows)
    known = core.encode(given.x, windows)
    out = quantiles(below(weights, "head"), core.decode(known, windows), model.quantile_levels)[:, : window.horizon]
    if model.linear_rank:
        out = out + linear_path(below(weights, "linear"), given.x)[:, :, None]
    out = out * given.spread[:, :, None]
    out = out if given.ahead is None else out + given.ahead[:, :, None]
    if not model.narrow:
        return Outputs(out, None, None)
    states = core.cells.outputs(known)
    rebuilt = rebuild(below(weights, "rebuild"), states) * given.spread
    rebuilt = rebuilt if given.behind is None else rebuilt + given.behind
    return Outputs(out, rebuilt, distance(below(weights, "state"), states))


def asked_of(weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows) -> Array32 | None:
    """What attention weighs: the share of each step of the context in each state ahead, (B, S_ahead, S).

    Steps are segments, or rows of the recurrent network, whose one state ahead tells of all rows. Shares add up to 1.
    None for a network without attention.
    """
    core, given = core_of(weights, model, window), normalise(weights, model, window, windows)
    return core.asks(core.encode(given.x, windows), windows)


def states_of(
    weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows
) -> tuple[Array32, Array32, Array32]:
    """The normalised context (B, L), its mask (B, L) and the states of all layers (B, layers * D)."""
    core, given = core_of(weights, model, window), normalise(weights, model, window, windows)
    return given.x, windows.mask, core.cells.outputs(core.encode(given.x, windows))
