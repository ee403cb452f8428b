"""From a gridded panel to a calibrated model and its report: what `train` and the benchmarks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.config import TrainOptions
from grucast.core.errors import DataError
from grucast.core.series import Panel
from grucast.forecasting.intervals import blocks, calibrate, fit_trust, trust
from grucast.forecasting.predict import Forecaster, flat_where_constant
from grucast.forecasting.repeats import repeat
from grucast.inference.predict import predict_streams
from grucast.inference.weights import Weights
from grucast.preprocessing.alias import follows_calendar
from grucast.preprocessing.frequency import default_horizon
from grucast.preprocessing.holidays import find_holidays, holiday_names
from grucast.preprocessing.seasons import find_seasons
from grucast.preprocessing.sources import calendar_seen, fit_scales, length_known
from grucast.preprocessing.splits import Split, split_by_time
from grucast.preprocessing.weekdays import week_matters
from grucast.preprocessing.windows import gather_targets
from grucast.training.ensemble import Job, train_members, train_more
from grucast.training.fit import Fitted, Run
from grucast.training.plan import Facts, context_length, plan_model, plan_training, plan_window
from grucast.training.structure import rounding_notes
from grucast.workflows.learning.covariates import by_series
from grucast.workflows.learning.prepared import (
    VALIDATION_WINDOWS,
    Prepared,
    fit_sampler,
    last_sampler,
    part_windows,
    streams_of,
)
from grucast.workflows.learning.repeating import with_repeats
from grucast.workflows.learning.shape import on_its_scale

HELD_NUMBERS = 20_000_000  # quantiles of calibration windows held at once


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
    if options.window.horizon is None:
        notes += _short_horizon(panel, seasons, lengths, horizon)
    found = tuple(splits) or _splits(lengths, horizon, options)
    if not any(split.fit > horizon for split in found if split):
        rows = max(lengths, default=0)
        raise DataError(f"nothing can be learned from {rows} rows with a horizon of {horizon}", file=file,
                        mend=f"give more rows or a shorter --horizon (at most {(rows - 1) // 3})" if horizon > 1
                        else "give more rows")
    fit_rows = [split.fit if split else rows for split, rows in zip(found, lengths, strict=True)]
    holidays = find_holidays(panel, options.window.holidays, fit_rows)
    scales = replace(fit_scales(panel, fit_rows, options.values.transform or "none", file), holidays=holidays)
    facts = _facts(panel, seasons, horizon, fit_rows)
    facts = replace(facts, calendar=(*facts.calendar, *holiday_names(holidays)))
    window = plan_window(horizon, options.window.context_length, facts)
    if options.window.context_length is None and window.context_length < context_length(horizon, seasons, 10**9):
        notes.append(f"context shortened to {window.context_length} rows: the series are short")
    model = plan_model(options.network, options.fit.preset, window, facts)
    notes += rounding_notes(options.network, window)
    streams = streams_of(panel, scales, model, horizon)
    if any(split.shared for split in found if split):
        notes.append("short series: intervals are calibrated on the rows that the report is about")
    training = plan_training(options.fit)
    prepared = Prepared(panel, found, seasons, window, model, training, options, scales, streams, notes)
    shaped = prepared if options.values.transform else on_its_scale(prepared, fit_rows)
    return by_series(shaped, fit_rows)


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


def learn(prepared: Prepared, run: Run) -> tuple[Prepared, Learned]:
    """Train on the fit part, stop on the validation part, calibrate on both it and the calibration part.

    What was prepared comes back with what its series were found to repeat.
    """
    validation = part_windows(prepared, "validation", VALIDATION_WINDOWS)
    fitted = train_members(_job(prepared), fit_sampler(prepared), validation, run)
    members = [one.weights for one in fitted]
    prepared, forecaster = calibrated(prepared, members)
    return prepared, Learned(members, forecaster, tuple(fitted))


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


def calibrated(prepared: Prepared, members: Sequence[Weights]) -> tuple[Prepared, Forecaster]:
    """The trust in the network, what its series repeat, and the factors of its quantiles, in this order.

    All are those of validation and calibration windows; a protocol of three parts has only the former. That validation
    said when to stop makes its errors a little smaller; that there are twice as many windows, from two times instead
    of one, was worth more (benchmarks/LOG.md).
    """
    model, window, streams, values = prepared.model, prepared.window, prepared.streams, prepared.options.values
    levels = model.quantile_levels
    most = max(50, HELD_NUMBERS // (2 * window.horizon * len(levels)))
    earlier, later = (part_windows(prepared, part, most) for part in ("validation", "calibration"))
    at = np.concatenate([earlier[0], later[0]]), np.concatenate([earlier[1], later[1]])
    quantiles, level = predict_streams(members, model, window, streams, at)
    quantiles = flat_where_constant(quantiles, level, streams.scale[at[0]])
    y, seen = gather_targets(streams, window.horizon, *at)
    block = blocks(streams.series[at[0]], at[1], window.horizon)
    trusted, middle = np.ones(len(prepared.panel.channels)), levels.index(0.5)
    for channel in range(len(trusted)):
        of = streams.channel[at[0]] == channel
        trusted[channel] = fit_trust(quantiles[:, :, middle][of], level[of], y[of], seen[of], block[of])
    before, prepared = with_repeats(prepared, members, trusted)
    moved = trust(quantiles, level, trusted[streams.channel[at[0]]], levels)
    moved = repeat(moved, before.streams, at, middle)
    factors = calibrate(moved, y, seen, levels, block=block)
    low, high = -np.inf if values.min is None else values.min, np.inf if values.max is None else values.max
    return prepared, Forecaster(members, model, window, prepared.scales.transform, factors, trusted, low, high)


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


def _short_horizon(panel: Panel, seasons: tuple[int, ...], lengths: Sequence[int], horizon: int) -> list[str]:
    """A note where one short series has cut the horizon of all."""
    usual = default_horizon(panel.freq, seasons, _usual([rows for rows in lengths if rows]))
    if horizon >= usual:
        return []
    rows = _shortest(lengths)
    short = f"{panel.series[lengths.index(rows)].unique_id!r} has {rows} rows"
    return [f"horizon {horizon}, not {usual}: it is a tenth of the shortest series, and {short}; --horizon overrules"]


def _usual(lengths: Sequence[int]) -> int:
    """The median length."""
    return int(np.median(np.asarray(lengths))) if len(lengths) else 0


