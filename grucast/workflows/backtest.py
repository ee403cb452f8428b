"""`grucast backtest`: forecasts from many origins, of the model and of every baseline, against what came.

    backtesting.folds  which rows are learned from and which are forecast
    backtesting.trial  what was asked for; the forecasts of one model
    backtesting.train  the forecasts of models trained here (torch); backtesting.learn, backtesting.state
    backtesting.model  a model that is there already
    backtesting.speak  every forecaster at given origins
    backtesting.judge  the metrics
    backtesting.table  the file of all forecasts
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from grucast.core.config import QUANTILE_LEVELS
from grucast.core.errors import UsageError
from grucast.core.files import rewriting
from grucast.core.progress import Progress, silent
from grucast.core.results import Notes
from grucast.data.reading import read_panel
from grucast.data.writing import format_stamps
from grucast.preprocessing.gaps import regularise
from grucast.workflows.backtesting.folds import Plan, plan_folds
from grucast.workflows.backtesting.judge import Judge, notes_on, terms_of
from grucast.workflows.backtesting.model import Opened, check_untrained, open_model, plan_later
from grucast.workflows.backtesting.speak import Block
from grucast.workflows.backtesting.table import forecast_lines, names_of
from grucast.workflows.backtesting.trial import BacktestRequest, Trial, spoken
from grucast.workflows.drift import check_frequency
from grucast.workflows.locate import check_outputs
from grucast.workflows.train import check_options


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """The report with the keys of `backtest --json`."""

    report: dict[str, Any]
    notes: tuple[str, ...]


def backtest(request: BacktestRequest, progress: Progress = silent) -> BacktestResult:
    """Forecast from every origin and measure every forecaster on the same targets.

    Errors: those of reading and training; UsageError for options that do not go together; ModelError for a model
    that saw what it would be judged on; those of writing for --forecasts.
    """
    started = time.monotonic()
    _refuse_early(request)
    opened = open_model(request.model) if request.model is not None else None
    trial = _begin(request, opened, progress)
    levels = opened.model.forecaster.model.quantile_levels if opened else QUANTILE_LEVELS
    judge = Judge(trial.plan, terms_of(trial.plan, standardise=request.standardise), levels)
    with closing(_heard(_blocks(trial, opened), judge, trial)) as heard:
        if request.forecasts is not None:
            with rewriting(request.forecasts) as write:
                write(forecast_lines(heard, trial.plan.panel, request.options.values.levels, levels))
        for _ in heard:  # all that no file has asked for
            pass
    for note in notes_on(judge):
        trial.notes.add(note)
    found = judge.verdict(names_of(trial.plan.panel))
    report = {"protocol": _protocol(trial, judge.context_length), **found,
              "seconds": round(time.monotonic() - started, 1), "notes": list(trial.notes.lines)}
    return BacktestResult(report, tuple(trial.notes.lines))


def _refuse_early(request: BacktestRequest) -> None:
    """UsageError, before any work is done, for what does not go together; what cannot be written."""
    check_options(request.options)
    rolling = request.rolling
    if request.options.network.objective == "reconstruct":
        raise UsageError("--objective reconstruct does not forecast: there is nothing to backtest")
    if request.model is not None:
        check_untrained(request.options, rolling)
        if request.resume:
            raise UsageError("--resume would change nothing: with --model nothing is trained; leave one of them out")
    if request.jobs is not None and rolling.refit == "never":
        raise UsageError("--jobs would change nothing without --refit each: one model is trained; leave it out")
    check_outputs({"-o": request.output, "--forecasts": request.forecasts},
                  (*request.sources, request.model, request.read.rows.exclude, request.config))


def _begin(request: BacktestRequest, opened: Opened | None, progress: Progress) -> Trial:
    """Read the data and settle which rows are for what."""
    reading = read_panel(request.sources, request.read, layout=opened.manifest.layout if opened else None)
    if opened:
        check_frequency(reading.panel, reading.file)
    panel, missing = regularise(reading.panel, gaps=request.read.rows.gaps, file=reading.file)
    plan = plan_later(panel, opened, request.rolling, file=reading.file) if opened else plan_folds(
        panel, request.rolling, request.options, file=reading.file)
    return Trial(request, reading, plan, Notes([*reading.notes, *missing]), progress)


def _blocks(trial: Trial, opened: Opened | None) -> Iterator[Block]:
    """The forecasts of all folds, a block of windows at a time."""
    if opened:
        return spoken(trial, opened.model)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads cost ten times on busy cores
    from grucast.workflows.backtesting.train import fitted_once, refitted  # torch: data that are refused are so at once

    return refitted(trial) if trial.request.rolling.refit == "each" else fitted_once(trial)


def _heard(blocks: Iterable[Block], judge: Judge, trial: Trial) -> Generator[Block, None, None]:
    """The blocks, each counted by the judge on its way."""
    for block in blocks:
        judge.hear(block)
        trial.progress("windows", judge.windows, trial.plan.windows)
        yield block


def _protocol(trial: Trial, context_length: int) -> dict[str, Any]:
    """What was done, as JSON values."""
    request, plan = trial.request, trial.plan
    parts = request.rolling.splits
    first, last = _cutoffs(plan)
    return {
        "splits": None if parts is None else [parts.fit, parts.test - parts.fit, parts.stop - parts.test],
        "step": plan.step,
        "refit": request.rolling.refit,
        "folds": len(plan.folds),
        "model": None if request.model is None else str(request.model),
        "horizon": plan.horizon,
        "context_length": context_length,
        "season": list(plan.seasons),
        "standardized": request.standardise,
        "series": len(plan.panel.series),
        "first_cutoff": first,
        "last_cutoff": last,
    }


def _cutoffs(plan: Plan) -> list[str]:
    """The stamps of the earliest and the latest last row known."""
    stamps = [one.ds[place - 1] for fold in plan.folds
              for one, origin in zip(plan.panel.series, fold.origin, strict=True) if len(origin)
              for place in (int(origin[0]), int(origin[-1]))]
    return format_stamps([min(stamps), max(stamps)], plan.panel.tz)
