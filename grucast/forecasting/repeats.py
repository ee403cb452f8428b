"""How much of what came whole seasons before goes into the forecast of each series.

With m the median of the network and s the value a lag before, both in z, the median becomes

    m + w (s - m)        and every quantile moves as far

with a lag and a share w of each series' own: a combination of forecasts (Bates & Granger 1969), the seasonal naive one
being the other. Both are judged by the absolute error on windows from all over the rows before the report part. The
network has learned from most of these, the seasonal naive forecast from none, so shares err towards the network.
Of the shares of the best lag whose error lies within half a standard error of the smallest the least is taken, the
error's being that of a mean over blocks (`forecasting/intervals.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.forecasting.intervals import blocks
from grucast.preprocessing.repeats import rows_within, values_before
from grucast.preprocessing.windows import Streams, Windows

SHARES = np.linspace(0.0, 1.0, 11)
SEASONS_BACK = 8  # at most; eight days hold a week
NOISE = 0.5  # standard errors that a smaller share may cost
FEWEST = 3  # blocks that decide anything


def lags_of(seasons: Sequence[int], context_length: int) -> tuple[int, ...]:
    """Whole numbers of seasons that the context holds."""
    found = {season * back for season in seasons for back in range(1, SEASONS_BACK + 1) if season > 1}
    return tuple(sorted(lag for lag in found if lag <= context_length))


def repeat(quantiles: Array, streams: Streams, at: tuple[Ints, Ints], middle: int) -> Array:
    """Quantiles (B, H, Q) in z, moved towards what each stream repeats; a step whose value is missing stays."""
    lag, share = streams.lag[at[0]], streams.share[at[0]]
    if not share.any():
        return quantiles
    before, seen = values_before(streams, at, lag, quantiles.shape[1])
    move = share[:, None] * seen * (before - quantiles[:, :, middle])
    return quantiles + move[:, :, None]


def repeat_within(quantiles: Array, windows: Windows, middle: int) -> Array:
    """The same for quantiles (B, H, Q) less the anchor, from the windows alone."""
    rows, share = rows_within(windows, quantiles.shape[1])
    before = np.take_along_axis(windows.x, rows, axis=1).astype(np.float64)
    return quantiles + (share * (before - quantiles[:, :, middle]))[:, :, None]


def find_repeats(
    medians: Array, streams: Streams, at: tuple[Ints, Ints], truth: tuple[Array, Mask], lags: Sequence[int]
) -> tuple[Ints, Array]:
    """The lag and the share of each stream, (N,) each, from medians (B, H) of windows at (stream, cutoff).

    `truth` is targets (B, H) and whether they were seen. Streams with windows in fewer than `FEWEST` blocks repeat
    nothing.
    """
    count, block = len(streams.length), blocks(at[0], at[1], medians.shape[1])
    of = np.zeros(int(block.max(initial=-1)) + 1, dtype=np.int64)  # the stream of each block
    of[block] = at[0]
    best = np.full(count, np.inf)
    lag_of, share_of = np.zeros(count, dtype=np.int64), np.zeros(count)
    for lag in lags:
        errors, weight = _errors(medians, streams, at, truth, lag)
        place, error = _least(_summed(errors, block), _summed(weight[:, None], block)[:, 0], of, count)
        better = error < best
        best[better] = error[better]
        lag_of[better] = np.where(place[better] > 0, lag, 0)
        share_of[better] = SHARES[place[better]]
    return lag_of, share_of


def _errors(
    medians: Array, streams: Streams, at: tuple[Ints, Ints], truth: tuple[Array, Mask], lag: int
) -> tuple[Array, Array]:
    """Absolute errors summed over the steps of each window, for each share, (B, shares), and how many steps, (B,)."""
    y, known = truth
    before, seen = values_before(streams, at, np.full(len(at[0]), lag), y.shape[1])
    use = known & (seen > 0) & np.isfinite(medians)
    missed, way = np.where(use, y - medians, 0.0), np.where(use, before - medians, 0.0)
    return np.stack([np.abs(missed - share * way).sum(axis=1) for share in SHARES], axis=1), use.sum(axis=1)


def _summed(values: Array, group: Ints, count: int = 0) -> Array:
    """Sums of values (B, K) over each group, (M, K)."""
    return np.stack([np.bincount(group, weights=one, minlength=count) for one in values.T], axis=1)


def _least(errors: Array, weight: Array, of: Ints, count: int) -> tuple[Ints, Array]:
    """For each of `count` streams the place of the least share that is as good as the best, and the best's error.

    From sums over blocks, (M, shares) and (M,), of stream `of` (M,). The error is infinite where blocks are too few.
    """
    errors, weight, of = errors[weight > 0], weight[weight > 0], of[weight > 0]
    blocks_of = np.bincount(of, minlength=count)
    enough = blocks_of >= FEWEST
    total, number = np.where(enough, _summed(weight[:, None], of, count)[:, 0], 1.0), np.where(enough, blocks_of, 1)
    mean = _summed(errors, of, count) / total[:, None]
    best = np.argmin(mean, axis=1)
    above = (errors - np.take_along_axis(errors, best[of][:, None], axis=1)) / (total / number)[of][:, None]
    excess = _summed(above, of, count) / number[:, None]
    square = _summed(np.square(above - excess[of]), of, count)
    spread = np.sqrt(square / np.maximum(number * (number - 1), 1)[:, None])
    least = np.argmax(excess <= NOISE * spread + 1e-15, axis=1)
    return least.astype(np.int64), np.where(enough, np.take_along_axis(mean, best[:, None], axis=1)[:, 0], np.inf)
