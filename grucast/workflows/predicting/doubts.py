"""Whether a model still errs as it did when it was judged: its errors on the newest rows that it was not trained on.

Where there is a ledger its own forecasts of them tell, else those that it would have made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.results import Manifest
from grucast.core.series import Panel, Series
from grucast.forecasting.errors import without_sight
from grucast.forecasting.predict import Forecaster, quantiles_at
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.sources import Scales, Setting, length_passed, make_source
from grucast.preprocessing.windows import flatten
from grucast.workflows.serving import first_row

FAR_ERROR = 2.0  # times the error of the report
WINDOWS = 4  # of each series, one after the other, that end with its newest row
MOST = 200  # windows in all: enough for a mean, and no cost beside the forecasts of many series


def doubt(panel: Panel, model: tuple[Forecaster, Scales], manifest: Manifest) -> list[str]:
    """A note where the newest rows were forecast with more than twice the error of the report.

    Only windows count that lie wholly after the rows trained on, and that no gap left without sight. The error is the
    mean over all values, in their units, as in the report. Where that or the rows are not known there is no note.
    """
    error, known, rows = recent_error(panel, model, manifest)
    if not error > FAR_ERROR * known:
        return []
    note = (f"low confidence: the newest {rows} rows were forecast with {error / known:.1f} times the error that the "
            f"model had when it was trained ({error:.4g}, not {known:.4g}); train it anew")
    return [note]


def sightless(panel: Panel, manifest: Manifest) -> list[str]:
    """A note where a gap left so little of a context that there is next to nothing to forecast from.

    That is fewer rows than a segment, where more than a segment in a row is missing; see `forecasting/errors.py`.
    """
    length, left = manifest.window.context_length, []
    for one in panel.series:
        rows = length_passed(one)
        counts = one.observed[max(0, rows - length) : rows].sum(axis=0)
        few = np.flatnonzero((counts > 0) & (counts < manifest.window.segment))  # of 100,000 series none, as a rule
        left += [int(counts[channel]) for channel in few.tolist() if _blind(one, rows, channel, manifest)]
    if not left:
        return []
    rest = f"{min(left)} to {max(left)}" if min(left) < max(left) else f"{left[0]}"
    whose = f" for {len(left)} of {len(panel.series) * len(panel.channels)} forecasts" if len(left) > 1 else ""
    note = f"low confidence: a gap left {rest} of the {length} rows to look back on{whose}; rows that come will mend it"
    return [note]


def _blind(one: Series, cutoff: int, channel: int, manifest: Manifest) -> bool:
    """Whether the context that ends before row `cutoff` of a series says nothing of a channel."""
    first = max(0, int(cutoff) - manifest.window.context_length)
    seen = one.observed[first : int(cutoff), channel].astype(np.float32)
    return bool(without_sight(seen[None], manifest.window.segment)[0])


def doubt_issued(found: Sequence[tuple[float, float, int, float]], manifest: Manifest) -> list[str]:
    """The same of forecasts that were given out: cutoff, last step, truths, sum of absolute errors, newest first.

    Those count that began within four reaches of the newest; together they need the truths of one horizon.
    """
    known = _known(manifest)
    if not found or math.isnan(known):
        return []
    cutoff, until = found[0][:2]
    near = [one for one in found if one[0] > cutoff - WINDOWS * (until - cutoff)]
    truths, error = sum(one[2] for one in near), sum(one[3] for one in near)
    if truths < manifest.window.horizon or not error > FAR_ERROR * known * truths:
        return []
    error /= truths
    note = (f"low confidence: the newest {truths:,} values that came were missed by {error / known:.1f} times the "
            f"error that the model had when it was trained ({error:.4g}, not {known:.4g}); train it anew")
    return [note]


def recent_error(
    panel: Panel, model: tuple[Forecaster, Scales], manifest: Manifest, *, windows: int = WINDOWS
) -> tuple[float, float, int]:
    """The mean absolute error of forecasts of the newest rows, that of the report, how many rows of a series these are.

    They are the targets of `windows` forecasts of each series at most. NaN for an error that is not known.
    """
    known = _known(manifest)
    if math.isnan(known):
        return math.nan, known, 0
    error, rows = _recent(panel, model, manifest, windows)
    return error if math.isfinite(error) else math.nan, known, rows


def _known(manifest: Manifest) -> float:
    """The mean absolute error of the report, NaN where it is not known or 0."""
    found = manifest.accuracy.get("holdout", {}).get("mae")
    return float(found) if found and math.isfinite(found) else math.nan


def _recent(
    panel: Panel, model: tuple[Forecaster, Scales], manifest: Manifest, windows: int
) -> tuple[float, int]:
    """The mean absolute error of windows on new rows, and how many rows of a series they cover; (NaN, 0) for none."""
    (forecaster, scales), horizon, clock = model, manifest.window.horizon, panel.layout.clock
    last = float(manifest.data.last) if is_numeric(clock) else np.datetime64(manifest.data.last, "us")
    new = np.array([length_passed(one) - int(np.searchsorted(one.ds, last, side="right")) for one in panel.series])
    counts = np.minimum(new // horizon, windows)
    chosen = np.flatnonzero(counts > 0)
    chosen = chosen[:: max(1, -(-int(counts[chosen].sum()) * len(panel.channels) // MOST))]
    if not len(chosen):
        return math.nan, 0
    setting = Setting(clock, first_row(manifest), horizon, forecaster.model.calendar)
    some = [panel.series[at] for at in chosen]
    sources = [make_source(one, scales, setting, stop=length_passed(one)) for one in some]
    at, truth = _windows(np.array([length_passed(one) for one in some]), counts[chosen], horizon, len(panel.channels))
    y = np.stack([some[series].y[cutoff : cutoff + horizon, channel] for series, channel, cutoff in truth])
    middle = list(forecaster.model.quantile_levels).index(0.5)
    missed = np.abs(quantiles_at(forecaster, flatten(sources), at)[:, :, middle] - y)
    blind = [_blind(some[series], cutoff, channel, manifest) for series, channel, cutoff in truth]
    seen = missed[np.isfinite(missed) & ~np.array(blind)[:, None]]
    return float(seen.mean()) if len(seen) else math.nan, int(counts.max()) * horizon


def _windows(lengths: Ints, counts: Ints, horizon: int, channels: int) -> tuple[tuple[Ints, Ints], Ints]:
    """The windows of each series that end with its newest row: stream and cutoff, and (series, channel, cutoff)."""
    found = np.array([(series, channel, length - (back + 1) * horizon)
                      for series, (length, count) in enumerate(zip(lengths, counts, strict=True))
                      for back in range(count) for channel in range(channels)])
    return (found[:, 0] * channels + found[:, 1], found[:, 2]), found
