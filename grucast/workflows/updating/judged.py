"""How two states of one model compare on rows that neither has seen, and how far intervals follow the new rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.forecasting.intervals import OWN_WORD, blocks, calibrate, trust
from grucast.forecasting.predict import Forecaster, flat_where_constant, scaled_quantiles
from grucast.forecasting.repeats import repeat
from grucast.inference.predict import chunk_size, predict_all, predict_streams
from grucast.preprocessing.windows import Streams, cutoffs_between, gather, gather_targets
from grucast.workflows.learning.prepared import part_windows
from grucast.workflows.updating.arrived import Arrived

HELD_NUMBERS = 20_000_000  # quantiles of windows held at once
MOST_WINDOWS = 2_000


def held_windows(arrived: Arrived) -> tuple[Ints, Ints]:
    """The windows (stream, cutoff) whose targets lie in the rows held out, thinned to a few thousand."""
    return part_windows(arrived.prepared, "report", _most(arrived))


def held_error(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> float:
    """The mean quantile loss of what a user would get, in typical deviations of the series; NaN without a value.

    That is 2 x pinball, the median's part being the absolute error (Gneiting & Raftery 2007). Of a model that only
    rebuilds windows it is the mean absolute error of what is rebuilt.
    """
    if forecaster.model.objective == "reconstruct":
        return _rebuilding_error(forecaster, streams, at)
    quantiles = scaled_quantiles(forecaster, streams, at)
    y, seen = gather_targets(streams, forecaster.window.horizon, *at)
    away = np.where(seen, y, 0.0)[:, :, None] - quantiles
    usable = seen & np.isfinite(quantiles).all(axis=2)
    levels = np.asarray(forecaster.model.quantile_levels)
    loss = 2.0 * np.maximum(levels * away, (levels - 1.0) * away).mean(axis=2)
    return float(loss[usable].mean()) if usable.any() else np.nan


def _rebuilding_error(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> float:
    """The mean absolute error of the rebuilt windows, in typical deviations of the series."""
    model, window = forecaster.model, forecaster.window
    total = count = 0.0
    size = chunk_size(model, window)
    for start in range(0, len(at[0]), size):
        windows = gather(streams, window, at[0][start : start + size], at[1][start : start + size])
        rebuilt = predict_all(forecaster.members, model, window, windows).rebuilt
        if rebuilt is not None:
            total += float((np.abs(windows.x - rebuilt) * windows.seen).sum())
            count += float(windows.seen.sum())
    return total / count if count else np.nan


def recalibrated(arrived: Arrived, old: Forecaster, new: Forecaster) -> Forecaster:
    """`new` with factors (H, Q) that follow what new rows say, as far as there are enough of them.

    Each row is judged by the newest weights that had not seen it: those held out by the new ones, those before them by
    the old ones. n blocks of new rows, a horizon each, weigh n to `OWN_WORD` against the old factors, as they do
    against the network's own word when a model is trained. The trust stays: a few blocks would not decide it.
    """
    streams, levels = arrived.prepared.streams, old.model.quantile_levels
    both = [(held_windows(arrived), new), (_earlier_windows(arrived), old)]
    parts = [_judged(one, streams, at) for at, one in both if len(at[0])]
    if not parts:
        return replace(new, factors=old.factors)
    quantiles, y, seen, block = (np.concatenate(one) for one in zip(*parts, strict=True))
    usable = seen.any(axis=1) & (quantiles[:, :, -1] > quantiles[:, :, 0]).any(axis=1)
    count = len(np.unique(block[usable]))
    weight = count / (count + OWN_WORD)
    fresh = calibrate(quantiles, y, seen, levels)
    return replace(new, factors=(1.0 - weight) * old.factors + weight * fresh)


def _judged(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> tuple[Array, Array, Mask, Ints]:
    """Quantiles (N, H, Q) before any stretching, what came (N, H), whether it was seen, and blocks (N,)."""
    model, window = forecaster.model, forecaster.window
    raw, level = predict_streams(forecaster.members, model, window, streams, at)
    raw = flat_where_constant(raw, level, streams.scale[at[0]])
    moved = trust(raw, level, forecaster.trusted[streams.channel[at[0]]], model.quantile_levels)
    moved = repeat(moved, streams, at, model.quantile_levels.index(0.5))
    y, seen = gather_targets(streams, window.horizon, *at)
    return moved, y, seen, blocks(streams.series[at[0]], at[1], window.horizon)


def _earlier_windows(arrived: Arrived) -> tuple[Ints, Ints]:
    """Windows whose targets lie in new rows before those held out; thinned."""
    prepared, horizon = arrived.prepared, arrived.prepared.window.horizon
    channels = len(prepared.panel.channels)
    stop = np.array([split.fit if split else 0 for split in prepared.splits], dtype=np.int64)
    first, last = (np.repeat(one, channels) for one in (np.maximum(arrived.known, 1), stop - horizon))
    stride = max(1, int(np.maximum(last - first + 1, 0).sum()) // _most(arrived))
    return cutoffs_between(first, last, stride)


def _most(arrived: Arrived) -> int:
    """Windows whose quantiles are held at once."""
    prepared = arrived.prepared
    numbers = prepared.window.horizon * len(prepared.model.quantile_levels)
    return min(MOST_WINDOWS, max(50, HELD_NUMBERS // numbers))
