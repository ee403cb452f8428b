"""One trial: the error of some settings on every fold, given up early where it is hopeless (torch)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.config import TrainOptions
from grucast.preprocessing.windows import gather, gather_targets
from grucast.training.fit import FitState, Fitted, Run
from grucast.training.setup import configure
from grucast.workflows.learning.assess import Protocol, assess
from grucast.workflows.learning.learn import learn, prepare
from grucast.workflows.learning.prepared import VALIDATION_WINDOWS, Prepared, part_windows
from grucast.workflows.tuning.folds import Fold

STEPS = 1_000  # by which the epochs of a later fold are told after those of an earlier one
Told = Callable[[int, float], bool]  # of an epoch and its validation loss; whether the trial is given up


class GivenUp(Exception):
    """A trial is so much worse than others at the same epoch that the rest of it is spared."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial came to: its error, the parameters and epochs of the newest fold, seconds of the processor.

    `cut` where time ran out before it was done. `errors` are those of the folds, of which the error is the mean.
    """

    error: float
    parameters: int
    epochs: int
    seconds: float
    cut: bool
    errors: tuple[float, ...] = ()


@dataclass(slots=True)
class _Listener:
    """Hears each epoch of a fit, as what keeps a run does, and keeps nothing."""

    told: Told
    unit: float  # the loss is told in these
    first: int
    done: list[Fitted] = field(default_factory=list)
    running: FitState | None = None

    def keep(self, state: FitState) -> None:
        """Tell the best validation loss so far."""
        if self.told(self.first + state.epoch, state.best_loss / self.unit):
            raise GivenUp

    def finished(self, member: Fitted) -> None:
        """Nothing is kept."""


def try_out(folds: Sequence[Fold], options: TrainOptions, deadline: float, told: Told | None = None) -> Outcome:
    """Train on each fold and judge what comes; the error is the mean over folds.

    Raises GivenUp where `told` asks for it. Errors: those of `prepare` for settings that do not go together.
    """
    began, errors, parameters, epochs = time.process_time(), [], 0, 0
    device = configure(options.fit.device, options.fit.threads, options.network.hidden or 0)
    for number, fold in enumerate(folds):
        prepared = prepare(fold.panel, options, splits=fold.splits)
        listener = _Listener(told, _unit(prepared), number * STEPS) if told and options.fit.preset != "best" else None
        prepared, learned = learn(prepared, Run(device, deadline, keeper=listener))
        errors.append(_error(assess(prepared, learned.forecaster, Protocol(baselines=("naive",), season=1))["holdout"]))
        if number == 0:
            parameters = sum(value.size for value in learned.members[0].values())
            epochs = max(one.epochs for one in learned.found)
        if told and told((number + 1) * STEPS - 1, errors[-1]):
            raise GivenUp
        if time.monotonic() > deadline:
            break
    cut = time.monotonic() > deadline
    return Outcome(float(np.mean(errors)), parameters, epochs, time.process_time() - began, cut,
                   tuple(errors))


def _error(metrics: dict[str, Any]) -> float:
    """MASE, a size of errors for columns and series of any size; the MAE where nothing moved before.

    Its season is 1 in every trial: with the seasons tried the unit would change, and the longest unit would win.
    """
    found = metrics["mase"] if metrics["mase"] is not None else metrics["mae"]
    return math.nan if found is None else float(found)


def _unit(prepared: Prepared) -> float:
    """The mean move away from the last value in the validation windows: losses on any scale are told in these."""
    at = part_windows(prepared, "validation", VALIDATION_WINDOWS)
    y, seen = gather_targets(prepared.streams, prepared.window.horizon, *at)
    moves = np.abs(gather(prepared.streams, prepared.window, *at).moves(y, seen))
    mean = float(moves.sum() / max(seen.sum(), 1))
    return mean if math.isfinite(mean) and mean > 0 else 1.0
