"""The study: trials that are asked for and told to optuna, which keeps them in SQLite and chooses the next settings.

What chooses is the tree-structured Parzen estimator (Bergstra et al. 2011). What gives up is the median rule (Golovin
et al. 2017, section 3.2.1): a trial with a best loss worse than the median of the others at the same epoch ends there.
A trial that was interrupted does not count and is not gone on with.
"""

from __future__ import annotations

import math
import os
import signal
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

from grucast.core.config import TrainOptions
from grucast.core.errors import Busy, DataError, UsageError
from grucast.core.progress import Progress
from grucast.workflows.tuning.folds import Fold
from grucast.workflows.tuning.space import Setting, Value, applied, changes, defaults

MISSING = "tune needs optuna: pip install 'grucast[tune]'"
STARTUP, WARMUP = 4, 3  # trials before any is given up, and epochs of each
RANDOM = 6  # trials before the search learns from them
DEFAULT, OUTCOME, DROPPED = "default", "outcome", "dropped"  # what a trial remembers beside its settings


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """All that a process needs to run a trial; it can be sent to one."""

    url: str
    name: str
    folds: tuple[Fold, ...]
    options: TrainOptions
    space: tuple[Setting, ...]
    deadline: float  # of time.monotonic()


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that is over: what was changed from the defaults, its error (None where it was given up or failed)."""

    number: int
    state: str  # complete, pruned, failed
    error: float | None
    settings: dict[str, Value]
    outcome: dict[str, Any]


def load_optuna() -> Any:
    """The library; UsageError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise UsageError(MISSING) from error
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", module="optuna")
    return optuna


def url_of(path: Path) -> str:
    """How optuna names a file of SQLite."""
    return f"sqlite:///{path}"


def open_study(search: Search) -> Any:
    """The study of these data and options in the storage, new or as it was left. UsageError where it is no storage."""
    optuna = load_optuna()
    from sqlalchemy.exc import DatabaseError

    try:
        study = optuna.create_study(
            storage=_storage(search.url), study_name=search.name, load_if_exists=True, direction="minimize",
            pruner=optuna.pruners.MedianPruner(STARTUP, WARMUP))
        done = len(study.trials)
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM, seed=search.options.fit.seed + done)
    except (DatabaseError, RuntimeError) as error:
        raise UsageError(f"--storage {search.url.removeprefix('sqlite:///')}: not a storage of trials; name another "
                         "file") from error
    return study


@lru_cache(maxsize=1)
def _storage(url: str) -> Any:
    """The storage, opened once by each process: that takes longer than a look into it."""
    return load_optuna().storages.RDBStorage(url)


def begin(search: Search) -> Any:
    """The study, the defaults being the next trial where they were not tried yet."""
    study = open_study(search)
    waiting = any(one.state.name == "WAITING" for one in study.trials)
    if not waiting and not any(one.user_attrs.get(DEFAULT) for one in tried_trials(study)):
        study.enqueue_trial(defaults(search.space))
    return study


def run_trial(search: Search) -> None:
    """One trial, from choosing its settings to telling what came of it."""
    from grucast.workflows.tuning.trial import GivenUp, try_out

    study = open_study(search)
    trial = study.ask()
    chosen = {one.name: one.ask(trial) for one in search.space}
    changed = changes(search.space, chosen)
    told = None if not changed else lambda step, loss: _told(trial, step, loss)
    try:
        outcome = try_out(search.folds, applied(search.options, changed), search.deadline, told)
    except GivenUp:
        study.tell(trial, state=load_optuna().trial.TrialState.PRUNED)
        return
    except (UsageError, DataError):
        study.tell(trial, state=load_optuna().trial.TrialState.FAIL)
        if not changed:
            raise
        return
    except BaseException:
        trial.set_user_attr(DROPPED, True)
        study.tell(trial, state=load_optuna().trial.TrialState.FAIL)
        raise
    if not math.isfinite(outcome.error) or (outcome.cut and changed):
        trial.set_user_attr(DROPPED, outcome.cut)  # a later run with more time may try the like again
        study.tell(trial, state=load_optuna().trial.TrialState.FAIL)
        return
    trial.set_user_attr(DEFAULT, not changed)
    trial.set_user_attr(OUTCOME, {"parameters": outcome.parameters, "epochs": outcome.epochs,
                                  "seconds": round(outcome.seconds, 2), "cut": outcome.cut})
    study.tell(trial, outcome.error)


def _told(trial: Any, step: int, loss: float) -> bool:
    """Report a loss; whether the trial should be given up."""
    trial.report(loss if math.isfinite(loss) else 1e30, step)
    return bool(trial.should_prune())


def tried_trials(study: Any) -> list[Any]:
    """The trials that have an error."""
    return [one for one in study.trials if one.state.name == "COMPLETE"]


def history(study: Any, space: tuple[Setting, ...]) -> list[Tried]:
    """All trials that are over, in the order of their beginning; interrupted ones are left out."""
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return [
        Tried(one.number, names[one.state.name], one.value if one.state.name == "COMPLETE" else None,
              changes(space, one.params), dict(one.user_attrs.get(OUTCOME, {})))
        for one in study.trials if one.state.name in names and _counts(one, space)]


def _counts(trial: Any, space: tuple[Setting, ...]) -> bool:
    """Whether a trial chose all its settings and was not dropped half way."""
    return not trial.user_attrs.get(DROPPED) and {one.name for one in space} <= trial.params.keys()


def search_on(search: Search, trials: int, jobs: int, progress: Progress) -> None:
    """Run trials until `trials` are over or time is. However it ends, what was done is in the storage."""
    done = len(history(begin(search), search.space))
    progress("trials", done, trials)
    with workers(jobs) as pool:
        while done < trials and time.monotonic() < search.deadline:
            if pool is None:
                run_trial(search)
            else:  # as many at a time as there are processes: each learns from all before it
                waves = [pool.submit(run_trial, search) for _ in range(min(jobs, trials - done))]
                for one in as_completed(waves):
                    _heard(one)
            found = history(open_study(search), search.space)
            best = min((one.error for one in found if one.error is not None), default=None)
            done = len(found)
            progress("trials", done, trials, "" if best is None else f"best {best:.4g}")


def _heard(future: Any) -> None:
    try:
        future.result()
    except BrokenProcessPool as error:
        raise Busy("a process that trained was killed, perhaps for want of memory; go on with the same --storage and "
                   "fewer --jobs") from error


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes to run trials in, or None where one trial runs at a time; none is left behind."""
    if jobs < 2:
        yield None
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes to come: they share the cores already
    before = set(active_children())
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_signals)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        for one in set(active_children()) - before:
            one.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _leave_signals() -> None:
    """Ctrl-C goes to all processes of a terminal: the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
