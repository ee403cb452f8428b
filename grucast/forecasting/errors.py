"""How far each row was from what the network said of it: the errors that drive the anomaly scores.

The network runs at every k-th row (k at most a quarter segment). A row is then forecast by every window whose
horizon reaches it, and rebuilt by every window whose context holds it:

    near      y - median of the window that ends closest before the row      (k leads at most)
    whole     mean |y - median| over all windows that forecast the row       (all leads)
    rebuilt   mean |y - rebuilt| over all windows that hold the row          (looks at later rows)
    latest    mean |y - rebuilt| over the newest segment of the last window that ended at or before the row

All but `rebuilt` know no row after the one they judge. Malhotra et al. 2015 (prediction error over several leads)
and 2016 (arXiv 1607.00148, rebuilding through a narrow state) are where the two ideas come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Mask
from grucast.core.progress import Progress, silent
from grucast.forecasting.intervals import stretch, trust
from grucast.forecasting.predict import Forecaster, flat_where_constant, to_units
from grucast.inference.predict import chunk_size, predict_both
from grucast.preprocessing.windows import Streams, Windows, gather, gather_targets

EXPECTED = (0.025, 0.5, 0.975)  # quantiles told of each row


@dataclass(frozen=True, slots=True, eq=False)
class RowErrors:
    """Errors of the R rows of streams in scales of their series, NaN where there are none; all float32 but `expected`.

    `expected` (R, 3) is the 95 % interval's lower end, the median and the upper end in the units of the file.
    """

    near: Array32  # (R,) signed
    whole: Array32  # (R,)
    rebuilt: Array32  # (R,)
    latest: Array32  # (R,)
    expected: Array


def stride_of(forecaster: Forecaster) -> int:
    """Rows between the windows that judge: a quarter segment, no more than the horizon."""
    return max(1, min(forecaster.window.segment // 4, forecaster.window.horizon))


def row_errors(forecaster: Forecaster, streams: Streams, progress: Progress = silent) -> RowErrors:
    """The errors of all rows of `streams`; the first quarter of a context has none, for lack of one."""
    tally = _Tally(forecaster, len(streams.z))
    total = int(streams.length.sum()) // tally.stride
    done = 0
    for at in _chunks(forecaster, streams, tally.stride):
        tally.add(streams, at)
        done += len(at[0])
        progress("score", min(done, total), total)
    return tally.result()


def _chunks(forecaster: Forecaster, streams: Streams, stride: int) -> Iterator[tuple[Ints, Ints]]:
    """Every (stream, cutoff) to run the network at, as many at once as memory allows; cutoffs on multiples of k."""
    first = -(-max(1, forecaster.window.context_length // 4) // stride) * stride
    size = chunk_size(forecaster.model, forecaster.window)
    held: list[tuple[Ints, Ints]] = []
    waiting = 0
    for stream, length in enumerate(streams.length.tolist()):
        cutoffs = np.arange(first, length + 1, stride)
        for start in range(0, len(cutoffs), size):
            part = cutoffs[start : start + size]
            held.append((np.full(len(part), stream), part))
            waiting += len(part)
            if waiting >= size:
                yield np.concatenate([one[0] for one in held]), np.concatenate([one[1] for one in held])
                held, waiting = [], 0
    if held:
        yield np.concatenate([one[0] for one in held]), np.concatenate([one[1] for one in held])


class _Tally:
    """Running sums over windows, row by row."""

    def __init__(self, forecaster: Forecaster, rows: int) -> None:
        self.forecaster, self.stride = forecaster, stride_of(forecaster)
        self.near = np.full(rows, np.nan, dtype=np.float32)
        self.latest = np.full(rows, np.nan, dtype=np.float32)
        self.expected = np.full((rows, len(EXPECTED)), np.nan)
        self.ahead = np.zeros(rows, dtype=np.float32), np.zeros(rows, dtype=np.float32)  # sum of |error|, count
        self.behind = np.zeros(rows, dtype=np.float32), np.zeros(rows, dtype=np.float32)

    def add(self, streams: Streams, at: tuple[Ints, Ints]) -> None:
        """Judge rows by the windows at (stream, cutoff), each pair once."""
        forecaster = self.forecaster
        windows = gather(streams, forecaster.window, *at)
        quantiles, rebuilt = predict_both(forecaster.members, forecaster.model, forecaster.window, windows)
        blind = np.asarray(~windows.mask.any(axis=1))
        self._forecast(streams, at, quantiles + windows.level[:, None, None], windows, blind)
        if rebuilt is not None:
            self._rebuild(streams, at, np.abs(windows.x - rebuilt) * windows.mask, windows.mask)

    def _forecast(
        self, streams: Streams, at: tuple[Ints, Ints], quantiles: Array, windows: Windows, blind: Mask
    ) -> None:
        stream, cutoff = at
        forecaster, levels = self.forecaster, self.forecaster.model.quantile_levels
        middle = levels.index(0.5)
        quantiles = flat_where_constant(quantiles, windows.level, streams.scale[stream])
        quantiles = trust(quantiles, windows.level, forecaster.trusted[streams.channel[stream]], levels)
        y, seen = gather_targets(streams, forecaster.window.horizon, stream, cutoff)
        seen &= ~blind[:, None]
        error = np.where(seen, y - quantiles[:, :, middle], 0.0)
        told = stretch(quantiles[:, : self.stride], forecaster.factors[: self.stride], levels)
        told = to_units(forecaster, streams, stream, told[:, :, [levels.index(level) for level in EXPECTED]])
        first = streams.start[stream] + cutoff
        for lead in range(forecaster.window.horizon):
            there = (cutoff + lead < streams.length[stream]) & ~blind
            rows = first[there] + lead
            if lead < self.stride:
                self.near[rows] = np.where(seen[there, lead], error[there, lead], np.nan)
                self.expected[rows] = told[there, lead]
            self.ahead[0][rows] += np.abs(error[there, lead])
            self.ahead[1][rows] += seen[there, lead]

    def _rebuild(self, streams: Streams, at: tuple[Ints, Ints], error: Array32, mask: Array32) -> None:
        stream, cutoff = at
        length, segment = error.shape[1], self.forecaster.window.segment
        count = mask[:, -segment:].sum(axis=1)
        newest = np.where(count > 0, error[:, -segment:].sum(axis=1) / np.maximum(count, 1.0), np.nan)
        first = streams.start[stream] + cutoff
        for back in range(1, length + 1):
            there = cutoff >= back
            rows = first[there] - back
            self.behind[0][rows] += error[there, length - back]
            self.behind[1][rows] += mask[there, length - back]
        for late in range(self.stride):
            there = cutoff - 1 + late < streams.length[stream]
            self.latest[first[there] - 1 + late] = newest[there]

    def result(self) -> RowErrors:
        """The means; NaN where nothing was summed."""
        whole, rebuilt = (
            np.where(count > 0, total / np.maximum(count, 1.0), np.float32(np.nan))
            for total, count in (self.ahead, self.behind)
        )
        return RowErrors(self.near, whole, rebuilt, self.latest, self.expected)
