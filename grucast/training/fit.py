"""Fit one network: batches, early stopping on validation, best weights kept.

An *epoch* is one look at the validation windows after a bounded number of steps, so that a file of a
million rows is looked at as often as one of ten thousand. The learning rate falls on half a cosine.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from grucast.core.arrays import Array32, Ints
from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.core.progress import Progress, silent
from grucast.inference.weights import rounded
from grucast.networks.batch import Batch
from grucast.networks.network import Network
from grucast.preprocessing.windows import Streams, gather, gather_targets
from grucast.training.losses import loss_of, rebuilding_loss
from grucast.training.optimizers import Group, Optimizer
from grucast.training.sampling import Sampler
from grucast.training.start import Start, start

PASS = 0.2  # of all fit windows, drawn in one epoch
STEPS_MIN, STEPS_MAX = 30, 200  # of one epoch
AVERAGING = 0.99  # weight of the average so far, a step, at most
RECENT = 4.0  # the averaged weights are 1 / (RECENT + 1) of the steps old in the mean, until that weight holds them
WARM_UP = 50  # steps until the learning rate is whole
PATH_RATE = 0.5  # of the rate, for the linear path, which begins where it should be
VALIDATION_CHUNK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from: windows to fit on, and fixed windows (stream, cutoff) to validate on.

    `start` has the penalties of the ridges that the linear parts begin as; None finds them on the validation windows.
    """

    streams: Streams
    sampler: Sampler
    start: Start | None = None
    validation: tuple[Ints, Ints] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


class Keeps(Protocol):
    """Keeps a run so that it can go on after a kill; see `training/resume.py`."""

    done: list[Fitted]
    running: FitState | None

    def keep(self, state: FitState) -> None:
        """Keep the state of the running member."""
        ...

    def finished(self, member: Fitted) -> None:
        """Keep a member that is done."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Where and how long: nothing of it enters the model."""

    device: str = "cpu"
    deadline: float = math.inf  # of time.monotonic()
    progress: Progress = silent
    keeper: Keeps | None = None  # told after each epoch


