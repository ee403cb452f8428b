"""What normal rows look like to a model: the scale of its signals and the law of its scores, when it is trained.

The scale of the signals comes from rows that the weights were trained on, the law of the scores from rows that
they were not: the weights of the fit part judge everything after it. The weights that go into the file have seen
those rows, so that the scale is measured anew with them; the law is kept, for it is about how much worse a new row
looks than one that was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.progress import Progress, silent
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.scoring import (
    MODES,
    WIDEST,
    Signals,
    SignalScale,
    fit_signal_scale,
    gather_channels,
    strangeness,
    usual_width,
)
from grucast.forecasting.errors import RowErrors, row_errors, stride_of
from grucast.forecasting.predict import Forecaster
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams, cutoffs_between
from grucast.training.plan import LONGEST_SEASON
from grucast.training.rebuild import with_rebuild
from grucast.training.tail import fit_calibration
from grucast.workflows.learn import Learned, Prepared, even_stride, streams_of
from grucast.workflows.scores import Scoring, Watch, of_series, scorings, series_numbers, signals_of

MOST_ROWS = 400_000  # values judged for it, of all series and channels; more tell nothing new
MOST_IN_ALL = 4 * MOST_ROWS  # where ten contexts of each series are more: then every k-th series is judged
JOINED = 0.3  # of the usual width
MOST_SERIES = 1_000  # with a scale of their own; beyond, one for all


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Signals by mode of each series of a piece of the data, and where the trained part of each ends."""

    signals: dict[str, list[Signals]]
    parts: list[slice]  # rows trained on
    later: list[int]  # first row not trained on
    seen: list[Mask]  # rows (T,) with any value: only they are scored


def fit_watch(
    prepared: Prepared, learned: Learned, final: Learned, progress: Progress = silent
) -> tuple[Learned, Watch]:
    """The final model with the head that rebuilds the window, and what it knows about normal rows."""
    some = _some(prepared)
    first = _with_heads(prepared, learned, _fit_rows(prepared))
    held = _judge(some, first.forecaster, _fit_rows(some), progress)
    usual = usual_width(prepared.seasons, LONGEST_SEASON)
    early = {mode: fit_signal_scale(held.signals[mode], held.parts, mode, usual) for mode in MODES}
    channels = len(prepared.panel.channels)
    gap = usual_gap(prepared.seasons, usual)
    laws = {one.name: _law(held, early[one.mode], one, gap) for one in scorings(prepared.model, channels)}
    last = _with_heads(prepared, final, _rows(prepared))
    known = _judge(some, last.forecaster, _rows(some), progress)
    scale = {mode: _own(fit_signal_scale(known.signals[mode], known.parts, mode, usual), prepared) for mode in MODES}
    return last, Watch(scale, laws)


def usual_gap(seasons: Sequence[int], usual: int) -> int:
    """Alarms with so many rows between them are one event: a third of the usual width, or the shortest season.

    What is strange in every heartbeat is one event, and not one for each.
    """
    season = min((one for one in seasons if one <= WIDEST), default=1)
    return max(1, round(JOINED * usual), season)


def _rows(prepared: Prepared) -> Ints:
    """The rows of each series, (N,)."""
    return prepared.streams.length[:: len(prepared.panel.channels)]


def _fit_rows(prepared: Prepared) -> Ints:
    """The rows of each series that the weights of the fit part were trained on, (N,)."""
    pairs = zip(prepared.splits, _rows(prepared).tolist(), strict=True)
    return np.array([split.fit if split else rows for split, rows in pairs], dtype=np.int64)


