"""Fit one network: batches, early stopping on validation, best weights kept.

An *epoch* is one look at the validation windows after a bounded number of steps, so that a file of a
million rows is looked at as often as one of ten thousand. The learning rate falls by `DECAY` an epoch.
"""

from __future__ import annotations

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
from grucast.networks import NETWORKS
from grucast.networks.batch import Batch
from grucast.networks.heads import LinearPath
from grucast.preprocessing.windows import Streams, gather, gather_targets
from grucast.training.losses import loss_of
from grucast.training.sampling import Sampler
from grucast.training.start import start_linear

DECAY = 0.8
STEPS_MIN, STEPS_MAX = 30, 250  # of one epoch
WARM_UP = 50  # steps until the learning rate is whole
PATH_RATE = 0.1  # of the rate, for the linear path, which begins where it should be
TRAIN_ON_RATE = 0.3  # of the peak rate, where training goes on to the last row
VALIDATION_CHUNK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from: windows to fit on, and fixed windows (stream, cutoff) to validate on."""

    streams: Streams
    sampler: Sampler
    validation: tuple[Ints, Ints]


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
    best: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Tensor] = field(default_factory=dict)
    draws: str = ""  # JSON of the NumPy generator
    noise: Tensor | None = None  # state of torch's generator


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Weights of one network (float32, by name), how many steps made them, and their validation loss."""

    weights: dict[str, Array32]
    steps: int
    epochs: int
    loss: float


def examples_at(
    streams: Streams, window: WindowSpec, at: tuple[Ints, Ints], device: str
) -> tuple[Batch, tuple[Tensor, Tensor]]:
    """The windows at (stream, cutoff) as tensors, and their targets: values less the anchor (B, H), mask (B, H)."""
    windows = gather(streams, window, *at)
    y, seen = gather_targets(streams, window.horizon, *at)
    anchored = np.where(seen, y - windows.level[:, None], 0.0)
    batch = Batch(*[_tensor(getattr(windows, name), device) for name in Batch._fields])
    return batch, (_tensor(anchored, device), _tensor(seen, device))


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
        self.network: nn.Module = NETWORKS.load(self.model.network)(self.model, self.window).to(run.device)
        path = getattr(self.network, "linear", None)
        if isinstance(path, LinearPath) and len(examples.validation[0]):
            start_linear(path, (examples.streams, self.window), examples.sampler, examples.validation, config.seed)
        self.optimizer = make_optimizer(self.network, config)
        self.levels = torch.tensor(self.model.quantile_levels, device=run.device)
        self.state = FitState()
        steps = math.ceil(examples.sampler.windows / config.batch_size)
        self.steps_per_epoch = min(max(steps, STEPS_MIN), STEPS_MAX)

    def to_the_best(self) -> Fitted:
        """Train until validation has not improved for `patience` epochs; the best weights."""
        state, config = self.state, self.config
        if not state.best:
            self._validate()  # the start counts: it may be the best
        while state.epoch < config.epochs and state.stale < config.patience:
            rate = config.learning_rate * DECAY**state.epoch
            for _ in range(self.steps_per_epoch):
                if time.monotonic() > self.run.deadline:
                    break
                warm = min(1.0, (state.step + 1) / WARM_UP)
                self._step(rate * warm)
                self.run.progress("train", state.step, config.epochs * self.steps_per_epoch, f"epoch {state.epoch + 1}")
            self._validate()
            if time.monotonic() > self.run.deadline:
                break
            if self.run.keeper is not None:
                self.run.keeper.keep(self.snapshot())
        self.network.load_state_dict(state.best)
        return self._fitted(state.best_step)

    def on_to_the_last(self, steps: int) -> Fitted:
        """Train on from the present weights for `steps` steps, the rate falling to zero."""
        peak = self.config.learning_rate * TRAIN_ON_RATE
        for done in range(steps):
            if time.monotonic() > self.run.deadline:
                break
            warm = min(1.0, (done + 1) / WARM_UP)
            self._step(peak * warm * 0.5 * (1.0 + math.cos(math.pi * done / steps)))
            self.run.progress("train on", done + 1, steps)
        return self._fitted(self.state.best_step)

    def snapshot(self) -> FitState:
        """All that a later process needs to go on bit for bit."""
        state = self.state
        state.network = _copy(self.network.state_dict())
        state.optimizer = {
            f"{index}.{name}": value.clone()
            for index, slots in self.optimizer.state_dict()["state"].items()
            for name, value in slots.items()
        }
        state.draws = json.dumps(self.rng.bit_generator.state)
        state.noise = torch.get_rng_state()
        return state

    def restore(self, state: FitState) -> None:
        """Go on from a snapshot."""
        self.state = state
        self.network.load_state_dict(state.network)
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in state.optimizer.items():
            index, _, slot = name.partition(".")
            slots.setdefault(int(index), {})[slot] = value
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({"state": slots, "param_groups": whole["param_groups"]})
        self.rng.bit_generator.state = json.loads(state.draws)
        if state.noise is not None:
            torch.set_rng_state(state.noise)

    def _step(self, rate: float) -> None:
        """One batch."""
        at = self.examples.sampler.draw(self.config.batch_size, self.rng)
        batch, target = examples_at(self.examples.streams, self.window, at, self.run.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        loss = loss_of(self.config.loss, self.network(batch), target, self.levels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if torch.isfinite(norm):  # one mad batch must not cost the run
            self.optimizer.step()
        self.state.step += 1

    def _validate(self) -> None:
        """Note the validation loss, and keep the weights when it is the lowest so far."""
        state, loss = self.state, self._validation_loss()
        state.epoch += state.step > 0
        if loss < state.best_loss:
            state.best_loss, state.best_step, state.stale = loss, state.step, 0
            state.best = _copy(self.network.state_dict())
        else:
            state.stale += 1
        if not state.best:  # nothing finite yet: anything is better than nothing
            state.best = _copy(self.network.state_dict())

    def _validation_loss(self) -> float:
        stream, cutoff = self.examples.validation
        self.network.eval()
        total = weight = 0.0
        with torch.no_grad():
            for start in range(0, len(stream), VALIDATION_CHUNK):
                at = stream[start : start + VALIDATION_CHUNK], cutoff[start : start + VALIDATION_CHUNK]
                batch, target = examples_at(self.examples.streams, self.window, at, self.run.device)
                seen = float(target[1].sum())
                total += seen * float(loss_of(self.config.loss, self.network(batch), target, self.levels))
                weight += seen
        self.network.train()
        return total / weight if weight else math.inf

    def _fitted(self, steps: int) -> Fitted:
        weights = {name: value.cpu().numpy().copy() for name, value in self.network.state_dict().items()}
        return Fitted(weights, steps, self.state.epoch, self.state.best_loss)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimizer; weight decay acts on matrices only and is decoupled. `share` scales the rate of a group."""
    path: list[Tensor] = []
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in network.named_parameters():
        (path if name.startswith("linear.") else matrices if parameter.ndim > 1 else others).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": matrices, "share": 1.0},
        {"params": others, "share": 1.0},
        {"params": path, "share": PATH_RATE},
    ]
    rate = config.learning_rate
    if config.optimizer == "adamw":
        for group, decay in zip(groups, (config.weight_decay, 0.0, 0.0), strict=True):
            group["weight_decay"] = decay
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.RMSprop(groups, lr=rate) if config.optimizer == "rmsprop" else torch.optim.Adam(groups, lr=rate)


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
