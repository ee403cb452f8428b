"""The errors of rows that come one by one; what `errors.py` gives for a whole file, without looking back at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Mask
from grucast.forecasting.errors import NARROWEST, Told, missed_by, stride_of, tell
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.windows import Streams


@dataclass(frozen=True, slots=True, eq=False)
class OneRow:
    """The errors of one row, see `errors.py`: near, whole, band, latest, state (5, C), signed (C,), expected (C, 3)."""

    signals: Array32
    signed: Array32
    expected: Array


class RunningErrors:
    """Errors row by row, of C channels of one series.

    Every k-th row the network runs on the context that `context()` gives: the streams of the last L rows, the row
    that was just pushed included. What it says is kept until the horizon has passed.
    """

    def __init__(self, forecaster: Forecaster, channels: int, context: Callable[[], Streams]) -> None:
        self.forecaster, self.channels, self.context = forecaster, channels, context
        self.stride, self.horizon = stride_of(forecaster), forecaster.window.horizon
        self.length = forecaster.window.context_length
        self.told: deque[tuple[int, Told]] = deque()
        self.held = np.full((2, channels), np.nan)  # latest and state of the last window

    def push(self, row: int, z: Array, seen: Mask, *, run: bool = True) -> OneRow:
        """The errors of row number `row` (from 0), whose scaled values are z (C,).

        Where `run` is false the network is not run: the rows before a first whole context.
        """
        while self.told and row >= self.told[0][0] + self.horizon:
            self.told.popleft()
        near, whole, band, signed = self._ahead(row, z, seen)
        expected = np.full((self.channels, 3), np.nan)
        if self.told and row - self.told[-1][0] < self.stride:
            expected = self.told[-1][1].expected[:, row - self.told[-1][0]]
        if run and (row + 1) % self.stride == 0:
            told = tell(self.forecaster, self.context(), (self._channels, self._ends))
            self.told.append((row + 1, told))
            nothing = np.full(self.channels, np.nan)
            self.held = np.stack([nothing if told.latest is None else told.latest,
                                  nothing if told.state is None else told.state])
        signals = np.stack([near, whole, band, *self.held]).astype(np.float32)
        return OneRow(signals, signed.astype(np.float32), expected)

    @property
    def _channels(self) -> Ints:
        return np.arange(self.channels)

    @property
    def _ends(self) -> Ints:
        return np.full(self.channels, self.length)

    def _ahead(self, row: int, z: Array, seen: Mask) -> tuple[Array, Array, Array, Array]:
        """near, whole, band and signed (C,): how far the row is from what earlier windows said of it."""
        nothing = np.full(self.channels, np.nan)
        if not self.told:
            return nothing, nothing, nothing, nothing
        median = np.stack([one.median[:, row - cutoff] for cutoff, one in self.told])  # (W, C)
        width = np.stack([one.width[:, row - cutoff] for cutoff, one in self.told])
        usable = np.isfinite(median) & seen
        signed = np.where(usable, missed_by(z, median), 0.0)
        error = np.abs(signed)
        count = usable.sum(axis=0)
        relative = np.where(usable, error / np.maximum(width, NARROWEST), 0.0)
        totals = (one.sum(axis=0) for one in (error, relative, signed))
        means = [np.where(count > 0, total / np.maximum(count, 1), np.nan) for total in totals]
        newest = row - self.told[-1][0] < self.stride
        near = np.where(usable[-1], error[-1], np.nan) if newest else nothing
        return near, means[0], means[1], means[2]