def _some(prepared: Prepared) -> Prepared:
    """Every k-th series, so that at most about `MOST_IN_ALL` values are judged; all where there are no more."""
    skip = -(-int(np.minimum(prepared.streams.length, _most(prepared)).sum()) // MOST_IN_ALL)
    if skip <= 1:
        return prepared
    panel = replace(prepared.panel, series=prepared.panel.series[::skip])
    streams = streams_of(panel, prepared.scales, prepared.model, prepared.window.horizon)
    return replace(prepared, panel=panel, splits=prepared.splits[::skip], streams=streams)


def _most(prepared: Prepared) -> int:
    """Rows of one series that are judged, at most."""
    return max(MOST_ROWS // max(prepared.streams.length.size, 1), 10 * prepared.window.context_length)


def _with_heads(prepared: Prepared, learned: Learned, stop: Ints) -> Learned:
    """The model with the head that rebuilds windows and the law of its states, from windows that end by row `stop`."""
    if not prepared.model.narrow:
        return learned
    channels, length = len(prepared.panel.channels), prepared.window.context_length
    ends = np.repeat(stop, channels)
    first = np.minimum(length, ends)
    total = int(np.maximum(ends - first + 1, 0).sum())
    at = cutoffs_between(first, ends, even_stride(total, MOST_ROWS, prepared.seasons))
    shape = (prepared.model, prepared.window)
    members: Sequence[Weights] = [with_rebuild(one, shape, prepared.streams, at) for one in learned.members]
    return replace(learned, members=members, forecaster=replace(learned.forecaster, members=members))


def _judge(prepared: Prepared, forecaster: Forecaster, trained: Ints, progress: Progress) -> _Judged:
    """The signals of the rows about the end of the trained part (N,) of each series."""
    streams, start = _piece(prepared, forecaster, trained)
    errors: RowErrors = row_errors(forecaster, streams, progress)
    signals = {mode: signals_of(errors, streams, mode, prepared.model.narrow) for mode in MODES}
    length = prepared.window.context_length
    parts = [slice(min(length, max(stop - begin, 0) // 2), max(stop - begin, 0))
             for stop, begin in zip(trained.tolist(), start, strict=True)]
    observed = [of_series(streams.observed, streams, number) for number in series_numbers(streams)]
    seen = [np.asarray(one.any(axis=1)) for one in observed]
    return _Judged(signals, parts, [part.stop for part in parts], seen)


def _piece(prepared: Prepared, forecaster: Forecaster, trained: Ints) -> tuple[Streams, list[int]]:
    """The streams of all series, of long ones only the rows about the end of the trained part; and their first rows.

    First rows are multiples of the stride, so that windows end where they end in the whole series.
    """
    panel, most, stride = prepared.panel, _most(prepared), stride_of(forecaster)
    lengths = _rows(prepared).tolist()
    if max(lengths) <= most:
        return prepared.streams, [0] * len(lengths)
    starts = [max(0, min(stop - most // 2, rows - most)) // stride * stride
              for stop, rows in zip(trained.tolist(), lengths, strict=True)]
    cut = tuple(one.rows(start, max(min(start + most, rows), 1))  # a series without any value keeps a row
                for one, start, rows in zip(panel.series, starts, lengths, strict=True))
    # phases stay those of the whole series: the clock counts from its first stamp
    streams = streams_of(replace(panel, series=cut), prepared.scales, prepared.model, prepared.window.horizon,
                         first=panel.series[0].ds[0])
    return streams, starts


def _law(held: _Judged, scale: SignalScale, scoring: Scoring, gap: int) -> ScoreCalibration:
    """The law of the scores of rows that were not trained on, events joined over `gap` rows."""
    scores: list[Array] = []
    blocks: list[Ints] = []
    for number, signals in enumerate(held.signals[scoring.mode]):
        channels = strangeness(signals, scale, number, scorer=scoring.scorer, mode=scoring.mode)
        row = np.where(held.seen[number], gather_channels(channels, scoring.gather)[0], np.nan)[held.later[number] :]
        scores.append(row)
        blocks.append(np.full(len(row), number))
    return fit_calibration(np.concatenate(scores), np.concatenate(blocks), gap=gap)


def _own(scale: SignalScale, prepared: Prepared) -> SignalScale:
    """The scale of each series, or of all together where there are very many or not all were judged."""
    if len(scale.median) - 1 == len(prepared.panel.series) <= MOST_SERIES:
        return scale
    return SignalScale(scale.widths, scale.median[-1:], scale.upper[-1:])


