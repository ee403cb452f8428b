"""How far each row was from what the network said of it: the errors that drive the anomaly scores.

The network runs at every k-th row (k at most a quarter segment). A row is then forecast by every window whose
horizon reaches it, and rebuilt by every window whose context holds it:

    near      y - median of the window that ends closest before the row      (k leads at most)
    whole     mean |y - median| over all windows that forecast the row       (all leads)
    signed    mean  y - median  over the same windows
    band      the same, each error divided by the width of its 80 % interval
    rebuilt   mean |y - rebuilt| over all windows that hold the row          (looks at later rows)
    latest    mean |y - rebuilt| over the newest segment of the last window that ended at or before the row
    state     how far the core's state after that window lies from those of the training part

All but `rebuilt` know no row after the one they judge; what a window says at its end holds for k rows. A window that
a long gap left without sight says nothing, see `without_sight`. Malhotra et al. 2015 (prediction error over several
leads) and 2016 (arXiv 1607.00148, rebuilding through a narrow state) are where the two ideas come from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Array32, Ints, Mask
from grucast.core.progress import Progress, silent
from grucast.forecasting.intervals import stretch, trust
from grucast.forecasting.predict import Forecaster, flat_where_constant, to_units
from grucast.inference.predict import chunk_size, predict_all
from grucast.preprocessing.windows import FARTHEST, Streams, gather, gather_targets

BAND = (0.1, 0.9)  # or the nearest levels there are
NARROWEST = 1e-3  # width of the band in scales of the series: what is forecast to the digit must not divide by zero


@dataclass(frozen=True, slots=True, eq=False)
class RowErrors:
    """Errors of the R rows of streams in scales of their series, NaN where there are none; all float32 but `expected`.

    `expected` (R, 3) is the lowest quantile, the median and the highest in the units of the file: a 95 % interval.
    """

    near: Array32  # (R,) signed
    whole: Array32  # (R,)
    signed: Array32  # (R,)
    band: Array32  # (R,)
    rebuilt: Array32  # (R,)
    latest: Array32  # (R,)
    state: Array32  # (R,)
    expected: Array


def precise(forecaster: Forecaster) -> Forecaster:
    """The forecaster with weights in float64, which costs a third more.

    In float32 the last digits depend on how many windows are multiplied at once, and small scales blow that up: a
    row that comes alone would not score as it does in a file.
    """
    members = [{name: cast("Array32", value.astype(np.float64)) for name, value in one.items()}
               for one in forecaster.members]
    return replace(forecaster, members=members)


def stride_of(forecaster: Forecaster) -> int:
    """Rows between the windows that judge: a quarter segment, no more than the horizon."""
    return max(1, min(forecaster.window.segment // 4, forecaster.window.horizon))


def row_errors(forecaster: Forecaster, streams: Streams, progress: Progress = silent) -> RowErrors:
    """The errors of all rows of `streams`; a row before which no whole context lies has none, but may be rebuilt."""
    tally = _Tally(forecaster, len(streams.z))
    first = -(-forecaster.window.context_length // tally.stride) * tally.stride  # cutoffs are multiples of k
    counts = np.maximum((streams.length - first) // tally.stride + 1, 0)
    size, total = chunk_size(forecaster.model, forecaster.window), int(counts.sum())
    for start in range(0, total, size):
        stop = min(start + size, total)
        tally.add(streams, _places(counts, first, tally.stride, np.arange(start, stop)))
        progress("score", stop, total)
    return tally.result()


def _places(counts: Ints, first: int, stride: int, numbers: Ints) -> tuple[Ints, Ints]:
    """The (stream, cutoff) of windows by their numbers (B,), where stream n has counts[n] of them from `first` on."""
    ends = np.cumsum(counts)
    stream = np.searchsorted(ends, numbers, side="right")
    return stream, first + (numbers - (ends - counts)[stream]) * stride


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What the network says at B windows, in the z of the streams; NaN where a window has no observed row."""

    median: Array  # (B, H) of the rows ahead
    width: Array  # (B, H) of their 80 % interval
    expected: Array  # (B, k, 3) of the next k rows, in the units of the file
    missed: Array32 | None  # (B, L) |y - rebuilt| of the context, 0 where not seen; None without that head
    seen: Array32  # (B, L)
    latest: Array32 | None  # (B,) mean of `missed` over the newest segment
    state: Array32 | None  # (B,) distance of the state


