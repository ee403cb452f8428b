"""What normal rows look like to a model: the scale of its signals and the law of its scores, when it is trained.

The scale of the signals comes from rows that the weights were trained on, the law of the scores from rows that
they were not: the weights of the fit part judge everything after it. The weights that go into the file have seen
those rows, so that the scale is measured anew with them; the law is kept, for it is about how much worse a new row
looks than one that was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Mask
from grucast.core.progress import Progress, silent
from grucast.core.series import Series
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.doubt import fit_usual
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
from grucast.detection.stuck import fit_stuck, stuck
from grucast.detection.sudden import LAGS, cycle_of, fit_sudden, sudden
from grucast.forecasting.errors import RowErrors, row_errors, stride_of
from grucast.forecasting.predict import Forecaster
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams, cutoffs_between
from grucast.training.plan import LONGEST_SEASON
from grucast.training.rebuild import with_rebuild
from grucast.training.tail import FAR, FEW, MANY, Suspicion, fit_calibration
from grucast.workflows.detecting.scores import (
    STUCK_LAW,
    Scoring,
    Watch,
    missed_of,
    of_series,
    origin_of,
    scorings,
    series_numbers,
    signals_of,
    sudden_law,
    values_of,
)
from grucast.workflows.learning.learn import Learned
from grucast.workflows.learning.prepared import Prepared, even_stride, streams_of

MOST_ROWS = 400_000  # values judged for it, of all series and channels; more tell nothing new
MOST_IN_ALL = 4 * MOST_ROWS  # where ten contexts of each series are more: then every k-th series is judged
JOINED = 0.3  # of the usual width
MOST_SERIES = 1_000  # with a scale of their own; beyond, one for all


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Signals by mode of each series of a piece of the data, and where the trained part of each ends."""

    signals: dict[str, list[Signals]]
    signed: list[Array32]  # (T, C)
    values: list[Array]  # (T, C), NaN where missing
    origins: list[int]
    parts: list[slice]  # rows trained on
    later: list[int]  # first row not trained on
    seen: list[Mask]  # rows (T,) with any value: only they are scored
    missed: list[Array32]  # (T, C)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What rows that were not trained on say: the laws by the names of a `Watch`, and its usual errors."""

    laws: Mapping[str, ScoreCalibration]
    usual: Array | None


def fit_watch(
    prepared: Prepared, learned: Learned, final: Learned, progress: Progress = silent
) -> tuple[Learned, Watch]:
    """The final model with the head that rebuilds the window, and what it knows about normal rows."""
    return watch_by(prepared, final, fit_laws(prepared, learned, progress), progress)


def fit_laws(prepared: Prepared, learned: Learned, progress: Progress = silent) -> HeldOut:
    """What the rows after the fit parts say, which `learned` was not trained on."""
    some = _some(prepared)
    first = with_heads(prepared, learned, _fit_rows(prepared))
    held = _judge(some, first.forecaster, _fit_rows(some), progress)
    usual = usual_width(prepared.seasons, LONGEST_SEASON)
    cycle = cycle_of(prepared.seasons)
    early = {mode: fit_signal_scale(held.signals[mode], held.parts, mode, usual) for mode in MODES}
    gap = usual_gap(prepared.seasons, usual)
    channels = len(prepared.panel.channels)
    laws = {one.name: _law(held, early[one.mode], one, gap) for one in scorings(prepared.model, channels)}
    errors = fit_usual(held.missed, held.later)
    if len(errors) - 1 != len(prepared.panel.series) or len(errors) > MOST_SERIES:
        errors = errors[-1:]
    return HeldOut(laws | _laws_beside(held, cycle, gap), errors)


def watch_by(
    prepared: Prepared, final: Learned, held: HeldOut, progress: Progress = silent
) -> tuple[Learned, Watch]:
    """The final model with the head that rebuilds windows, and its scales of normal rows beside what was held out."""
    some, usual = _some(prepared), usual_width(prepared.seasons, LONGEST_SEASON)
    last = with_heads(prepared, final, _rows(prepared))
    known = _judge(some, last.forecaster, _rows(some), progress)
    scale = {mode: _own(fit_signal_scale(known.signals[mode], known.parts, mode, usual), prepared) for mode in MODES}
    jumps = fit_sudden(known.signed, known.parts, known.origins, cycle_of(prepared.seasons))
    if len(jumps.level) - 1 != len(prepared.panel.series) or len(jumps.level) > MOST_SERIES:
        jumps = replace(jumps, level=jumps.level[-1:])
    return last, Watch(scale, jumps, fit_stuck(known.values, known.parts), held.laws, held.usual)


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