@dataclass(slots=True)
class FitState:
    """A running fit, complete: what a resumed run needs to go on bit for bit."""

    epoch: int = 0
    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    network: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Tensor] = field(default_factory=dict)
    draws: str = ""  # JSON of the NumPy generator
    noise: Tensor | None = None  # state of torch's generator


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Weights of one network (float32, by name, rounded as a model file holds them), how they came about."""

    weights: dict[str, Array32]
    steps: int
    epochs: int
    loss: float
    start: Start  # penalties of the ridges that the linear parts began as


def examples_at(
    streams: Streams, window: WindowSpec, at: tuple[Ints, Ints], device: str
) -> tuple[Batch, tuple[Tensor, Tensor]]:
    """The windows at (stream, cutoff) as tensors, and their targets: values less the anchor (B, H), mask (B, H)."""
    windows = gather(streams, window, *at)
    y, seen = gather_targets(streams, window.horizon, *at)
    batch = Batch(*[_tensor(getattr(windows, name), device) for name in Batch._fields])
    return batch, (_tensor(windows.moves(y, seen), device), _tensor(seen, device))


def _tensor(values: npt.NDArray[Any], device: str) -> Tensor:
    kind = values.dtype if values.dtype.kind == "i" else np.float32
    return torch.from_numpy(np.ascontiguousarray(values, dtype=kind)).to(device)


class Fit:
    """A running fit of one network: the one place with state."""

    def __init__(self, shape: tuple[ModelConfig, WindowSpec], config: TrainingConfig, examples: Examples, run: Run):
        self.model, self.window = shape
        self.config, self.examples, self.run = config, examples, run
        torch.manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)
        self.network = Network(self.model, self.window).to(run.device)
        self.start = self._start()
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = make_optimizer(self.network, config)
        self.levels = torch.tensor(self.model.quantile_levels, device=run.device)
        self.state = FitState()
        steps = math.ceil(PASS * examples.sampler.windows / config.batch_size)
        self.steps_per_epoch = min(max(steps, STEPS_MIN), STEPS_MAX)

    def to_the_best(self) -> Fitted:
        """Train until validation has not improved for `patience` epochs; the best weights."""
        state, config = self.state, self.config
        if not state.best:
            self._validate()  # the start counts: it may be the best
        total = config.epochs * self.steps_per_epoch
        while state.epoch < config.epochs and state.stale < config.patience:
            for _ in range(self.steps_per_epoch):
                if time.monotonic() > self.run.deadline:
                    break
                self._step(self._rate(state.step, total))
                self.run.progress("train", state.step, total, f"epoch {state.epoch + 1}")
            self._validate()
            if time.monotonic() > self.run.deadline:
                break
            if self.run.keeper is not None:
                self.run.keeper.keep(self.snapshot())
        self.average.load_state_dict(state.best)
        return self._fitted(state.best_step)

    def load(self, weights: Mapping[str, Array32]) -> None:
        """Go on from these weights."""
        for network in (self.network, self.average):
            network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})

    def for_steps(self, steps: int, share: float = 1.0) -> Fitted | None:
        """Train for `steps` steps at `share` of the rate, falling to zero; the weights at the end.

        None where time ran out before.
        """
        for done in range(steps):
            if time.monotonic() > self.run.deadline:
                return None
            self._step(share * self._rate(done, steps))
            self.run.progress("train anew", done + 1, steps)
        return self._fitted(steps)

    def snapshot(self) -> FitState:
        """All that a later process needs to go on bit for bit."""
        state = self.state
        state.network, state.average = _copy(self.network.state_dict()), _copy(self.average.state_dict())
        state.optimizer = self.optimizer.state()
        state.draws = json.dumps(self.rng.bit_generator.state)
        on_cpu = self.run.device == "cpu"
        state.noise = torch.get_rng_state() if on_cpu else torch.cuda.get_rng_state()
        return state

    def restore(self, state: FitState) -> None:
        """Go on from a snapshot."""
        self.state = state
        self.network.load_state_dict(state.network)
        self.average.load_state_dict(state.average)
        self.optimizer.restore(state.optimizer)
        self.rng.bit_generator.state = json.loads(state.draws)
        if state.noise is not None:
            (torch.set_rng_state if self.run.device == "cpu" else torch.cuda.set_rng_state)(state.noise)

    def _start(self) -> Start:
        """Begin the linear parts of the network; their penalties."""
        examples = self.examples
        data = (examples.streams, self.window, self.config.seed)
        return start(self.network, data, examples.sampler, examples.validation, examples.start)

    def _rate(self, step: int, total: int) -> float:
        """The learning rate: up in `WARM_UP` steps, then down to zero on half a cosine (arXiv 1608.03983)."""
        warm = min(1.0, (step + 1) / WARM_UP)
        return self.config.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * step / total))

    def _step(self, rate: float) -> None:
        """One batch."""
        at = self.examples.sampler.draw(self.config.batch_size, self.rng)
        batch, target = examples_at(self.examples.streams, self.window, at, self.run.device)
        loss = self._loss(self.network, batch, target)
        self.optimizer.clear()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if torch.isfinite(norm):  # one mad batch must not cost the run
            self.optimizer.step(rate)
        self.state.step += 1
        self._follow()

    def _loss(self, network: Network, batch: Batch, target: tuple[Tensor, Tensor]) -> Tensor:
        """What is made small: the loss of the forecast, or that of the rebuilt window."""
        if self.model.objective == "reconstruct":
            return rebuilding_loss(self.config.loss, network.rebuilt(batch), (batch.x, batch.mask))
        return loss_of(self.config.loss, network(batch), target, self.levels)

    def _follow(self) -> None:
        """Move the averaged weights towards the present ones (Polyak & Juditsky 1992).

        The average is what is validated and kept: it is as calm at a high learning rate as the weights
        themselves would be after the rate has fallen.
        """
        keep = min(AVERAGING, self.state.step / (self.state.step + RECENT))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1.0 - keep)

    def _validate(self) -> None:
        """Note the validation loss, and keep the weights when it is the lowest so far.

        Without an observed target to validate on it is infinite, and the newest weights are kept.
        """
        state, loss = self.state, self._validation_loss()
        state.epoch += state.step > 0
        if loss < state.best_loss or loss == state.best_loss == math.inf:
            state.best_loss, state.best_step, state.stale = loss, state.step, 0
            state.best = _copy(self.average.state_dict())
        else:
            state.stale += 1
        if not state.best:  # not a number: anything is better than nothing
            state.best = _copy(self.average.state_dict())

    def _validation_loss(self) -> float:
        stream, cutoff = self.examples.validation
        total = weight = 0.0
        with torch.no_grad():
            for start in range(0, len(stream), VALIDATION_CHUNK):
                at = stream[start : start + VALIDATION_CHUNK], cutoff[start : start + VALIDATION_CHUNK]
                batch, target = examples_at(self.examples.streams, self.window, at, self.run.device)
                seen = float(target[1].sum())
                total += seen * float(self._loss(self.average, batch, target))
                weight += seen
        return total / weight if weight else math.inf

    def _fitted(self, steps: int) -> Fitted:
        weights = {name: value.cpu().numpy().copy() for name, value in self.average.state_dict().items()}
        return Fitted(rounded(weights), steps, self.state.epoch, self.state.best_loss, self.start)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> Optimizer:
    """The optimizer of a network; weight decay acts on matrices only."""
    path: list[Tensor] = []
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in network.named_parameters():
        (path if name.startswith("linear.") else matrices if parameter.ndim > 1 else others).append(parameter)
    decay = config.weight_decay
    return Optimizer(config.optimizer, (Group(matrices, decay=decay), Group(others), Group(path, PATH_RATE)))


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