def tell(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> Told:
    """What is said at the windows (stream, cutoff)."""
    levels, stride, stream = forecaster.model.quantile_levels, stride_of(forecaster), at[0]
    windows = gather(streams, forecaster.window, *at)
    said = predict_all(forecaster.members, forecaster.model, forecaster.window, windows)
    blind = without_sight(windows.seen, forecaster.window.segment)
    seen = np.where(blind[:, None], np.float32(0.0), windows.seen)
    quantiles = said.quantiles + windows.level[:, None, None]
    quantiles = flat_where_constant(quantiles, windows.level, streams.scale[stream])
    quantiles = trust(quantiles, windows.level, forecaster.trusted[streams.channel[stream]], levels)
    quantiles[blind] = np.nan
    middle = levels.index(0.5)
    low, high = (int(np.argmin(np.abs(np.asarray(levels) - level))) for level in BAND)
    near = stretch(quantiles[:, :stride], forecaster.factors[:stride], levels)
    expected = to_units(forecaster, streams, stream, near[:, :, [0, middle, len(levels) - 1]])
    median, width = quantiles[:, :, middle].copy(), quantiles[:, :, high] - quantiles[:, :, low]
    if said.rebuilt is None or said.distance is None:
        return Told(median, width, expected, None, seen, None, None)
    missed = np.abs(windows.x - said.rebuilt) * seen
    segment = forecaster.window.segment
    count = seen[:, -segment:].sum(axis=1)
    latest = np.where(count > 0, missed[:, -segment:].sum(axis=1) / np.maximum(count, 1.0), np.float32(np.nan))
    return Told(median, width, expected, missed, seen, latest,
                np.where(blind, np.float32(np.nan), said.distance))


def without_sight(seen: Array32, segment: int) -> Mask:
    """The windows (B,) of `seen` (B, L) that say nothing: with no row seen, or few left by a gap.

    Few are fewer than a segment, where more than a segment in a row is missing: after such a gap every row would be
    strange until the network has seen what a day, say, looks like now. A series that has a value at every tenth row has
    few of them and no gap.
    """
    count = seen.sum(axis=1)
    behind = np.cumsum(np.pad(seen, ((0, 0), (1, 0))), axis=1)
    gap = (behind[:, segment + 1 :] == behind[:, : -segment - 1]).any(axis=1)
    return np.asarray((count == 0) | ((count < segment) & gap))


def missed_by(y: Array, median: Array) -> Array:
    """y - median in scales of the series; a fault of 1e300 counts as one of `FARTHEST`, so that float32 holds it."""
    return np.clip(y - median, -FARTHEST, FARTHEST)


class _Tally:
    """Running sums over windows, row by row."""

    def __init__(self, forecaster: Forecaster, rows: int) -> None:
        self.forecaster, self.stride = forecaster, stride_of(forecaster)
        self.near = np.full(rows, np.nan, dtype=np.float32)
        self.latest = np.full(rows, np.nan, dtype=np.float32)
        self.state = np.full(rows, np.nan, dtype=np.float32)
        self.expected = np.full((rows, 3), np.nan)
        self.ahead = np.zeros((3, rows))  # sums of |error|, of |error| / width and of errors
        self.counts = np.zeros(rows, dtype=np.float32)
        self.behind = np.zeros((2, rows), dtype=np.float32)  # sum of |error|, count

    def add(self, streams: Streams, at: tuple[Ints, Ints]) -> None:
        """Judge rows by the windows at (stream, cutoff), each pair once."""
        told = tell(self.forecaster, streams, at)
        self._forecast(streams, at, told)
        if told.missed is not None and told.latest is not None and told.state is not None:
            self._rebuild(streams, at, told.missed, told.seen)
            self._hold(self.latest, streams, at, told.latest)
            self._hold(self.state, streams, at, told.state)

    def _forecast(self, streams: Streams, at: tuple[Ints, Ints], told: Told) -> None:
        stream, cutoff = at
        y, seen = gather_targets(streams, self.forecaster.window.horizon, stream, cutoff)
        seen &= np.isfinite(told.median)
        error = np.where(seen, missed_by(y, told.median), 0.0)
        relative = np.where(seen, np.abs(error) / np.maximum(told.width, NARROWEST), 0.0)
        first = streams.start[stream] + cutoff
        for lead in range(self.forecaster.window.horizon):
            there = cutoff + lead < streams.length[stream]
            rows = first[there] + lead
            if lead < self.stride:
                self.near[rows] = np.where(seen[there, lead], error[there, lead], np.nan)
                self.expected[rows] = told.expected[there, lead]
            self.ahead[0, rows] += np.abs(error[there, lead])
            self.ahead[1, rows] += relative[there, lead]
            self.ahead[2, rows] += error[there, lead]
            self.counts[rows] += seen[there, lead]

    def _rebuild(self, streams: Streams, at: tuple[Ints, Ints], missed: Array32, mask: Array32) -> None:
        stream, cutoff = at
        length = missed.shape[1]
        first = streams.start[stream] + cutoff
        for back in range(1, length + 1):
            there = cutoff >= back
            rows = first[there] - back
            self.behind[0, rows] += missed[there, length - back]
            self.behind[1, rows] += mask[there, length - back]

    def _hold(self, out: Array32, streams: Streams, at: tuple[Ints, Ints], values: Array32) -> None:
        """Write what each window says at its last row and hold it until the next window ends."""
        stream, cutoff = at
        for late in range(self.stride):
            there = cutoff - 1 + late < streams.length[stream]
            out[(streams.start[stream] + cutoff)[there] - 1 + late] = values[there]

    def result(self) -> RowErrors:
        """The means; NaN where nothing was summed."""
        whole, band, signed = (_mean(total, self.counts) for total in self.ahead)
        return RowErrors(self.near, whole, signed, band, _mean(*self.behind), self.latest, self.state, self.expected)


def _mean(total: npt.NDArray[Any], count: Array32) -> Array32:
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan).astype(np.float32)
