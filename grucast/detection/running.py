"""The score of rows that come one by one; what `scoring.py` gives for a whole file in online mode."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Array32
from grucast.detection.scoring import SCORERS, SIGNALS, SignalScale, decay_of, gather_channels, on_scale


class RunningScore:
    """The exponential averages of all signals of one series, and the score they give.

    `series` is the row of the scale, -1 for a series that is new.
    """

    def __init__(self, scale: SignalScale, series: int, *, scorer: str, gather: str) -> None:
        self.use = [SIGNALS.index(name) for name in SCORERS[scorer]]
        self.median = scale.median[series][:, self.use]  # (C, S, W)
        self.upper = scale.upper[series][:, self.use]
        self.decay = np.array([decay_of(width) for width in scale.widths])
        self.average = np.array(self.median)  # NaN: begins at the first value
        self.begun = np.zeros(self.median.shape, dtype=bool)
        self.gather = gather

    def push(self, signals: Array | Array32) -> tuple[float, Array]:
        """The score of the next row, NaN without any signal, and each channel's share (C,); `signals` is (5, C)."""
        x = signals[self.use].T[:, :, None].astype(np.float64)  # (C, S, 1)
        moved = np.where(np.isnan(self.average), x, self.decay * self.average + (1.0 - self.decay) * x)
        self.average = np.where(np.isnan(x), self.average, moved)
        self.begun |= ~np.isnan(x)
        parts = np.where(self.begun, on_scale(self.average, self.median, self.upper), np.nan)
        seen = np.isfinite(parts)
        total = np.where(seen, parts, 0.0).sum(axis=(1, 2))
        channels = np.where(seen.any(axis=(1, 2)), total, np.nan)
        score, share = gather_channels(channels[None], self.gather)
        return float(score[0]), share[0]
