"""What each series repeats, found with a trained network on all rows before the report part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.forecasting.intervals import trust
from grucast.forecasting.predict import flat_where_constant
from grucast.forecasting.repeats import find_repeats, lags_of
from grucast.inference.predict import predict_streams
from grucast.inference.weights import Weights
from grucast.preprocessing.repeats import Repeats
from grucast.preprocessing.windows import cutoffs_between, gather_targets
from grucast.workflows.learning.prepared import Prepared, even_stride, rows_to_learn_from

MOST_WINDOWS = 10_000
TOGETHER = 1_000  # whose quantiles are held at once


def with_repeats(
    prepared: Prepared, members: Sequence[Weights], trusted: Array
) -> tuple[Prepared, Prepared]:
    """`prepared` with what its series repeat beside networks `members`, which are `trusted` (C,) so far.

    Twice: as the fit rows tell it, so that intervals can be calibrated on what nothing was found in, and as all rows
    before the report part do. Only where several series share a network: one alone has taught it its
    own season.
    """
    streams, window = prepared.streams, prepared.window
    lags = lags_of(prepared.seasons, window.context_length)
    if not lags or len(prepared.panel.series) < 2 or prepared.model.objective == "reconstruct":
        return prepared, prepared
    first, last = rows_to_learn_from(prepared, "report")
    total = int(np.maximum(last - first + 1, 0).sum())
    stream, cutoff = cutoffs_between(first, last, even_stride(total, MOST_WINDOWS, prepared.seasons))
    medians = np.empty((len(stream), window.horizon))
    for start in range(0, len(stream), TOGETHER):
        part = slice(start, start + TOGETHER)
        medians[part] = _medians(prepared, members, trusted, (stream[part], cutoff[part]))
    y, seen = gather_targets(streams, window.horizon, stream, cutoff)
    before = cutoff <= rows_to_learn_from(prepared, "validation")[1][stream]
    early, late = (
        _with(prepared, *find_repeats(medians[use], streams, (stream[use], cutoff[use]), (y[use], seen[use]), lags))
        for use in (before, np.ones_like(before)))
    return early, late


def _with(prepared: Prepared, lag: Ints, share: Array) -> Prepared:
    channels = len(prepared.panel.channels)
    repeats = Repeats(lag.reshape(-1, channels), share.reshape(-1, channels))
    return replace(prepared, scales=replace(prepared.scales, repeats=repeats),
                   streams=replace(prepared.streams, lag=lag, share=share))


def _medians(
    prepared: Prepared, members: Sequence[Weights], trusted: Array, at: tuple[Ints, Ints]
) -> Array:
    """The medians (B, H) of the networks in z, as far as they are trusted."""
    model, streams = prepared.model, prepared.streams
    raw, level = predict_streams(members, model, prepared.window, streams, at)
    raw = flat_where_constant(raw, level, streams.scale[at[0]])
    moved = trust(raw, level, trusted[streams.channel[at[0]]], model.quantile_levels)
    return moved[:, :, model.quantile_levels.index(0.5)]
