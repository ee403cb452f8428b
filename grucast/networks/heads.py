"""What stands around the recurrent core: quantile head, linear path, season tables, the rebuilt window."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.batch import Batch

BENDS = 8  # hidden units of the bent part of an effect
SPREAD_FLOOR = 0.3  # in units of the series' scale, added: quiet windows are not blown up to noise


def spread_of(x: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute value of the observed rows plus `SPREAD_FLOOR`, (B, 1), from x (B, L)."""
    mean = (x.abs() * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp_min(1.0)
    return mean + SPREAD_FLOOR


class QuantileHead(nn.Module):
    """From states (B, S, D) to quantiles (B, S * w, Q) that do not cross: the median and steps away from it.

    Each step is a softplus, so that quantiles cannot cross (a cumulative sum of positive steps).
    """

    def __init__(self, hidden: int, segment: int, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.count, self.middle, self.segment = len(levels), levels.index(0.5), segment
        self.out = nn.Linear(hidden, segment * self.count)
        self.sums: Tensor
        self.register_buffer("sums", running_sums(self.count, self.middle), persistent=False)
        gaps = np.diff(np.asarray(levels))
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            self.out.weight.view(segment, self.count, hidden)[:, self.middle] = 0.0  # the linear path begins alone
            bias = torch.zeros(segment, self.count)
            # start near the spacing of a wide bell: a step over a probability gap p is about 2 p
            steps = torch.log(torch.expm1(torch.tensor(2.0 * gaps, dtype=bias.dtype)))
            bias[:, : self.middle] = steps[: self.middle]
            bias[:, self.middle + 1 :] = steps[self.middle :]
            self.out.bias.copy_(bias.reshape(-1))

    def forward(self, states: Tensor) -> Tensor:
        """Quantiles (B, S * w, Q)."""
        raw = self.out(states).reshape(states.shape[0], -1, self.count)
        steps, k = functional.softplus(raw), self.middle
        parts = torch.cat([steps[:, :, :k], raw[:, :, k : k + 1], steps[:, :, k + 1 :]], dim=2)
        return parts @ self.sums


def running_sums(count: int, middle: int) -> Tensor:
    """The matrix (Q, Q) that turns steps and median into quantiles: running sums outward from the median.

    A product with it is several times faster than cumulative sums.
    """
    sums = torch.zeros(count, count)
    sums[middle] = 1.0
    for level in range(count):
        sums[level:middle, level] = -1.0
        sums[middle + 1 : level + 1, level] = 1.0
    return sums


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
        ahead: Tensor = self.up(x if self.down is None else self.down(x))
        return ahead


class Rebuilder(nn.Module):
    """The normalised context (B, L) rebuilt from the states of all layers (B, layers * D) through `narrow` numbers."""

    def __init__(self, model: ModelConfig, window: WindowSpec) -> None:
        super().__init__()
        self.down = nn.Linear(model.layers * model.hidden, model.narrow)
        self.up = nn.Linear(model.narrow, window.context_length)

    def forward(self, states: Tensor) -> Tensor:
        """(B, L)."""
        rebuilt: Tensor = self.up(self.down(states))
        return rebuilt


class KnownEffects(nn.Module):
    """What some covariates known ahead add to a row of a channel: a line and a few bends, zero at the start."""

    def __init__(self, columns: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.columns = list(columns)
        self.straight = nn.Parameter(torch.zeros(channels, len(columns)))
        with torch.random.fork_rng(devices=[]):  # so that a network without effects begins as it did before
            self.bend = nn.Linear(len(columns), BENDS)
        self.bent = nn.Parameter(torch.zeros(channels, BENDS))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Effects on the rows of the context (B, L) and on those ahead (B, H), less that on the anchor row."""
        known, length = batch.known[:, :, self.columns], batch.x.shape[1]
        straight = (known * self.straight[batch.channel][:, None]).sum(2)
        total = straight + (torch.tanh(self.bend(known)) * self.bent[batch.channel][:, None]).sum(2)
        total = total - total.gather(1, batch.anchor[:, None])
        return total[:, :length], total[:, length:]


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
        total = torch.zeros(batch.x.shape[0], length + horizon, device=batch.x.device)
        for k, (period, table) in enumerate(zip(self.periods, self.tables, strict=True)):
            phases = (batch.phase[:, k : k + 1] + steps) % period
            total = total + table.reshape(-1)[batch.channel[:, None] * period + phases]
        total = total - total.gather(1, batch.anchor[:, None])
        return total[:, :length], total[:, length:]
