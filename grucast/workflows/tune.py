"""`grucast tune`: a search over settings, validated by rolling origins before the report part.

    tuning.space      what is searched
    tuning.planned    what is tried first: one change at a time; and what is near the best
    tuning.folds      the rows that trials learn from and are judged on
    tuning.trial      one trial (torch)
    tuning.study      all trials, in a storage (optuna)
    tuning.finals     the best of them and the defaults again, at further origins
    tuning.choice     which of these is given out
    tuning.processes  where trainings run
    tuning.compare    the same budget for each cell
    tuning.told       the report and its summary
    tuning.toml       settings as `train --config` takes them
"""

from __future__ import annotations

import math
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grucast import __version__
from grucast.core.config import ReadOptions, TrainOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.progress import Progress, silent
from grucast.data.reading import Reading, read_panel
from grucast.preprocessing.gaps import regularise
from grucast.workflows.locate import check_outputs
from grucast.workflows.train import check_options
from grucast.workflows.tuning.finals import FURTHER, SHARE, Final, hold_final, whole
from grucast.workflows.tuning.folds import Fold, before_report, folds_of, further_folds
from grucast.workflows.tuning.processes import workers
from grucast.workflows.tuning.space import applied
from grucast.workflows.tuning.study import (
    Search,
    Tried,
    check_storage,
    history,
    load_optuna,
    open_study,
    search_on,
    url_of,
)
from grucast.workflows.tuning.told import choice_of, history_of, notes_of, summary
from grucast.workflows.tuning.toml import as_json, as_toml

if TYPE_CHECKING:
    from grucast.workflows.learning.prepared import Prepared

FORMAT = 2  # of what a storage holds of a study: trials of another are not gone on with
__all__ = ["Ground", "TuneRequest", "TuneResult", "prepare_ground", "summary", "tune"]


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """What to search on, and how far. What `options` sets is not searched; its `max_seconds` bounds the search."""

    sources: tuple[str, ...]
    read: ReadOptions
    options: TrainOptions
    trials: int = 40
    origins: int = 2
    jobs: int = 1
    storage: Path | None = None
    output: Path | None = None
    config: Path | None = None  # where settings were read, so that it is not written over


