"""The study: trials that are asked for and told to optuna, which keeps them in SQLite and chooses the next settings.

After the first trials of `tuning.planned` every second one is near the best so far and the others are chosen by the
tree-structured Parzen estimator (Bergstra et al. 2011), which alone goes too far from the defaults. What gives up is
the median rule (Golovin et al. 2017, section 3.2.1) with another share: a trial with a best loss worse than three
quarters of the others at the same epoch ends there. Trials that differ in one setting are close to each other, and the
median would end half of them for noise. A trial that was interrupted does not count and is run anew.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from grucast.core.config import TrainOptions
from grucast.core.errors import DataError, UsageError, write_error
from grucast.core.progress import Progress
from grucast.workflows.tuning.folds import Fold
from grucast.workflows.tuning.planned import near, one_change_each, together
from grucast.workflows.tuning.processes import done_by
from grucast.workflows.tuning.space import Setting, Value, applied, changes, defaults

MISSING = "tune needs optuna: pip install 'grucast[tune]'"
STARTUP, WARMUP = 4, 3  # trials before any is given up, and epochs of each
GIVEN_UP = 75.0  # per cent of the others that a trial must be worse than
SQLITE = b"SQLite format 3\0"  # what such a file begins with (sqlite.org/fileformat2.html, section 1.3.1)
RANDOM = 6  # trials before the search learns from them
PLANNED, OUTCOME, DROPPED = "planned", "outcome", "dropped"  # what a trial remembers beside its settings


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


def check_storage(path: Path) -> None:
    """UsageError where what is at `path` is no database, told before rows are read; a new or empty file may be one."""
    if not path.exists():
        return
    if not path.is_file():  # a device, a pipe
        raise UsageError(_no_storage(path))
    try:
        with path.open("rb") as file:
            begin = file.read(len(SQLITE))
    except OSError as error:
        raise write_error(error, path) from error
    if begin not in (b"", SQLITE):
        raise UsageError(_no_storage(path))


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
            pruner=optuna.pruners.PercentilePruner(GIVEN_UP, STARTUP, WARMUP))
        done = _begun(study.get_trials(deepcopy=False))  # so that an interruption changes nothing
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM, seed=search.options.fit.seed + done)
    except (DatabaseError, RuntimeError) as error:
        raise UsageError(_no_storage(search.url.removeprefix("sqlite:///"))) from error
    return study


def _no_storage(path: str | Path) -> str:
    return f"--storage {path}: not a storage of trials; name another file"


@lru_cache(maxsize=1)
def _storage(url: str) -> Any:
    """The storage, opened once by each process: that takes longer than a look into it."""
    return load_optuna().storages.RDBStorage(url)


def plan(search: Search, wanted: int) -> None:
    """Queue planned trials, so that up to `wanted` of them wait; those that are not planned are chosen as they begin.

    First the defaults, again where time ran out in them; then one change each; once these are over, what helped
    together; then, of every two trials, one near the best. A trial that was interrupted is queued again.
    """
    study = open_study(search)
    kept = study.get_trials(deepcopy=False)
    waiting = [one for one in kept if one.state.name == "WAITING"]
    over = [one for one in kept if one.state.is_finished() and _counts(one, search.space)]
    known = {one.user_attrs.get(PLANNED) for one in (*waiting, *over) if not one.user_attrs.get(OUTCOME, {}).get("cut")}
    trials = [defaults(search.space), *one_change_each(search.space)]
    tried = history(study, search.space)
    if known >= set(range(len(trials))) and not waiting:
        trials += together(search.space, [(one.settings, one.outcome.get("errors", ()))
                                          for one in tried if one.error is not None])
    left = [place for place in range(len(trials)) if place not in known][: max(0, wanted - len(waiting))]
    for place in left:
        study.enqueue_trial(trials[place], user_attrs={PLANNED: place})
    if best := sorted((one for one in tried if one.error is not None), key=lambda one: (one.error, one.number)):
        changed = [one.settings for one in best], [one.settings for one in tried]
        first = _begun(kept) + len(left)
        for place in range(first, first + wanted - len(waiting) - len(left)):
            if place % 2:
                rng = np.random.default_rng((search.options.fit.seed, place))
                study.enqueue_trial(near(search.space, *changed, rng))


def _begun(trials: Sequence[Any]) -> int:
    """Trials that were begun or wait, without those that were dropped half way."""
    return sum(not one.user_attrs.get(DROPPED) for one in trials)


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A trial that the storage holds with its settings, for one process to run."""

    search: Search
    id: int  # of the storage


def begin(search: Search, count: int) -> list[Begun]:
    """Begin `count` trials: those that are queued first, then such as the sampler chooses.

    This is done in one process: two that ask SQLite at the same time may be given the same trial.
    """
    found = []
    for _ in range(count):
        trial = open_study(search).ask()  # opened anew: its draws go by how many were begun
        for one in search.space:
            one.ask(trial)
        found.append(Begun(search, trial._trial_id))
    return found


def run_trial(begun: Begun) -> None:
    """Run a trial and tell what came of it."""
    from grucast.workflows.tuning.trial import GivenUp, try_out

    search, study = begun.search, open_study(begun.search)
    trial = load_optuna().trial.Trial(study, begun.id)
    changed = changes(search.space, trial.params)
    told = None if not changed else lambda step, loss: _told(trial, step, loss)
    try:
        outcome = try_out(search.folds, applied(search.options, changed), search.deadline, told)
    except GivenUp:
        study.tell(trial, state=load_optuna().trial.TrialState.PRUNED)
        return
    except (UsageError, DataError):
        trial.set_user_attr(DROPPED, not changed)  # nothing is known without the defaults
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
    trial.set_user_attr(OUTCOME, {"parameters": outcome.parameters, "epochs": outcome.epochs,
                                  "seconds": round(outcome.seconds, 2), "cut": outcome.cut,
                                  "errors": list(outcome.errors)})
    study.tell(trial, outcome.error)


def _told(trial: Any, step: int, loss: float) -> bool:
    """Report a loss; whether the trial should be given up."""
    trial.report(loss if math.isfinite(loss) else 1e30, step)
    return bool(trial.should_prune())


def history(study: Any, space: tuple[Setting, ...]) -> list[Tried]:
    """All trials that are over, in the order of their beginning; interrupted ones are left out."""
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return [
        Tried(one.number, names[one.state.name], one.value if one.state.name == "COMPLETE" else None,
              changes(space, one.params), dict(one.user_attrs.get(OUTCOME, {})))
        for one in study.get_trials(deepcopy=False) if one.state.name in names and _counts(one, space)]


def _counts(trial: Any, space: tuple[Setting, ...]) -> bool:
    """Whether a trial chose all its settings and was not dropped half way."""
    return not trial.user_attrs.get(DROPPED) and {one.name for one in space} <= trial.params.keys()


def search_on(search: Search, trials: int, pool: ProcessPoolExecutor | None, jobs: int, progress: Progress) -> None:
    """Run trials until `trials` are over or time is. However it ends, what was done is in the storage."""
    done = len(history(open_study(search), search.space))
    progress("trials", done, trials)
    while done < trials and time.monotonic() < search.deadline:
        wave = min(jobs, trials - done)  # as many at a time as there are processes: each learns from all before it
        plan(search, wave)
        for _ in done_by(pool, run_trial, begin(search, wave)):
            pass
        found = history(open_study(search), search.space)
        best = min((one.error for one in found if one.error is not None), default=None)
        done = len(found)
        progress("trials", done, trials, "" if best is None else f"best {best:.4g}")
