"""A whole network: a recurrent core, and around it what every core shares.

For a window x (B, L) with its anchor at zero:

    x'  = x - (T[phase] - T[phase of the anchor])                season tables off
    s   = mean |x'| + 0.3;  x'' = x' / s                         spread of the window, in scales of the series
    h   = encode(x''), g = decode(h)                             the core: segment.py, recurrent.py
    out = head(g) + P x''                                        quantiles; the linear path, all quantiles alike
    y   = out * s + (T[phase ahead] - T[phase of the anchor])
    x^  = (up down h) * s + (T[phase] - T[phase of the anchor])  the window, rebuilt from a few numbers

With `--hybrid es` level and season of x'' are taken off before the core and added after it, see `smoothing.py`.

The season tables are those of CycleNet (Lin et al. 2024, arXiv 2409.18479). `inference/network.py` is the same
in NumPy and changes with it.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks import NETWORKS
from grucast.networks.batch import Batch
from grucast.networks.heads import KnownEffects, LinearPath, QuantileHead, Rebuilder, SeasonTables, spread_of
from grucast.networks.smoothing import Smoothing
from grucast.networks.stack import Encoded, Stack


class Core(Protocol):
    """What every entry of NETWORKS is. `rows` is how many rows ahead one decoded state tells of."""

    rows: int
    cells: Stack

    def encode(self, x: Tensor, batch: Batch) -> Encoded:
        """What is known after the normalised context x (B, L)."""
        ...

    def decode(self, known: Encoded, batch: Batch) -> Tensor:
        """States of the rows ahead, (B, S, D) with S * rows >= H."""
        ...


class Normalised(NamedTuple):
    """A batch brought to size, and what brings it back."""

    x: Tensor  # (B, L)
    spread: Tensor  # (B, 1)
    behind: Tensor | None  # (B, L) what was taken off the context, in the units of the batch
    ahead: Tensor | None  # (B, H)


class Network(nn.Module):
    """Quantiles (B, H, Q) of the rows ahead, in the units of the batch."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        self.horizon = window.horizon
        self.core = NETWORKS.load(model.network)(model, window)
        self.drop = nn.Dropout(model.dropout)
        self.head = QuantileHead(model.hidden, self.core.rows, model.quantile_levels)
        self.linear = LinearPath(window, model.linear_rank) if model.linear_rank else None
        self.seasons = SeasonTables(model.seasonal, model.channels) if model.seasonal else None
        self.effects = KnownEffects(model.effects, model.channels) if model.effects else None
        smooth = model.structure.hybrid == "es"
        self.smooth = Smoothing(model.channels, model.structure.period) if smooth else None
        with torch.random.fork_rng(devices=[]):  # so that forecasts are the same with and without it
            self.rebuild = Rebuilder(model, window) if model.narrow else None

    def forward(self, batch: Batch) -> Tensor:
        """Quantiles (B, H, Q), not decreasing along Q."""
        core, given = cast("Core", self.core), self.normalise(batch)
        decoded = core.decode(core.encode(given.x, batch), batch)
        out: Tensor = self.head(self.drop(decoded))[:, : self.horizon]
        if self.linear is not None:
            out = out + self.linear(given.x)[:, :, None]
        out = out * given.spread[:, :, None]
        return out if given.ahead is None else out + given.ahead[:, :, None]

    def rebuilt(self, batch: Batch) -> Tensor:
        """The context (B, L), rebuilt from the core's states, in the units of the batch."""
        if self.rebuild is None:
            raise ValueError("this network has no head that rebuilds the window")
        core, given = cast("Core", self.core), self.normalise(batch)
        states = core.cells.outputs(core.encode(given.x, batch))
        out: Tensor = self.rebuild(states) * given.spread
        return out if given.behind is None else out + given.behind

    def normalise(self, batch: Batch) -> Normalised:
        """Seasons and effects taken off, the spread divided out; then level and season, where they are smoothed."""
        x, behind, ahead = batch.x, None, None
        if self.seasons is not None:
            behind, ahead = self.seasons(batch, self.horizon)
            x = (x - behind) * batch.mask
        if self.effects is not None:
            past, coming = self.effects(batch)
            behind = past if behind is None else behind + past
            ahead = coming if ahead is None else ahead + coming
            x = (x - past) * batch.mask
        spread = spread_of(x, batch.mask)
        if self.smooth is None:
            return Normalised(x / spread, spread, behind, ahead)
        past, coming = self.smooth(x / spread, batch.mask, batch.channel, self.horizon)
        behind = past * spread if behind is None else behind + past * spread
        ahead = coming * spread if ahead is None else ahead + coming * spread
        return Normalised((x / spread - past) * batch.mask, spread, behind, ahead)
