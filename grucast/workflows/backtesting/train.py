"""The forecasts of models that a backtest trains itself, and what it keeps so that it can go on after a kill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from grucast import __version__
from grucast.core.errors import GrucastError
from grucast.core.files import check_place
from grucast.training.resume import Keeper
from grucast.training.setup import torch_version
from grucast.workflows.backtesting.folds import known_only
from grucast.workflows.backtesting.learn import Lesson, answers, teach
from grucast.workflows.backtesting.speak import Block
from grucast.workflows.backtesting.state import FoldKeeper
from grucast.workflows.backtesting.trial import BacktestRequest, Trial, spoken
from grucast.workflows.locate import default_output

MOST_JOBS = 4


def fitted_once(trial: Trial) -> Iterator[Block]:
    """The forecasts of one model, trained on rows before the first origins; forgets its state when all are heard."""
    keeper = Keeper(_beside(trial.request), _key(trial))
    if trial.request.resume:
        keeper.recall()
    model, told = teach(_lesson(trial, 0), trial.progress, keeper if _may_keep(trial) else None)
    for note in told:
        trial.notes.add(note)
    yield from spoken(trial, model)
    keeper.forget()


def refitted(trial: Trial) -> Iterator[Block]:
    """The forecasts of a model for each origin, in order; a fold that is done is kept until all are heard."""
    folds, keeper = trial.plan.folds, FoldKeeper(_beside(trial.request), _key(trial))
    done = keeper.recall(len(folds)) if trial.request.resume else {}
    keeps = _may_keep(trial)
    if keeps and not done:
        keeper.forget()
    rest = [_lesson(trial, number) for number in range(len(folds)) if number not in done]
    with closing(answers(rest, trial.request.jobs or _cores())) as fresh:
        for number, fold in enumerate(folds):
            found = done.get(number) or next(fresh)
            if keeps and number not in done:
                keeper.keep(number, found)
            for note in found.notes:
                trial.notes.add(note)
            yield Block(*fold.windows(), found.quantiles, found.context_length)
            trial.progress("folds", number + 1, len(folds))
    keeper.forget()


def _lesson(trial: Trial, number: int) -> Lesson:
    """What a fold may know, horizon and seasons being those of the plan."""
    plan, options, fold = trial.plan, trial.request.options, trial.plan.folds[number]
    settled = replace(options, window=replace(options.window, horizon=plan.horizon, season=plan.seasons or (1,)))
    if len(plan.folds) > 1 and options.fit.threads is None:  # other folds may run beside it, and jobs move no figure
        settled = replace(settled, fit=replace(settled.fit, threads=1))
    return Lesson(
        panel=known_only(plan.panel, fold.known, plan.horizon),
        splits=fold.splits,
        known=tuple(fold.known.tolist()),
        asked=tuple(place for place, one in enumerate(fold.origin) if len(one)),
        options=settled,
        anew=plan.anew,
        file=trial.reading.file,
    )


def _beside(request: BacktestRequest) -> Path:
    """The file beside which state is kept: the output, else one named after the data in the current folder."""
    if request.output is not None:
        return request.output
    return Path("backtest" if request.sources[0] == "-" else f"{default_output(request.sources).stem}.backtest")


def _may_keep(trial: Trial) -> bool:
    """Whether state can be written; a note where it cannot, for the figures do not need it."""
    try:
        check_place(_beside(trial.request))
    except GrucastError as error:
        trial.notes.add(f"nothing is kept for --resume: {error}")
        return False
    return True


def _key(trial: Trial) -> str:
    """What two runs must share for one to go on with the other."""
    request = trial.request
    options = replace(request.options, fit=replace(request.options.fit, max_seconds=None))
    return f"{__version__} {torch_version()} {trial.reading.digest} {options} {request.read} {request.rolling}"


def _cores() -> int:
    """The cores this process may use, at most `MOST_JOBS`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)
