"""A whole network: a recurrent core, and around it what every core shares.

For a window x (B, L) with its anchor at zero:

    x'  = x - (T[phase] - T[phase of the anchor])                season tables off
    s   = mean |x'| + 0.3;  x'' = x' / s                         spread of the window, in scales of the series
    h   = encode(x''), g = decode(h)                             the core: segment.py, recurrent.py
    out = head(g) + P x''                                        quantiles; the linear path, all quantiles alike
    y   = out * s + (T[phase ahead] - T[phase of the anchor])

The season tables are those of CycleNet (Lin et al. 2024, arXiv 2409.18479). `inference/network.py` is the same
in NumPy and changes with it.
"""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks import NETWORKS
from grucast.networks.batch import Batch
from grucast.networks.heads import LinearPath, QuantileHead, SeasonTables, spread_of


class Core(Protocol):
    """What every entry of NETWORKS is. `rows` is how many rows ahead one decoded state tells of."""

    rows: int

    def encode(self, x: Tensor, batch: Batch) -> list[Tensor]:
        """The last state of each layer, from the normalised context x (B, L)."""
        ...

    def decode(self, state: list[Tensor], batch: Batch) -> Tensor:
        """States of the rows ahead, (B, S, D) with S * rows >= H."""
        ...


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

    def forward(self, batch: Batch) -> Tensor:
        """Quantiles (B, H, Q), not decreasing along Q."""
        core = cast("Core", self.core)
        x, ahead = batch.x, None
        if self.seasons is not None:
            behind, ahead = self.seasons(batch, self.horizon)
            x = (x - behind) * batch.mask
        spread = spread_of(x, batch.mask)  # (B, 1)
        x = x / spread
        decoded = core.decode(core.encode(x, batch), batch)
        out: Tensor = self.head(self.drop(decoded))[:, : self.horizon]
        if self.linear is not None:
            out = out + self.linear(x)[:, :, None]
        out = out * spread[:, :, None]
        return out if ahead is None else out + ahead[:, :, None]
