"""What a backtest that trains for each origin keeps of the folds that are done, so that it can go on after a kill.

In the folder `.NAME.folds` there is one safetensors file a fold: the quantiles of every forecaster, and as metadata
what the fold noted and the key of the run. A fold of a run with other data or options is not taken up.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grucast.core.errors import InputMissing, ModelError, UsageError, write_error
from grucast.core.files import write_whole
from grucast.workflows.backtesting.learn import Answer


@dataclass(frozen=True, slots=True)
class FoldKeeper:
    """Keeps folds beside `output`; `key` is what two runs must share for one to go on with the other."""

    output: Path
    key: str

    @property
    def folder(self) -> Path:
        """`.NAME.folds` beside the output."""
        return self.output.parent / f".{self.output.name}.folds"

    def keep(self, number: int, found: Answer) -> None:
        """Write a fold that is done, whole or not at all. Errors: those of writing."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise write_error(error, self.folder) from error
        record = {"key": self._digest(), "notes": list(found.notes), "context_length": found.context_length}
        tensors = {name: np.ascontiguousarray(value) for name, value in found.quantiles.items()}
        write_whole(self._file(number), save(tensors, {"fold": json.dumps(record)}))

    def recall(self, folds: int) -> dict[int, Answer]:
        """The folds done, by number. InputMissing where there is none, UsageError where they are of another run."""
        there = [number for number in range(folds) if self._file(number).exists()]
        if not there:
            raise InputMissing(f"{self.folder}: there is no run to go on with; leave --resume out")
        read = {number: self._read(self._file(number)) for number in there}
        ours = {number: found for number, found in read.items() if found is not None}
        if not ours:
            raise UsageError("--resume: the killed run had other data or options; leave --resume out to begin anew")
        return ours

    def forget(self) -> None:
        """Remove what was kept."""
        with contextlib.suppress(OSError):  # a folder that holds what is not ours stays
            for pattern in ("[0-9]*.safetensors", ".[0-9]*.safetensors.tmp"):
                for one in self.folder.glob(pattern):
                    one.unlink(missing_ok=True)
            self.folder.rmdir()

    def _read(self, path: Path) -> Answer | None:
        """A fold, None where it is of another run; ModelError where it is damaged."""
        try:
            with safe_open(path, framework="np") as file:
                record = json.loads((file.metadata() or {})["fold"])
                if record["key"] != self._digest():
                    return None
                names = file.keys()
                return Answer({name: file.get_tensor(name) for name in names}, tuple(record["notes"]),
                              int(record["context_length"]))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: damaged; leave --resume out to begin anew") from error

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.safetensors"

    def _digest(self) -> str:
        return sha256(self.key.encode()).hexdigest()
