"""How good forecasts were: every metric of anybody's forecasts against what came true, by series and by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.config import ReadOptions
from grucast.core.errors import UsageError
from grucast.evaluation.metrics import (
    METRICS,
    POINT_METRICS,
    QUANTILE_METRICS,
    Accumulator,
    Scores,
    as_json,
    owa,
)
from grucast.evaluation.statistics import DECILES
from grucast.workflows.judging.files import MEDIAN, Forecasts, read_forecasts
from grucast.workflows.judging.join import hold
from grucast.workflows.judging.steps import Held
from grucast.workflows.judging.truths import own_truth, read_truth

NAIVE2 = {name: METRICS[name] for name in ("smape", "mase")}


@dataclass(frozen=True, slots=True)
class ForecastsRequest:
    """What is judged: a file of forecasts, files of actual values (none: its own column y), perhaps one of the past."""

    forecasts: str
    actuals: tuple[str, ...] = ()
    history: str | None = None
    season: int = 1
    forecast_col: str | None = None
    read: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of some values: NaN where undefined; `points` are the values that count."""

    points: int
    metrics: Scores


@dataclass(frozen=True, slots=True)
class ForecastsResult:
    """The metrics of all values, of each series with its name, of each step, and what a reader should know."""

    total: Measured
    by_series: tuple[tuple[str, Measured], ...]
    by_step: tuple[tuple[int, Measured], ...]
    season: int
    notes: tuple[str, ...]


def evaluate_forecasts(request: ForecastsRequest) -> ForecastsResult:
    """Judge the forecasts of a file.

    Errors: UsageError where there are no actual values; those of reading and of `hold`.
    """
    forecasts = read_forecasts(request.forecasts, request.read, request.forecast_col)
    if not request.actuals and forecasts.truth is None:
        raise UsageError(f"ACTUALS is missing, and {forecasts.sheet.file} has no column y; name a file that says what "
                         "came true")
    columns = forecasts.sheet.task.table.columns
    truth = read_truth(request.actuals, request.read, elsewhere=columns) if request.actuals else own_truth(forecasts)
    history = None
    if request.history is not None:
        history = read_truth((request.history,), request.read, elsewhere=columns)
    names, held, notes = hold(forecasts, truth, history, request.season)
    steps, step = np.unique(held.step, return_inverse=True)
    by_series = _measure(forecasts, held, held.series, len(names))
    by_step = _measure(forecasts, held, step, len(steps))
    told = (*forecasts.sheet.task.findings.notes(), *truth.notes, *(history.notes if history else ()), *notes,
            *_remarks(forecasts, held))
    return ForecastsResult(
        total=_measure(forecasts, held, np.zeros_like(held.series), 1)[0],
        by_series=tuple(zip(names, by_series, strict=True)),
        by_step=tuple(zip(steps.tolist(), by_step, strict=True)),
        season=request.season,
        notes=tuple(dict.fromkeys(told)),
    )


def document(result: ForecastsResult) -> dict[str, Any]:
    """The result with the keys of `evaluate forecasts --json`."""
    return {
        "series": len(result.by_series), **entry(result.total), "season": result.season,
        "by_series": [{"unique_id": name, **entry(one)} for name, one in result.by_series],
        "by_step": [{"step": step, **entry(one)} for step, one in result.by_step],
        "notes": list(result.notes),
    }


def entry(measured: Measured) -> dict[str, Any]:
    """Points and metrics as JSON values."""
    return {"points": measured.points, **as_json(measured.metrics)}


def flat(measured: Measured) -> dict[str, float | int]:
    """Points and metrics as columns: those of several numbers as `coverage-80`, `pinball-0.1`."""
    columns: dict[str, float | int] = {"points": measured.points}
    for name, value in measured.metrics.items():
        columns |= {f"{name}-{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
    return columns


def _measure(forecasts: Forecasts, held: Held, group: Ints, groups: int) -> list[Measured]:
    """The metrics of the values of each group (V,), numbered from 0."""
    levels = forecasts.levels

    def of(start: Accumulator, quantiles: Array) -> list[Scores]:
        return start.add(held.y[:, None, None], quantiles[:, None, None, :], scale=held.scale[:, None],
                         root_scale=held.root_scale[:, None], group=group[:, None, None]).finish_each()

    points = of(Accumulator((MEDIAN,), (), metrics=POINT_METRICS, groups=groups), forecasts.y_hat[held.row, None])
    beside = of(Accumulator((MEDIAN,), (), metrics=NAIVE2, groups=groups), held.naive2[:, None])
    spread = of(Accumulator(levels, _coverage(levels), metrics=QUANTILE_METRICS, groups=groups),
                forecasts.quantiles[held.row])
    counts = np.bincount(group, minlength=groups).tolist()
    return [Measured(count, {**point, "owa": owa(point, naive), **more})
            for count, point, naive, more in zip(counts, points, beside, spread, strict=True)]


def _coverage(levels: tuple[float, ...]) -> tuple[float, ...]:
    """The central intervals, in per cent, both ends of which are among `levels`."""
    known = {round(level, 9) for level in levels}
    return tuple(sorted(round(100 - 200 * level, 6) for level in known if level < MEDIAN
                        and round(1.0 - level, 9) in known))


def _remarks(forecasts: Forecasts, held: Held) -> list[str]:
    """What a reader should know of metrics that are left out."""
    notes = []
    quantiles, levels = forecasts.quantiles[held.row], forecasts.levels
    empty: Mask = np.isnan(quantiles).any(axis=1) | np.isnan(forecasts.y_hat[held.row])
    if empty.any():
        first = forecasts.sheet.task.table.where(int(forecasts.row[held.row[int(np.argmax(empty))]]))
        notes.append(f"{first[0]}:{first[1]}: a forecast is missing, as in {empty.sum()} of {len(empty)} rows: what "
                     "needs it is left out")
    crossed = (np.diff(quantiles, axis=1) < 0).any(axis=1).sum()
    if crossed:
        notes.append(f"the quantiles of {crossed} values cross")
    lacking = [f"{level:g}" for level in DECILES if round(level, 9) not in levels]
    if lacking and len(levels) > 1:
        notes.append(f"wql is left out: it needs the nine deciles, and there is no {', '.join(lacking)}")
    return notes + _scale_remarks(held)


def _scale_remarks(held: Held) -> list[str]:
    """What is said of series without a past."""
    bare = len(np.unique(held.series[~(held.scale > 0)]))
    several = len(np.unique(held.series))
    if bare == several:
        return [("mase, rmsse, owa and msis are left out: no two rows a season apart are known before the forecasts, "
                 "or they never differ; --history names a file of the past")]
    notes = []
    if bare:
        notes.append(f"{bare} of {several} series have no past, or one that never changes, and do not count for mase, "
                     "rmsse and msis")
    unknown = len(np.unique(held.series[np.isnan(held.naive2)]))
    if unknown:
        notes.append(f"owa is left out: nothing is known of {unknown} series before a forecast")
    return notes
