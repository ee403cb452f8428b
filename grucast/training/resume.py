"""Go on with a killed run: what it had, kept beside the model as `.NAME.resume` and gone after success.

The file is safetensors: tensors of the running fit and of the members already done, and the rest as JSON
in its metadata. A resumed run ends with the same bytes as one that was never killed. To keep more, add a
field to `FitState` and its name to `_NUMBERS` or `_GROUPS`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from grucast.core.errors import Busy, InputMissing, ModelError, UsageError
from grucast.core.files import write_whole
from grucast.training.fit import FitState, Fitted
from grucast.training.start import Start

_GROUPS = ("network", "average", "best", "optimizer")
_NUMBERS = ("epoch", "step", "best_loss", "best_step", "stale", "draws")
_OF_DONE = ("steps", "epochs", "loss", "start")


@dataclass(slots=True)
class Keeper:
    """Keeps a run: the members done, the state of the running one. `key` is what both runs must share."""

    model: Path
    key: str
    done: list[Fitted] = field(default_factory=list)
    running: FitState | None = None

    @property
    def path(self) -> Path:
        """`.NAME.resume` beside the model."""
        return self.model.parent / f".{self.model.name}.resume"

    def keep(self, state: FitState) -> None:
        """Write the state of the running member, whole or not at all.

        Where another training of the same model is just writing its own, this one waits for the next epoch.
        """
        self.running = state
        tensors = {f"running.{name}": value for name, value in _flat(state).items()}
        for index, one in enumerate(self.done):
            tensors |= {f"done.{index}.{name}": torch.from_numpy(value) for name, value in one.weights.items()}
        record = {
            "key": _digest(self.key),
            "running": {name: getattr(state, name) for name in _NUMBERS},
            "done": [{name: getattr(one, name) for name in _OF_DONE} for one in self.done],
        }
        with contextlib.suppress(Busy):
            write_whole(self.path, save(tensors, {"run": json.dumps(record)}))

    def finished(self, member: Fitted) -> None:
        """Remember a member that is done."""
        self.done.append(member)
        self.running = None

    def recall(self) -> None:
        """Take up what a killed run left. InputMissing where it left nothing, UsageError where it was another run."""
        try:
            with safe_open(self.path, framework="pt") as file:
                record: dict[str, Any] = json.loads((file.metadata() or {})["run"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            if record["key"] != _digest(self.key):
                raise UsageError("--resume: the killed run had other data or options; leave --resume out to begin anew")
            self.running = _state(record["running"], _below(tensors, "running"))
            for index, facts in enumerate(record["done"]):
                weights = {name: value.numpy() for name, value in _below(tensors, f"done.{index}").items()}
                found = {name: facts[name] for name in _OF_DONE}
                self.done.append(Fitted(weights, **found | {"start": Start(*found["start"])}))
        except FileNotFoundError as error:
            raise InputMissing(f"{self.path}: there is no run to go on with; leave --resume out") from error
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self.path}: damaged; leave --resume out to begin anew") from error

    def forget(self) -> None:
        """Remove what was kept, after success."""
        self.path.unlink(missing_ok=True)


def _flat(state: FitState) -> dict[str, Tensor]:
    tensors = {f"{group}.{name}": value for group in _GROUPS for name, value in getattr(state, group).items()}
    if state.noise is not None:
        tensors["noise"] = state.noise
    return {name: value.clone().contiguous() for name, value in tensors.items()}


def _state(numbers: dict[str, Any], tensors: dict[str, Tensor]) -> FitState:
    state = FitState(**{name: numbers[name] for name in _NUMBERS}, noise=tensors.get("noise"))
    for group in _GROUPS:
        getattr(state, group).update(_below(tensors, group))
    return state


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {name[len(start):]: value for name, value in tensors.items() if name.startswith(start)}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
