"""From errors to one score a row: smoothed over several widths, brought to one scale, added, gathered over channels.

A *signal* is one kind of error of each row (T, C), see `forecasting/errors.py`. None of them is a good score as it
is: a single error is noise, and the kinds differ in size. So

    s = signal smoothed with kernel w                              several widths, for events of any length
    v = log(1 + max(s - median, 0) / (upper - median))             both from the training part, never from these rows
    score of a channel = sum of v over signals and widths
    score of a row     = the largest over channels, or their mean

The logarithm keeps one mad error from drowning the other signals. Online kernels are exponential and know no later
row; offline ones are centred bells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Array

Signals: TypeAlias = Mapping[str, Array]  # by name, (T, C), NaN where there is none

MODES = ("online", "offline")
SCORERS = {
    "combined": ("near", "whole", "band", "rebuilt", "state"),
    "forecast": ("near", "whole", "band"),
    "reconstruction": ("rebuilt", "state"),
}
SIGNALS = SCORERS["combined"]
FACTORS = {"online": (0.1, 0.3, 1.0), "offline": (0.5, 1.5, 2.0)}  # of the usual width: rows of a box as wide
NARROWEST, USUAL, WIDEST = 100, 100, 200  # rows; the usual width is the season's, if that lies between
UPPER = 0.99
SMALLEST = 0.02  # of the distance from median to upper, in scales of the series: a channel that hardly moved
LEAST = 100  # rows below which a series' own median and upper quantile say nothing


@dataclass(frozen=True, slots=True, eq=False)
class SignalScale:
    """Median and upper quantile of each smoothed signal on the training part.

    Both are (N, C, S, W): a row for each series, in the order of `SIGNALS` and of `widths`, in rows; NaN for a signal
    that the model does not give. The last row is that of all series together, for series that are new.
    """

    widths: tuple[int, ...]
    median: Array
    upper: Array


def usual_width(seasons: Sequence[int], longest: int) -> int:
    """The rows of a kernel of usual width: the longest season up to `longest`, within bounds."""
    season = max((one for one in seasons if one <= longest), default=USUAL)
    return min(max(season, NARROWEST), WIDEST)


def widths_of(usual: int, mode: str) -> tuple[int, ...]:
    """The widths of the kernels of `mode`, in rows."""
    return tuple(max(2, round(factor * usual)) for factor in FACTORS[mode])


def smooth(signal: Array, width: int, mode: str, begin: Array | None = None) -> Array:
    """`signal` (T, C) smoothed over about `width` rows; rows without a value do not count.

    Offline a bell (three boxes, whose convolution is close to a Gaussian) as wide as a box of `width` rows; online
    an exponential average about as old as a box, in the mean, that begins at `begin` (C,), or at the first value
    where that is NaN or not given. Rows before the first value are NaN; online a row without a value repeats the
    average so far.
    """
    if mode == "offline":
        return _bell(signal, width)
    return _trailing(signal, width, np.full(signal.shape[1], np.nan) if begin is None else begin)


def _bell(signal: Array, width: int) -> Array:
    """Three centred boxes one after the other, their common variance that of a box of `width` rows."""
    box = 2 * round((math.sqrt((width * width + 2) / 3.0) - 1.0) / 2.0) + 1  # odd: 3 (b^2 - 1) = width^2 - 1
    seen = np.isfinite(signal)
    total, count = np.where(seen, signal, 0.0), seen.astype(np.float64)
    for _ in range(3):
        total, count = _box(total, box), _box(count, box)
    reached = count > 0
    return np.where(reached, total / np.where(reached, count, 1.0), np.nan)


def _box(values: Array, box: int) -> Array:
    """Centred sums over `box` rows, an odd number, divided by it; rows outside count as zero.

    In blocks of `box` rows every sum is the end of one block and the beginning of the next. The difference of two
    running sums would cost as much, but after one huge value it loses all that come later.
    """
    rows, half = len(values), box // 2
    padded = np.zeros(((rows // box + 2) * box, *values.shape[1:]))
    padded[half : half + rows] = values
    blocks = padded.reshape(-1, box, *values.shape[1:])
    ends = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1].reshape(padded.shape)
    beginnings = np.zeros(blocks.shape)
    np.cumsum(blocks[:, :-1], axis=1, out=beginnings[:, 1:])
    return (ends[:rows] + beginnings.reshape(padded.shape)[box : box + rows]) / box


def decay_of(width: int) -> float:
    """The weight of the past in an exponential average whose mean age is `width` / 2 - 1 rows; 0 up to a width of 2."""
    return 1.0 - 2.0 / max(width, 2)


def _trailing(signal: Array, width: int, begin: Array) -> Array:
    """s_t = d s_(t-1) + (1 - d) x_t over the observed rows, from `begin` (C,) on or else the first."""
    out = np.full(signal.shape, np.nan)
    for channel in range(signal.shape[1]):
        seen = np.flatnonzero(np.isfinite(signal[:, channel]))
        if len(seen):
            values = signal[seen, channel]
            values = values if np.isnan(begin[channel]) else np.concatenate([begin[channel : channel + 1], values])
            average = exponential(values, decay_of(width))[len(values) - len(seen) :]
            held = np.repeat(average, np.diff(np.append(seen, len(signal))))
            out[seen[0] :, channel] = held
    return out


def exponential(x: Array, decay: float) -> Array:
    """The exponential average of x (n,), in blocks short enough that powers of `decay` do not underflow."""
    if decay == 0.0:
        return x.astype(np.float64)
    block = max(1, int(min(len(x), 30.0 / -math.log(decay))))
    count = -(-len(x) // block)
    padded = np.zeros(count * block)
    padded[: len(x)] = x
    powers = decay ** np.arange(1, block + 1)  # d^1 .. d^b
    sums = np.cumsum(padded.reshape(count, block) / powers, axis=1) * powers * (1.0 - decay)
    out = np.empty((count, block))
    last = x[0]
    for row in range(count):  # what is carried from block to block
        out[row] = sums[row] + powers * last
        last = out[row, -1]
    return out.reshape(-1)[: len(x)]


def fit_signal_scale(signals: Sequence[Signals], parts: Sequence[slice], mode: str, usual: int) -> SignalScale:
    """The scale from the signals of each series, smoothed whole and judged on its part (rows) that was trained on.

    A series with fewer than `LEAST` rows there, and a signal without values, take those of all series together.
    """
    channels = next(iter(signals[0].values())).shape[1]
    widths = widths_of(usual, mode)
    shape = (len(signals) + 1, channels, len(SIGNALS), len(widths))
    median, upper = np.full(shape, np.nan), np.full(shape, np.nan)
    for s, name in enumerate(SIGNALS):
        for w, width in enumerate(widths if name in signals[0] else ()):
            smoothed = [smooth(one[name], width, mode)[part] for one, part in zip(signals, parts, strict=True)]
            for channel in range(channels):
                each = [one[np.isfinite(one[:, channel]), channel] for one in smoothed]
                pooled = _quantiles(np.concatenate(each))
                found = [_quantiles(one) if len(one) >= LEAST else pooled for one in each]
                median[:, channel, s, w], upper[:, channel, s, w] = np.array([*found, pooled]).T
    return SignalScale(widths, median, upper)


def _quantiles(values: Array) -> tuple[float, float]:
    if not len(values):
        return np.nan, np.nan
    middle, upper = np.quantile(values, (0.5, UPPER))
    return float(middle), float(upper)


def strangeness(signals: Signals, scale: SignalScale, series: int, *, scorer: str, mode: str) -> Array:
    """The score (T, C) of each channel: the sum over the scorer's signals and all widths; NaN where none has a value.

    `series` is the row of the scale, -1 for a series that is new.
    """
    total = np.zeros(next(iter(signals.values())).shape)
    scored = np.zeros(total.shape, dtype=bool)
    for name in SCORERS[scorer]:
        s = SIGNALS.index(name)
        for w, width in enumerate(scale.widths if name in signals else ()):
            known = scale.median[series, :, s, w], scale.upper[series, :, s, w]
            v = on_scale(smooth(signals[name], width, mode, known[0]), *known)
            seen = np.isfinite(v)
            total += np.where(seen, v, 0.0)
            scored |= seen
    return np.where(scored, total, np.nan)


def on_scale(smoothed: Array, median: Array, upper: Array) -> Array:
    """log(1 + how many times as far above the median as the upper quantile), channels last."""
    beyond = np.maximum(smoothed - median, 0.0) / np.maximum(upper - median, SMALLEST)
    return np.asarray(np.log1p(beyond))


def gather_channels(score: Array, how: str) -> tuple[Array, Array]:
    """The score of each row (T,) and each channel's share of it (T, C), from scores of channels (T, C).

    `how` is "largest" or "mean". The shares sum to 1; NaN where no channel has a score, equal where all are 0.
    """
    seen = np.isfinite(score)
    some = np.asarray(seen.any(axis=1))
    filled = np.where(seen, score, 0.0)
    count = np.maximum(seen.sum(axis=1), 1).astype(np.float64)
    row = filled.max(axis=1) if how == "largest" else filled.sum(axis=1) / count
    total = filled.sum(axis=1, keepdims=True)
    share = np.where(total > 0, filled / np.where(total > 0, total, 1.0), seen * (1.0 / count[:, None]))
    return np.where(some, row, np.nan), np.where(some[:, None], share, np.nan)
