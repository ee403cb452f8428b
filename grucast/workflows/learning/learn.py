"""From a gridded panel to a calibrated model and its report: what `train` and the benchmarks share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.config import ModelConfig, TrainingConfig, TrainOptions, WindowSpec
from grucast.core.errors import DataError
from grucast.core.series import Panel
from grucast.forecasting.intervals import blocks, calibrate, fit_trust, trust
from grucast.forecasting.predict import Forecaster, flat_where_constant
from grucast.inference.predict import predict_streams
from grucast.inference.weights import Weights
from grucast.preprocessing.alias import follows_calendar
from grucast.preprocessing.frequency import default_horizon
from grucast.preprocessing.seasons import find_seasons
from grucast.preprocessing.sources import Scales, Setting, calendar_seen, fit_scales, length_known, make_source
from grucast.preprocessing.splits import Split, split_by_time
from grucast.preprocessing.weekdays import week_matters
from grucast.preprocessing.windows import Streams, cutoffs_between, flatten, gather_targets
from grucast.training.ensemble import Job, train_members, train_more
from grucast.training.fit import Fitted, Run
from grucast.training.plan import Facts, context_length, plan_model, plan_training, plan_window
from grucast.training.sampling import Sampler, sampler_of

VALIDATION_WINDOWS = 2_000
HELD_NUMBERS = 20_000_000  # quantiles of calibration windows held at once


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that is fixed before the first step of training."""

    panel: Panel
    splits: tuple[Split | None, ...]
    seasons: tuple[int, ...]
    window: WindowSpec
    model: ModelConfig
    training: TrainingConfig
    options: TrainOptions
    scales: Scales
    streams: Streams
    notes: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A trained and calibrated model, and how it came about."""

    members: Sequence[Weights]
    forecaster: Forecaster
    found: tuple[Fitted, ...]  # what the fit part gave: steps and penalty of each member


def prepare(panel: Panel, options: TrainOptions, *, splits: Sequence[Split | None] = (), file: str = "") -> Prepared:
    """Decide everything from the data and the options; `splits` are found where none are given.

    Errors: DataError where no series is long enough to learn from and hold something out.
    """
    lengths = [length_known(one) for one in panel.series]
    notes: list[str] = []
    seasons = _seasons(panel, options, lengths, splits)
    horizon = options.window.horizon or default_horizon(panel.freq, seasons, _shortest(lengths))
    found = tuple(splits) or _splits(lengths, horizon, options)
    if not any(split.fit > horizon for split in found if split):
        rows = max(lengths, default=0)
        raise DataError(f"nothing can be learned from {rows} rows with a horizon of {horizon}", file=file,
                        mend=f"give more rows or a shorter --horizon (at most {(rows - 1) // 3})" if horizon > 1
                        else "give more rows")
    fit_rows = [split.fit if split else rows for split, rows in zip(found, lengths, strict=True)]
    scales = fit_scales(panel, fit_rows, options.values.transform, file)
    facts = _facts(panel, seasons, horizon, fit_rows)
    window = plan_window(horizon, options.window.context_length, facts)
    if options.window.context_length is None and window.context_length < context_length(horizon, seasons, 10**9):
        notes.append(f"context shortened to {window.context_length} rows: the series are short")
    model = plan_model(options.network, options.fit.preset, window, facts)
    streams = streams_of(panel, scales, model, horizon)
    if any(split.shared for split in found if split):
        notes.append("short series: intervals are calibrated on the rows that the report is about")
    return Prepared(panel, found, seasons, window, model, plan_training(options.fit), options, scales, streams, notes)


def _splits(lengths: Sequence[int], horizon: int, options: TrainOptions) -> tuple[Split | None, ...]:
    return tuple(split_by_time(rows, horizon, options.window.context_length or 1) for rows in lengths)


def _seasons(
    panel: Panel, options: TrainOptions, lengths: Sequence[int], splits: Sequence[Split | None]
) -> tuple[int, ...]:
    """The seasons asked for (1 is none), or found in the rows before the report parts, which nothing is decided on."""
    if options.window.season:
        return tuple(season for season in options.window.season if season > 1)
    longest = default_horizon(panel.freq, (10**9,), _shortest(lengths))  # that any season found can lead to
    parts = splits or _splits(lengths, options.window.horizon or longest, options)
    pairs = zip(panel.series, parts, strict=True)
    early = tuple(one.rows(0, split.report_rows[0]) if split else one for one, split in pairs)
    return find_seasons(replace(panel, series=early))


def streams_of(panel: Panel, scales: Scales, model: ModelConfig, horizon: int, *, first: Any = None) -> Streams:
    """The streams of all series on the panel's seasonal clock, whose phases are zero at the stamp `first`.

    None is the first stamp of the first series.
    """
    first = panel.series[0].ds[0] if first is None else first
    setting = Setting(panel.layout.clock, first, horizon, model.calendar)
    return flatten([make_source(one, scales, setting) for one in panel.series])


def learn(prepared: Prepared, run: Run) -> Learned:
    """Train on the fit part, stop on the validation part, calibrate on the calibration part."""
    validation = part_windows(prepared, "validation", VALIDATION_WINDOWS)
    fitted = train_members(_job(prepared), fit_sampler(prepared), validation, run)
    members = [one.weights for one in fitted]
    forecaster = calibrated(prepared, members)
    return Learned(members, forecaster, tuple(fitted))


def to_the_report(prepared: Prepared, learned: Learned, run: Run) -> Learned:
    """The model trained anew, for the steps found, on all rows before the report parts.

    Anew costs what training on from the old weights costs, and was more accurate on six of seven small sets.
    Calibration stays that of the weights of the fit part, which knew less: on the safe side.
    """
    return _more(prepared, learned, "report", run)


def to_the_end(prepared: Prepared, learned: Learned, run: Run) -> Learned:
    """The model trained on, from its present weights, to the last row."""
    return _more(prepared, learned, "end", run)


def _job(prepared: Prepared) -> Job:
    return Job(prepared.model, prepared.window, prepared.training, prepared.streams)


def _more(prepared: Prepared, learned: Learned, part: str, run: Run) -> Learned:
    start = list(zip(learned.members, learned.found, strict=True))
    members = train_more(_job(prepared), last_sampler(prepared, part), start, run, anew=part == "report")
    return replace(learned, members=members, forecaster=replace(learned.forecaster, members=members))


def calibrated(prepared: Prepared, members: Sequence[Weights]) -> Forecaster:
    """The trust in the network and the factors of its quantiles, from validation and calibration windows.

    Where there is no calibration part (a protocol of three parts), the validation part serves for both.
    """
    model, window, streams, values = prepared.model, prepared.window, prepared.streams, prepared.options.values
    levels, channels = model.quantile_levels, len(prepared.panel.channels)
    most = max(50, HELD_NUMBERS // (window.horizon * len(levels)))
    at = part_windows(prepared, "calibration", most)
    earlier = part_windows(prepared, "validation", most)
    if not len(at[0]):
        at, earlier = earlier, (at[0], at[1])
    both = np.concatenate([earlier[0], at[0]]), np.concatenate([earlier[1], at[1]])
    quantiles, level = predict_streams(members, model, window, streams, both)
    quantiles = flat_where_constant(quantiles, level, streams.scale[both[0]])
    y, seen = gather_targets(streams, window.horizon, *both)
    block = blocks(streams.series[both[0]], both[1], window.horizon)
    trusted = np.ones(channels)
    middle = levels.index(0.5)
    for channel in range(channels):
        of = streams.channel[both[0]] == channel
        trusted[channel] = fit_trust(quantiles[:, :, middle][of], level[of], y[of], seen[of], block[of])
    late = slice(len(earlier[0]), None)
    moved = trust(quantiles[late], level[late], trusted[streams.channel[at[0]]], levels)
    factors = calibrate(moved, y[late], seen[late], levels, block=block[late])
    return Forecaster(members, model, window, prepared.scales.transform, factors, trusted,
                      -np.inf if values.min is None else values.min, np.inf if values.max is None else values.max)


def part_windows(prepared: Prepared, part: str, most: int) -> tuple[Ints, Ints]:
    """The windows (stream, cutoff) whose targets lie wholly in a part of their series; thinned to about `most`.

    First fewer windows of each stream, its newest always among them; then fewer streams.
    """
    first, last = _borders(prepared, part)
    total = int(np.maximum(last - first + 1, 0).sum())
    stream, cutoff = cutoffs_between(first, last, even_stride(total, most, prepared.seasons))
    skip = max(1, len(stream) // most)
    return stream[::skip], cutoff[::skip]


def even_stride(total: int, most: int, seasons: Sequence[int]) -> int:
    """Rows between windows that leave about `most` of `total`, and four phases of every season, or all, at least."""
    stride = max(1, -(-total // most))
    while any(math.gcd(stride, season) > max(1, season // 4) for season in seasons):
        stride += 1
    return stride


def fit_sampler(prepared: Prepared) -> Sampler:
    """Windows whose targets lie wholly in the fit part."""
    first, last = _borders(prepared, "fit")
    return sampler_of(first, last)


def last_sampler(prepared: Prepared, part: str) -> Sampler:
    """Windows up to the first row of the report part ("report") or to the last row ("end"), targets included.

    At the very end, windows with half of their targets count too, the rest masked.
    """
    window, length = prepared.window, prepared.streams.length
    if part == "end":
        last = length - (window.horizon + 1) // 2
    else:
        last = np.maximum(_borders(prepared, part)[0], 1) - window.horizon
    first = _first_cutoff(length - window.horizon, window)
    return sampler_of(first, np.maximum(last, first) if part == "end" else last)


def _borders(prepared: Prepared, part: str) -> tuple[Ints, Ints]:
    """First and last cutoff of a part in each stream; last < first where a stream has none."""
    channels, horizon = len(prepared.panel.channels), prepared.window.horizon
    rows = np.array([getattr(split, f"{part}_rows") if split else (1, 0) for split in prepared.splits], dtype=np.int64)
    first, stop = np.repeat(rows, channels, axis=0).T
    last = stop - horizon
    if part == "fit":
        first = _first_cutoff(last, prepared.window)
    return first, np.where(stop == 0, first - 1, last)


def _first_cutoff(last: Ints, window: WindowSpec) -> Ints:
    """The first cutoff to learn from: a quarter of a context must be there, so that short ones are learned too."""
    return np.maximum(1, np.minimum(window.context_length // 4, last // 3))


def _facts(panel: Panel, seasons: tuple[int, ...], horizon: int, fit_rows: Sequence[int]) -> Facts:
    one = panel.series[0]
    channels = len(panel.channels)
    return Facts(
        horizon=horizon,
        seasons=seasons,
        rows=_usual(fit_rows),
        streams=len(panel.series) * channels,
        windows=int(np.maximum(np.asarray(fit_rows) - horizon, 0).sum()) * channels,
        channels=channels,
        covariates=(one.known.shape[1], one.past.shape[1], one.static.shape[0]),
        calendar=_calendar(panel, fit_rows),
        clocked=follows_calendar(panel.freq),
    )


def _calendar(panel: Panel, fit_rows: Sequence[int]) -> tuple[str, ...]:
    """The calendar features worth having: of cycles seen often enough, the week only where it helped in the past."""
    clock = panel.layout.clock
    names = calendar_seen(panel.series, fit_rows, clock)
    weekly = week_matters(panel.series, fit_rows, clock)
    return tuple(name for name in names if weekly or not name.startswith("week"))


def _shortest(lengths: Sequence[int]) -> int:
    """The smallest length of a series that has rows."""
    return min((rows for rows in lengths if rows), default=1)


def _usual(lengths: Sequence[int]) -> int:
    """The median length."""
    return int(np.median(np.asarray(lengths))) if len(lengths) else 0


