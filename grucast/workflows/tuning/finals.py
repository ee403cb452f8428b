"""The second stage: the best trials and the defaults again, at origins that no trial was chosen by.

The best of forty errors is partly luck, and the same rows with the same seed would be lucky again. So the finalists
meet the defaults at up to `FURTHER` origins before those of the trials, with another seed at each; where a series is
too short for so many, at the origins of the trials again, with another seed. What each training gave is in the storage
as soon as it is known, so that an interrupted run loses none that was over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np

from grucast.core.config import TrainOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.progress import Progress
from grucast.workflows.tuning.choice import Standing, choose, standing
from grucast.workflows.tuning.folds import Fold
from grucast.workflows.tuning.processes import done_by
from grucast.workflows.tuning.space import applied
from grucast.workflows.tuning.study import Search, Tried, history, open_study

FINALISTS, FURTHER = 5, 4
OF_TRIALS = 4  # trials for each finalist
SHARE = 1 / 3  # of the time is kept for this stage
SEEDS = 2**32


@dataclass(frozen=True, slots=True, eq=False)
class Bout:
    """One training of the second stage, with the name that it is kept under. It can be sent to a process."""

    name: str
    trial: int
    origin: int  # counted from the newest
    fold: Fold
    options: TrainOptions
    deadline: float  # of time.monotonic()


@dataclass(frozen=True, slots=True)
class Finalist:
    """A trial with its errors at each origin, one a training, and how it stands; None: not tried, or no number."""

    trial: Tried
    errors: dict[int, list[float | None]]
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Final:
    """What came of the second stage. `chosen` is a place among the finalists, None the defaults.

    `bouts` is how many trainings are over and how many were meant to be.
    """

    usual: Finalist | None  # the defaults; None where they have no error
    finalists: tuple[Finalist, ...]
    chosen: int | None
    bouts: tuple[int, int]

    @property
    def origins(self) -> int:
        """Origins that the choice stands on."""
        if self.chosen is None:
            return max((one.standing.origins for one in self.finalists if one.standing), default=0)
        found = self.finalists[self.chosen].standing
        return found.origins if found else 0


def hold_final(
    search: Search, further: Sequence[Fold], end: float, pool: ProcessPoolExecutor | None, jobs: int, progress: Progress
) -> Final:
    """Try the finalists and the defaults until all is tried or `end` (time.monotonic()), and choose.

    Errors: those of the storage; Busy where a process was killed.
    """
    study = open_study(search)
    over = history(study, search.space)
    usual = next((one for one in whole(over) if not one.settings), None)
    if usual is None:
        return Final(None, (), None, (0, 0))
    places = _places(search, further)
    each = {one.number: _bouts(search, one, places, end) for one in (usual, *finalists(over, usual))}
    numbers = affordable(each, study.user_attrs, (end - time.monotonic()) * jobs / _cost(over))
    bouts = [each[number][place] for place in range(len(places)) for number in numbers] if len(numbers) > 1 else []
    known = _hold(study, bouts, pool, progress)
    trials = {one.number: one for one in over}
    errors = [_errors(trials[number], bouts, known) for number in numbers]
    there = tuple(Finalist(trials[number], one, standing(one, errors[0]))
                  for number, one in zip(numbers[1:], errors[1:], strict=True))
    return Final(Finalist(usual, errors[0], None), there, choose([one.standing for one in there]),
                 (len(known), len(bouts)))


def whole(over: Sequence[Tried]) -> list[Tried]:
    """The trials with an error that time did not cut."""
    return [one for one in over if one.error is not None and not one.outcome.get("cut")]


def finalists(over: Sequence[Tried], usual: Tried) -> list[Tried]:
    """The best trials of different settings beside the defaults, the best first: `FINALISTS`, fewer of few trials.

    They are ordered as the choice is, by the ratio to the defaults at each origin.
    """
    different: dict[str, Tried] = {}
    for one in whole(over):
        if one.settings:
            different.setdefault(repr(sorted(one.settings.items())), one)
    ranked = []
    for one in different.values():
        stands = standing(_of_trial(one), _of_trial(usual))
        if stands is not None:
            ranked.append((stands.ratio, one.number, one))
    return [one for *_, one in sorted(ranked, key=lambda each: each[:2])][: min(FINALISTS, -(-len(over) // OF_TRIALS))]


def affordable(each: Mapping[int, Sequence[Bout]], kept: Mapping[str, Any], most: float) -> list[int]:
    """The defaults and as many finalists, one at least, as need no more than `most` trainings that are not kept."""
    numbers = list(each)
    for count in range(len(numbers), 2, -1):
        if sum(bout.name not in kept for one in numbers[:count] for bout in each[one]) <= most:
            return numbers[:count]
    return numbers[:2]


def _cost(over: Sequence[Tried]) -> float:
    """Seconds of one training, by what trials cost."""
    costs = [one.outcome["seconds"] / len(one.outcome["errors"]) for one in whole(over) if one.outcome.get("errors")]
    return max(float(np.median(costs)), 1e-3) if costs else 1e-3


def run_bout(bout: Bout) -> tuple[bool, float | None]:
    """Whether a training was over in time, and its error; None where it has none."""
    from grucast.workflows.tuning.trial import try_out

    if time.monotonic() > bout.deadline:
        return False, None
    try:
        found = try_out((bout.fold,), bout.options, bout.deadline)
    except (UsageError, DataError):  # an earlier origin has fewer rows: what went with more may not go with them
        return True, None
    return not found.cut, found.error if math.isfinite(found.error) else None


def _places(search: Search, further: Sequence[Fold]) -> list[tuple[int, Fold]]:
    """Where finalists are tried, by origin: the further ones, and where these are few those of the trials again."""
    again = list(enumerate(search.folds))[: max(0, FURTHER - len(further))]
    return [*enumerate(further, len(search.folds)), *again]


def _bouts(search: Search, trial: Tried, places: Sequence[tuple[int, Fold]], end: float) -> list[Bout]:
    """The trainings of one trial, each with a seed of its own, kept by the settings whichever trial had them."""
    options = applied(search.options, trial.settings)
    digest = sha256(repr(sorted(trial.settings.items())).encode()).hexdigest()[:16]
    return [Bout(f"final {place} {digest}", trial.number, origin, fold,
                 replace(options, fit=replace(options.fit, seed=(options.fit.seed + 1 + place) % SEEDS)), end)
            for place, (origin, fold) in enumerate(places)]


def _hold(
    study: Any, bouts: Sequence[Bout], pool: ProcessPoolExecutor | None, progress: Progress
) -> dict[str, float | None]:
    """The errors of all bouts that are over, by their names; those that are not in the storage are held now."""
    kept: Mapping[str, Any] = study.user_attrs
    known = {one.name: kept[one.name] for one in bouts if one.name in kept}
    if bouts:
        progress("finals", len(known), len(bouts))
    for bout, (over, error) in done_by(pool, run_bout, [one for one in bouts if one.name not in known]):
        if over:
            study.set_user_attr(bout.name, error)
            known[bout.name] = error
            progress("finals", len(known), len(bouts))
    return known


def _errors(trial: Tried, bouts: Sequence[Bout], known: Mapping[str, float | None]) -> dict[int, list[float | None]]:
    """The errors of a trial at each origin, of both stages."""
    errors = _of_trial(trial)
    for one in bouts:
        if one.trial == trial.number and one.name in known:
            errors.setdefault(one.origin, []).append(known[one.name])
    return errors


def _of_trial(trial: Tried) -> dict[int, list[float | None]]:
    return {origin: [float(error)] for origin, error in enumerate(trial.outcome.get("errors", ()))}
