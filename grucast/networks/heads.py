"""What stands around the recurrent core: quantile head, linear path, season tables, spread of a window."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import WindowSpec
from grucast.networks.batch import Batch

SPREAD_FLOOR = 1e-3  # in units of the series' scale: below this a window counts as flat


def spread_of(x: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute value of the observed rows (B, 1), at least `SPREAD_FLOOR`, from x (B, L)."""
    mean = (x.abs() * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp_min(1.0)
    return mean.clamp_min(SPREAD_FLOOR)


class QuantileHead(nn.Module):
    """From states (B, S, D) to quantiles (B, S * w, Q) that do not cross: the median and steps away from it.

    Each step is a softplus, so that quantiles cannot cross (a cumulative sum of positive steps).
    """

    def __init__(self, hidden: int, segment: int, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.count, self.middle, self.segment = len(levels), levels.index(0.5), segment
        self.out = nn.Linear(hidden, segment * self.count)
        gaps = np.diff(np.asarray(levels))
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            bias = torch.zeros(segment, self.count)
            # start near the spacing of a wide bell: a step over a probability gap p is about 2 p
            steps = torch.log(torch.expm1(torch.tensor(2.0 * gaps, dtype=bias.dtype)))
            bias[:, : self.middle] = steps[: self.middle]
            bias[:, self.middle + 1 :] = steps[self.middle :]
            self.out.bias.copy_(bias.reshape(-1))

    def forward(self, states: Tensor) -> Tensor:
        """Quantiles (B, S * w, Q)."""
        raw = self.out(states).reshape(len(states), -1, self.count)
        middle = raw[:, :, self.middle : self.middle + 1]
        below = functional.softplus(raw[:, :, : self.middle])
        above = functional.softplus(raw[:, :, self.middle + 1 :])
        down = middle - below.flip(2).cumsum(2).flip(2)
        return torch.cat([down, middle, middle + above.cumsum(2)], dim=2)


class LinearPath(nn.Module):
    """A linear map from context (B, L) to horizon (B, H), zero at the start; of low rank when `rank` > 0."""

    def __init__(self, window: WindowSpec, rank: int) -> None:
        super().__init__()
        length, horizon = window.context_length, window.horizon
        self.down = nn.Linear(length, rank, bias=False) if rank > 0 else None
        self.up = nn.Linear(rank if rank > 0 else length, horizon, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H)."""
        return self.up(x if self.down is None else self.down(x))


class SeasonTables(nn.Module):
    """A learned value for each phase of each season and channel, zero at the start."""

    def __init__(self, periods: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.periods = periods
        self.tables = nn.ParameterList([nn.Parameter(torch.zeros(channels, period)) for period in periods])

    def forward(self, batch: Batch, horizon: int) -> tuple[Tensor, Tensor]:
        """Seasonal parts of the context (B, L) and of the rows ahead (B, H), less that of the anchor row."""
        length = batch.x.shape[1]
        steps = torch.arange(length + horizon, device=batch.x.device)
        total = torch.zeros(len(batch.x), length + horizon, device=batch.x.device)
        for k, (period, table) in enumerate(zip(self.periods, self.tables, strict=True)):
            phases = (batch.phase[:, k : k + 1] + steps) % period
            total = total + table.reshape(-1)[batch.channel[:, None] * period + phases]
        total = total - total.gather(1, batch.anchor[:, None])
        return total[:, :length], total[:, length:]
