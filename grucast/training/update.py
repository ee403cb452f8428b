"""Go on with weights that are in service: new windows and old ones, half and half, for a few steps.

What is trained on new rows alone forgets what only old rows showed (McCloskey and Cohen 1989, "catastrophic
interference"). The plain remedy is the best one where the old data are still there: they are shown again (Robins 1995,
"rehearsal"). A batch is one draw from both, so that no step sees one kind alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from grucast.core.arrays import Array
from grucast.inference.weights import Weights, rounded
from grucast.training.effects import NO_EFFECTS
from grucast.training.ensemble import Job
from grucast.training.fit import Examples, Fit, Run
from grucast.training.sampling import Sampler
from grucast.training.start import Start

ANY_START = Start(1.0, NO_EFFECTS)  # of networks whose weights are given


def rehearsal(old: Sampler, new: Sampler) -> Sampler:
    """Draws half of its windows from `old` and half from `new`; all from the other where one has none."""
    parts = [one for one in (old, new) if len(one.stream)]
    share = [each / len(parts) for one in parts for each in _shares(one)]
    return Sampler(
        stream=np.concatenate([one.stream for one in parts] or [old.stream]),
        first=np.concatenate([one.first for one in parts] or [old.first]),
        last=np.concatenate([one.last for one in parts] or [old.last]),
        share=np.cumsum(share),
    )


def between(old: Weights, new: Weights, share: float) -> Weights:
    """Weights that lie `share` of the way from `old` to `new`, rounded; those that `old` has not are the new ones.

    Networks that one went on to from the other lie in one valley, and on the way between them are often better than
    both: closer to the old one where new rows were few, or strange (Wortsman et al. 2022, arXiv 2109.01903).
    """
    return rounded({name: np.asarray(old[name] + np.float32(share) * (value - old[name]), dtype=np.float32)
                    if name in old else value for name, value in new.items()})


def _shares(sampler: Sampler) -> Array:
    """The probability of each stream, (N,)."""
    return np.diff(sampler.share, prepend=0.0)


class Going:
    """Networks that train on from their weights: what they hold is their present state, the optimizer's included."""

    def __init__(self, job: Job, members: Sequence[Weights], run: Run):
        self.members = list(members)
        self._fits = [_fit(job, weights, number, run) for number, weights in enumerate(members)]

    def hold(self, members: Sequence[Weights]) -> None:
        """Go on from these weights."""
        self.members = list(members)
        for fit, weights in zip(self._fits, members, strict=True):
            _load(fit, weights)

    def train(self, sampler: Sampler, steps: int, share: float) -> bool:
        """Train each for `steps` steps on the windows of `sampler`, at `share` of the rate, falling to zero.

        False where time ran out: a network that was not done keeps the weights that it had before.
        """
        done = True
        for number, fit in enumerate(self._fits):
            torch.manual_seed(fit.config.seed)  # of dropout: other networks may have drawn since
            fit.examples = replace(fit.examples, sampler=sampler)
            found = fit.for_steps(steps, share)
            if found is None:
                done = False
            else:
                self.members[number] = found.weights
        return done


def _fit(job: Job, weights: Weights, number: int, run: Run) -> Fit:
    """A fit that begins at `weights`, of which those are left out that were computed and not trained."""
    none = np.zeros(0, dtype=np.int64)
    config = replace(job.training, seed=job.training.seed + number)
    empty = Examples(job.streams, Sampler(none, none, none, np.zeros(0)), ANY_START)
    fit = Fit((job.model, job.window), config, empty, run)
    _load(fit, weights)
    return fit


def _load(fit: Fit, weights: Weights) -> None:
    trained = fit.network.state_dict().keys()
    fit.load({name: value for name, value in weights.items() if name in trained})