@dataclass(frozen=True, slots=True)
class TuneResult:
    """The report with the keys of `tune --json`, the best settings as TOML, and notes."""

    report: dict[str, Any]
    toml: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What every trial stands on: the data as read, the folds, the options with the horizon settled."""

    reading: Reading
    prepared: Prepared  # of the newest fold, with the defaults
    folds: tuple[Fold, ...]
    further: tuple[Fold, ...]  # of the finalists
    options: TrainOptions
    notes: tuple[str, ...]
    started: float  # time.monotonic()

    @property
    def deadline(self) -> float:
        """When to end, of time.monotonic()."""
        return self.after(1.0)

    def after(self, share: float) -> float:
        """When a share of the time is over, of time.monotonic()."""
        limit = self.options.fit.max_seconds
        return math.inf if limit is None else self.started + share * limit


def tune(request: TuneRequest, progress: Progress = silent) -> TuneResult:
    """Search for settings that forecast these data better than the defaults, which are the first trial.

    What is given out is better than the defaults by more than noise where the finalists meet them, or is the defaults.
    Errors: those of reading; UsageError where optuna is not installed, for a storage that is none, for options that
    do not go together; DataError where there are too few rows; Busy where a process was killed.
    """
    load_optuna()
    ground = prepare_ground(request)
    with _storage(request.storage) as url:
        search = Search(url, _name(request, ground), ground.folds, _for_trials(ground.options, request.jobs),
                        _space(ground), ground.after(1 - SHARE))
        with workers(request.jobs) as pool:
            search_on(search, request.trials, pool, request.jobs, progress)
            over = history(open_study(search), search.space)
            final = hold_final(search, ground.further, ground.deadline, pool, request.jobs, progress)
        return _result(request, ground, over, final)


def prepare_ground(request: TuneRequest) -> Ground:
    """Read the data and settle horizon, folds and defaults; errors before any work is done."""
    started = time.monotonic()
    check_options(request.options)
    if request.options.network.objective == "reconstruct":
        raise UsageError("--objective reconstruct does not forecast: there is nothing to tune by")
    check_outputs({"-o": request.output, "--storage": request.storage},
                  (*request.sources, request.read.rows.exclude, request.config))
    if request.storage is not None:
        check_storage(request.storage)
    reading = read_panel(request.sources, request.read)
    panel, missing = regularise(reading.panel, gaps=request.read.rows.gaps, file=reading.file)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads cost ten times on busy cores
    from grucast.workflows.learning.learn import prepare  # imports torch: data that are refused are so at once

    horizon = prepare(panel, request.options, file=reading.file).window.horizon
    options = replace(request.options, window=replace(request.options.window, horizon=horizon))
    rows = before_report(panel, options, horizon)
    folds = tuple(folds_of(panel, rows, horizon, request.origins, file=reading.file))
    further = tuple(further_folds(panel, rows, horizon, origins=request.origins, most=FURTHER))
    newest = prepare(folds[0].panel, options, splits=folds[0].splits, file=reading.file)
    return Ground(reading, newest, folds, further, options, (*reading.notes, *missing), started)


def _space(ground: Ground) -> tuple[Any, ...]:
    from grucast.workflows.tuning.space import space_of

    found = space_of(ground.prepared, ground.options)
    if not found:
        raise UsageError("nothing is left to search: every setting is given; leave some out")
    return found


def _for_trials(options: TrainOptions, jobs: int) -> TrainOptions:
    """One thread each where trials share the cores."""
    fit = options.fit
    threads = 1 if jobs > 1 and fit.threads is None else fit.threads
    return replace(options, fit=replace(fit, threads=threads, max_seconds=None))


def _name(request: TuneRequest, ground: Ground) -> str:
    """The name of the study: what two runs must share for one to go on with the other."""
    fit = replace(request.options.fit, max_seconds=None, threads=None)
    key = (f"{__version__} {FORMAT} {ground.reading.digest} {replace(request.options, fit=fit)} {request.read} "
           f"{request.origins}")
    return f"grucast-{sha256(key.encode()).hexdigest()[:16]}"


@contextmanager
def _storage(path: Path | None) -> Iterator[str]:
    """Where trials are kept; a file that is gone afterwards where none is asked for."""
    if path is not None:
        yield url_of(path)
        return
    with tempfile.TemporaryDirectory(prefix="grucast-tune-") as folder:
        yield url_of(Path(folder) / "trials.db")


def _result(request: TuneRequest, ground: Ground, over: list[Tried], final: Final) -> TuneResult:
    """The trial that is given out, and what is said of it."""
    given = _given_out(over, final, ground.reading.file)
    first = next((one for one in (*whole(over), *over) if one.error is not None and not one.settings), None)
    notes = [*ground.notes, *notes_of(over, final, request.trials)]
    options = applied(ground.options, given.settings)
    if request.options.window.horizon is None:  # train finds it again
        options = replace(options, window=replace(options.window, horizon=None))
    report = {
        "trials": len(over), "pruned": sum(one.state == "pruned" for one in over),
        "failed": sum(one.state == "failed" for one in over),
        "error": given.error, "default_error": None if first is None else first.error,
        "settings": as_json(given.settings), "number": given.number, "horizon": ground.options.window.horizon,
        "origins": len(ground.folds), "rows": ground.reading.rows,
        "storage": None if request.storage is None else str(request.storage),
        "seconds": round(time.monotonic() - ground.started, 1),
        "choice": choice_of(final), "history": history_of(over), "notes": notes,
    }
    use = f"grucast train {shlex.join(request.sources)} --config THIS.toml"
    return TuneResult(report, as_toml((request.read, options), [summary(report), use]), tuple(notes))


def _given_out(over: list[Tried], final: Final, file: str) -> Tried:
    """The finalist that was chosen, else the defaults; the best trial only where the defaults have no error."""
    if not over:
        raise UsageError("--max-seconds: there was no time for a single trial; give more")
    if final.chosen is not None:
        return final.finalists[final.chosen].trial
    if final.usual is not None:
        return final.usual.trial
    known = whole(over) or [one for one in over if one.error is not None]
    if not known:
        raise DataError("no trial has an error that is a number: the rows judged have no value, or never moved",
                        file=file)
    return min(known, key=lambda one: (one.error, one.number))
