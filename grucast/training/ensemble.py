"""Train one network or several that are averaged, each from its own seed, and train them on to the last row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from grucast.core.arrays import Ints
from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Streams
from grucast.training.fit import Examples, Fit, Fitted, Run
from grucast.training.sampling import Sampler


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
        fit = _fit(job, Examples(job.streams, sampler, validation), member, run)
        if keeper and keeper.running is not None:
            fit.restore(keeper.running)
        fitted.append(fit.to_the_best())
        if keeper:
            keeper.finished(fitted[-1])
    return fitted


def train_on(
    job: Job, sampler: Sampler, members: Sequence[Weights], steps: Sequence[int], run: Run
) -> list[Weights]:
    """The members after `steps` more steps on windows up to the last row."""
    out: list[Weights] = []
    for member, weights in enumerate(members):
        fit = _fit(job, Examples(job.streams, sampler, (sampler.stream[:0], sampler.stream[:0])), member, run)
        fit.network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
        out.append(fit.on_to_the_last(steps[member]).weights)
    return out


def _fit(job: Job, examples: Examples, member: int, run: Run) -> Fit:
    config = replace(job.training, seed=job.training.seed + member)
    return Fit((job.model, job.window), config, examples, run)
