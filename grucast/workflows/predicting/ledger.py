"""What `forecast --state` does beside forecasting: it enters each forecast, and learns from those whose truth came.

In one transaction: truths of the rows that came are set against the forecasts that await them, interval widths move
(`forecasting/adaptive.py`), today's forecasts are stretched by them and entered. A second run at the same cutoff finds
no new truth and everything entered, so it changes nothing and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Issued, Tally
from grucast.artifacts.state import State, open_state
from grucast.artifacts.tails import save_tails
from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.config import StateOptions
from grucast.core.errors import InternalError
from grucast.core.results import Artifact, Forecast, Visit
from grucast.core.series import STAMP, Clock, Panel, Series
from grucast.evaluation.baselines import seasonal_naive
from grucast.forecasting.adaptive import adapted, coverages, missed, moved, pairs, weights
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.sources import length_passed
from grucast.workflows.monitoring.standing import Standing, standing_of
from grucast.workflows.predicting.doubts import doubt_issued
from grucast.workflows.predicting.table import names_of
from grucast.workflows.predicting.taken import Taken

SHARES = (0.8, 0.95)  # the intervals whose coverage is counted
OVERDUE = 2.0  # reaches after the cutoff until a truth that did not come is waited for no more


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """Forecasts as they are given out, how those before them did, and a note where they did far worse than expected."""

    forecasts: list[Forecast]
    standing: Standing
    doubt: tuple[str, ...]


def keep(found: Sequence[Forecast], rows: tuple[Panel, Taken], model: tuple[Artifact, Forecaster],
         options: StateOptions, visit: Visit) -> Entered:
    """Settle what came true, adapt the forecasts and enter them.

    `rows` are the panel, and how it was come by; `visit` is this run. Errors: those of `open_state`.
    """
    if options.state is None:
        raise InternalError("a ledger without a state")
    (artifact, forecaster), (panel, taken), job = model, rows, options.job or ""
    with open_state(options.state, wait=options.wait) as state, state.transaction():
        widths = ledger.widths(state, job, artifact.digest)
        none = np.zeros(len(pairs(forecaster.model.quantile_levels)))
        out, entered, learned = list[Forecast](), list[Issued](), list[tuple[str, Array]]()
        for one, series in zip(found, panel.series, strict=True):
            given = one.quantiles.copy()
            before = _naive(series, artifact, len(one.ds))
            for channel, name in enumerate(names_of(one, panel)):
                width = widths.get(name, none)
                width = _settle(state, (job, name, artifact.digest), (series, channel, panel.layout.clock), width)
                learned.append((name, width))
                given[:, channel] = np.clip(adapted(given[:, channel], width, one.quantile_levels),
                                            forecaster.low, forecaster.high)
                if np.isfinite(given[:, channel]).all():
                    entered.append(Issued(name, _number(one.cutoff), artifact.digest, one.quantile_levels,
                                          axis(one.ds), given[:, channel], before[:, channel]))
            out.append(replace(one, quantiles=given))
        ledger.enter(state, job, entered)
        ledger.keep_widths(state, job, artifact.digest, learned)
        if entered:
            ledger.note_visit(state, visit)
        if taken.tails is not None and not taken.kept:
            save_tails(state, job, taken.tails)
        done = ledger.realised(state, job, artifact.digest, artifact.manifest.window.horizon)
        return Entered(out, standing_of(state, job), tuple(doubt_issued(done, artifact.manifest)))


def axis(ds: Stamps) -> Array:
    """Points of a time axis as numbers: microseconds since 1970, or the number."""
    return ds.astype(STAMP).astype(np.int64).astype(np.float64) if ds.dtype.kind == "M" else ds.astype(np.float64)


def _number(stamp: object) -> float:
    return float(axis(np.array([stamp]))[0])


# ---- what came true ------------------------------------------------------------------------------


def _settle(state: State, whose: tuple[str, str, str], now: tuple[Series, int, Clock], width: Array) -> Array:
    """Set the rows of a series against the forecasts that await them; the widths (P,) after it.

    `whose` is job, name and the digest of the model: what another model said counts, but moves no width.
    """
    job, name, digest = whose
    series, channel, clock = now
    place, y = axis(series.ds), series.y[:, channel]
    newest = place[length_passed(series) - 1] if len(place) else -np.inf
    errors, rows, horizons = list[Array](), list[Ints](), list[int]()
    coverage = np.zeros(0)
    for one in ledger.awaiting(state, job, name):
        row = rows_of(one, place, by_order=not clock.freq and not is_numeric(clock))
        here = (row >= 0) & np.isfinite(y[row])
        reach = np.nanmax(one.due) - one.cutoff
        late = newest >= one.cutoff + OVERDUE * reach
        if not here.any() and not late:
            continue
        error = missed(one.said[here], y[row[here]], one.levels)
        after = replace(one, due=np.where(here, np.nan, one.due))
        closed = bool(late or np.isnan(after.due).all())
        ledger.judge(state, job, after, _tally(one, here, y[row[here]], error), closed=closed)
        if one.digest == digest:
            errors.append(error)
            rows.append(row[here])
            horizons += [len(one.due)] * int(here.sum())
            coverage = coverages(one.levels)
    ledger.forget(state, job, name)
    if not horizons:
        return width
    weight = weights(np.concatenate(rows), np.array(horizons))
    return moved(width, np.concatenate(errors), weight, coverage)


def rows_of(one: Issued, place: Array, *, by_order: bool) -> Ints:
    """The row (H,) of the axis `place` (T,) that each step is about; -1 where it is not there, or had its truth.

    It is the row whose stamp is nearest, less than half a step away. `by_order`: rows without a frequency come
    when they come, and step h is the h-th row after the cutoff.
    """
    steps = len(one.due)
    if not len(place):
        return np.full(steps, -1)
    if by_order:
        row = np.searchsorted(place, one.cutoff, side="right") + np.arange(steps)
        there = (row < len(place)) & bool(place[0] <= one.cutoff)
    else:
        open_ = np.where(np.isnan(one.due), -np.inf, one.due)
        right = np.clip(np.searchsorted(place, open_), 1, max(len(place) - 1, 1))
        left, right = right - 1, np.minimum(right, len(place) - 1)
        row = np.where(np.abs(place[left] - open_) <= np.abs(place[right] - open_), left, right)
        there = np.abs(place[row] - open_) < _half_step(one)
    return np.where(there & np.isfinite(one.due), row, -1)


def _half_step(one: Issued) -> float:
    """Half the distance of two steps, from those that still wait."""
    places = np.flatnonzero(np.isfinite(one.due))
    known = np.concatenate([[one.cutoff], one.due[places]])
    gaps = np.diff(known) / np.diff(np.concatenate([[-1], places]))
    return float(gaps.min()) / 2.0 if len(gaps) else 0.0


def _tally(one: Issued, here: Mask, y: Array, error: Array) -> Tally:
    """What the truths y (N,) of the steps `here` (H,) say of a forecast; `error` (N, P) as from `missed`."""
    counts, bounded = [], 0
    for place in _counted(one.levels):
        own = np.zeros(0) if place is None else error[:, place]
        counts.append(int((own == 0).sum()))
        bounded = int(np.isfinite(own).sum())
    median = one.said[here, list(one.levels).index(0.5)]
    with np.errstate(over="ignore"):
        return Tally(len(y), bounded, (counts[0], counts[1]), float(np.abs(y - median).sum()),
                     float(np.abs(y - one.naive[here]).sum()))


@lru_cache(maxsize=8)
def _counted(levels: tuple[float, ...]) -> list[int | None]:
    """Which central interval each of `SHARES` is; None where the model has no such levels."""
    near = np.isclose(coverages(levels)[:, None], SHARES)
    return [int(np.argmax(own)) if own.any() else None for own in near.T]


def _naive(series: Series, artifact: Artifact, horizon: int) -> Array:
    """The seasonal naive forecast (horizon, C) from what has passed of a series; the naive one without a season."""
    window = artifact.manifest.window
    season = window.seasons[0] if window.seasons else 1
    stop = length_passed(series)
    context = series.y[max(0, stop - max(window.context_length, season)) : stop]
    found: Array = seasonal_naive(horizon, season)(context[None], np.ones((1, context.shape[1])))[0]
    return found
