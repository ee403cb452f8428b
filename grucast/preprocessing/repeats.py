"""How far each series repeats itself: what came whole seasons before, and how much of it goes into a forecast.

A network that many series share knows the season that they have in common. A series may have one of its own: offices
that are empty at the weekend among households. Then the same place some seasons back is worth more than what the
network says, and each series keeps how much (`forecasting/repeats.py` finds it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.preprocessing.windows import Streams, Windows


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """For each series and channel: rows back, `lag` (N, C), and the share of what stood there, `share` (N, C).

    A lag is a whole number of seasons; 0 where nothing is repeated, and then the share is 0.
    """

    lag: Ints
    share: Array


def no_repeats(series: int, channels: int) -> Repeats:
    """Nothing is repeated."""
    return Repeats(np.zeros((series, channels), dtype=np.int64), np.zeros((series, channels)))


def rows_before(lag: Ints, horizon: int) -> Ints:
    """Where the same place of the season stands, (B, H): rows from the cutoff, below zero; `lag` (B,) is at least 1.

    Of a lag shorter than the horizon the last whole one is repeated, as the seasonal naive forecast does.
    """
    steps = np.arange(horizon)
    return steps - lag[:, None] * (steps // lag[:, None] + 1)


def values_before(streams: Streams, at: tuple[Ints, Ints], lag: Ints, horizon: int) -> tuple[Array, Array]:
    """What stood `lag` (B,) rows before each step, (B, H), in z, and whether it was observed, (B, H) of 0 and 1."""
    stream, cutoff = at
    rows = cutoff[:, None] + rows_before(np.maximum(lag, 1), horizon)
    inside = (rows >= 0) & (rows < streams.length[stream][:, None]) & (lag > 0)[:, None]
    flat = np.where(inside, streams.start[stream][:, None] + rows, 0)
    seen = streams.observed[flat] & inside
    return np.where(seen, streams.z[flat], 0.0), seen.astype(np.float64)


def rows_within(windows: Windows, horizon: int) -> tuple[Ints, Array]:
    """The same rows counted from the first of each context, (B, H), and the share of each step, 0 where it is missing.
    """
    rows = windows.x.shape[1] + rows_before(np.maximum(windows.lag, 1), horizon)
    seen = np.take_along_axis(windows.mask, np.maximum(rows, 0), axis=1) * (rows >= 0) * (windows.lag > 0)[:, None]
    return np.maximum(rows, 0), (windows.share[:, None] * seen).astype(np.float64)