def with_heads(prepared: Prepared, learned: Learned, stop: Ints) -> Learned:
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
    streams, rows, start = _piece(prepared, forecaster, trained)
    errors: RowErrors = row_errors(forecaster, streams, progress)
    signals = {mode: signals_of(errors, streams, mode, prepared.model.narrow) for mode in MODES}
    length = prepared.window.context_length
    parts = [slice(min(length, max(stop - begin, 0) // 2), max(stop - begin, 0))
             for stop, begin in zip(trained.tolist(), start, strict=True)]
    observed = [of_series(streams.observed, streams, number) for number in series_numbers(streams)]
    seen = [np.asarray(one.any(axis=1)) for one in observed]
    signed = [of_series(errors.signed, streams, number) for number in series_numbers(streams)]
    missed = missed_of(errors, prepared.model)
    missed_each = [of_series(missed, streams, number) for number in series_numbers(streams)]
    values = [values_of(one, len(mine)) for one, mine in zip(rows, signed, strict=True)]
    origins = [origin_of(streams, number) for number in series_numbers(streams)]
    return _Judged(signals, signed, values, origins, parts, [part.stop for part in parts], seen, missed_each)


def _piece(prepared: Prepared, forecaster: Forecaster, trained: Ints) -> tuple[
    Streams, tuple[Series, ...], list[int]
]:
    """The streams of all series, of long ones only the rows about the end of the trained part; those and the first.

    First rows are multiples of the stride, so that windows end where they end in the whole series.
    """
    panel, most, stride = prepared.panel, _most(prepared), stride_of(forecaster)
    lengths = _rows(prepared).tolist()
    if max(lengths) <= most:
        return prepared.streams, panel.series, [0] * len(lengths)
    starts = [max(0, min(stop - most // 2, rows - most)) // stride * stride
              for stop, rows in zip(trained.tolist(), lengths, strict=True)]
    cut = tuple(one.rows(start, max(min(start + most, rows), 1))  # a series without any value keeps a row
                for one, start, rows in zip(panel.series, starts, lengths, strict=True))
    # phases stay those of the whole series: the clock counts from its first stamp
    streams = streams_of(replace(panel, series=cut), prepared.scales, prepared.model, prepared.window.horizon,
                         first=panel.series[0].ds[0])
    return streams, cut, starts


def _law(held: _Judged, scale: SignalScale, scoring: Scoring, gap: int) -> ScoreCalibration:
    """The law of the scores of rows that were not trained on, events joined over `gap` rows."""
    scores: list[Array] = []
    for number, signals in enumerate(held.signals[scoring.mode]):
        channels = strangeness(signals, scale, number, scorer=scoring.scorer, mode=scoring.mode)
        scores.append(np.where(held.seen[number], gather_channels(channels, scoring.gather)[0], np.nan))
    return _law_of(held, scores, gap)


def _laws_beside(held: _Judged, cycle: int, gap: int) -> dict[str, ScoreCalibration]:
    """The laws of sudden and of stuck rows, from rows that were not trained on."""
    jumps = fit_sudden(held.signed, held.parts, held.origins, cycle)
    stood = fit_stuck(held.values, held.parts)
    laws = {}
    for mode in MODES:
        found = [sudden(one, jumps, number, origin, mode)[0]
                 for number, (one, origin) in enumerate(zip(held.signed, held.origins, strict=True))]
        laws[sudden_law(mode)] = _law_of_lone(held, found, gap, MANY)
    stood_still = [stuck(one, stood, "online")[0] for one in held.values]
    return laws | {STUCK_LAW: _law_of_lone(held, stood_still, gap, FAR)}


def _law_of_lone(held: _Judged, rows: Sequence[Array32], gap: int, suspicion: Suspicion) -> ScoreCalibration:
    """As `_law_of`; where few rows have too few events for a law, each lone row is an event of its own.

    Otherwise the largest of some hundred rows would be the limit, and one row in as many be called.
    """
    law = _law_of(held, rows, gap, suspicion)
    return law if law.events is not None else _law_of(held, rows, min(gap, LAGS), suspicion)


def _law_of(
    held: _Judged, rows: Sequence[Array | Array32], gap: int, suspicion: Suspicion = FEW
) -> ScoreCalibration:
    """The law of what each series had in its rows (T,) that were not trained on, events joined over `gap` rows."""
    later = [one[start:] for one, start in zip(rows, held.later, strict=True)]
    blocks = [np.full(len(one), number) for number, one in enumerate(later)]
    values = np.concatenate(later).astype(np.float64)
    return fit_calibration(values, np.concatenate(blocks), gap=gap, suspicion=suspicion)


def _own(scale: SignalScale, prepared: Prepared) -> SignalScale:
    """The scale of each series, or of all together where there are very many or not all were judged."""
    if len(scale.median) - 1 == len(prepared.panel.series) <= MOST_SERIES:
        return scale
    return SignalScale(scale.widths, scale.median[-1:], scale.upper[-1:])


