"""Train one network or several that are averaged, each from its own seed, and train them anew on more rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grucast.core.arrays import Ints
from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams
from grucast.training.fit import Examples, Fit, Fitted, Run
from grucast.training.sampling import Sampler

ON_STEPS, ON_RATE = 0.25, 0.5  # of the steps and of the rate, where training goes on to the last rows


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is trained on what."""

    model: ModelConfig
    window: WindowSpec
    training: TrainingConfig
    streams: Streams


def train_members(job: Job, sampler: Sampler, validation: tuple[Ints, Ints], run: Run) -> list[Fitted]:
    """The best weights of each member by its validation loss; a deadline may leave fewer members, never none."""
    keeper = run.keeper
    fitted: list[Fitted] = list(keeper.done) if keeper else []
    for member in range(len(fitted), job.training.members):
        if fitted and time.monotonic() > run.deadline:
            break
        fit = _fit(job, Examples(job.streams, sampler, None, validation), member, run)
        if keeper and keeper.running is not None:
            fit.restore(keeper.running)
        fitted.append(fit.to_the_best())
        if keeper:
            keeper.finished(fitted[-1])
    return fitted


def train_more(
    job: Job, sampler: Sampler, start: Sequence[tuple[Weights, Fitted]], run: Run, *, anew: bool
) -> list[Weights]:
    """Each member trained on other windows: anew for the steps and with the penalties that its first fit found, or on.

    `start` has the present weights of each member and what its first fit found. A member that does not
    finish before the deadline keeps its present weights.
    """
    out: list[Weights] = []
    for member, (weights, found) in enumerate(start):
        fit = _fit(job, Examples(job.streams, sampler, found.start), member, run)
        if not anew:
            fit.load(weights)
        done = fit.for_steps(found.steps) if anew else fit.for_steps(round(ON_STEPS * found.steps), ON_RATE)
        out.append(weights if done is None else done.weights)
    return out


def _fit(job: Job, examples: Examples, member: int, run: Run) -> Fit:
    config = replace(job.training, seed=job.training.seed + member)
    return Fit((job.model, job.window), config, examples, run)
