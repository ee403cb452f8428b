"""Exponential smoothing of each window, as in the hybrid of Smyl 2020 (ES-RNN), in its additive form.

With m_t 1 where row t was observed, rates a and c in (0, 1) learned for each channel, a season of p rows and x
the window at the network's size:

    l_t     = l_{t-1} + a m_t (x_t - s_t - l_{t-1})             level
    s_{t+p} = s_t + c m_t (x_t - l_t - s_t)                     season

The level begins as the mean of the first p rows and the season as what is left of them (without a season: the first
observed row). The network is given (x_t - l_L - s_t) m_t, and to what it says of row L + i are added the last level
l_L and the newest season of that phase. Holt 1957 and Winters 1960 without a trend; the published hybrid is
multiplicative, which needs positive values.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from grucast.networks.scan import scan


class Smoothed(NamedTuple):
    """Level and season of windows."""

    behind: Tensor  # (B, L) last level and season of each row
    ahead: Tensor  # (B, H)


class Smoothing(nn.Module):
    """Rates of each channel, as numbers before a sigmoid: level, season."""

    def __init__(self, channels: int, period: int) -> None:
        super().__init__()
        self.period = period
        self.rates = nn.Parameter(torch.full((channels, 2), -1.0))

    def forward(self, x: Tensor, mask: Tensor, channel: Tensor, horizon: int) -> Smoothed:
        """Level and season over x (B, L) and the rows ahead, observed where `mask` (B, L) is 1."""
        rate = torch.sigmoid(self.rates)[channel]
        length, p = x.shape[1], self.period or x.shape[1]
        level, season = self._start(x, mask)
        seasons = []
        for start in range(0, length, p):  # within a season its own values are known: the levels are a scan
            rows = slice(start, min(start + p, length))
            now = season[:, : rows.stop - start]
            moved = rate[:, :1] * mask[:, rows]
            gain = moved * (x[:, rows] - now)
            gain = torch.cat([gain[:, :1] + (1.0 - moved[:, :1]) * level, gain[:, 1:]], dim=1)
            levels = scan((1.0 - moved)[:, :, None], gain[:, :, None])[:, :, 0]
            seasons.append(now)
            level = levels[:, -1:]
            if self.period:
                after = now + rate[:, 1:] * mask[:, rows] * (x[:, rows] - levels - now)
                season = torch.cat([season[:, now.shape[1] :], after], dim=1)
        later = season.repeat(1, -(-horizon // p))[:, :horizon]  # zeros without a period
        return Smoothed(level + torch.cat(seasons, dim=1), level + later)

    def _start(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The level before the first row (B, 1), and the first season (B, p)."""
        if not self.period:
            first = (mask.cumsum(1) == 1.0).to(x.dtype) * mask
            return (first * x).sum(1, keepdim=True), torch.zeros_like(x)
        some, seen = x[:, : self.period], mask[:, : self.period]
        level = (some * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp_min(1.0)
        return level, (some - level) * seen
