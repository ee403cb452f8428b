"""`grucast train`: from files to a model file and a report of its accuracy."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grucast.core.config import ReadOptions, TrainOptions, ValueOptions
from grucast.core.errors import UsageError
from grucast.core.files import check_place
from grucast.core.locks import check_free
from grucast.core.progress import Progress, silent
from grucast.core.series import Panel
from grucast.data.reading import Reading, read_panel
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.holidays import check_codes
from grucast.workflows.locate import check_apart, default_output


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train on, how, and where to put it; `output` None is DATA's name with .grucast."""

    sources: tuple[str, ...]
    read: ReadOptions
    options: TrainOptions
    output: Path | None = None
    resume: bool = False
    wait: bool = False  # for another writer of the model
    config: Path | None = None  # where settings were read, so that it is not written over


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Where the model lies, the report with the keys of `train --json`, and its notes that say more."""

    path: Path
    report: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a training begins with: the data as read and on their grid, `notes` on gaps, when it `started`."""

    request: TrainRequest
    reading: Reading
    panel: Panel
    notes: tuple[str, ...]
    output: Path
    started: float  # time.monotonic()
    parent: str = ""  # digest of the model that is replaced, by no other one


def train(request: TrainRequest, progress: Progress = silent) -> TrainResult:
    """Train a model, judge it on rows it did not see, train it on the last rows too and write it.

    Errors: those of reading; DataError where nothing can be learned; UsageError for options that do not
    go together; CannotCreate, Denied, IoFailure, Busy for the model file, which is then as it was.
    """
    started = time.monotonic()
    check_options(request.options)
    output = request.output or default_output(request.sources)
    check_apart({"-o": output}, (*request.sources, request.read.rows.exclude, request.config))
    check_place(output)
    if not request.wait:
        check_free(output)
    reading = read_panel(request.sources, request.read)
    panel, notes = regularise(reading.panel, gaps=request.read.rows.gaps, file=reading.file)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads cost ten times on busy cores
    from grucast.workflows.learning.train_model import (
        train_model,  # imports torch: data that are refused are so at once
    )

    return train_model(Given(request, reading, panel, tuple(notes), output, started), progress)


def check_options(options: TrainOptions) -> None:
    """UsageError for options that contradict each other or would change nothing."""
    values = options.values
    check_codes(options.window.holidays)
    if values.min is not None and values.max is not None and values.min >= values.max:
        raise UsageError(f"--min {values.min:g} is not below --max {values.max:g}")
    if values.transform == "log" and values.max is not None and values.max <= 0:
        raise UsageError(f"--transform log needs values above zero, --max is {values.max:g}")
    for level in values.levels:
        if level > 95:
            raise UsageError(f"--levels {level}: levels up to 95 are trained")
    for name, given in (("--min", values.min is not None), ("--max", values.max is not None),
                        ("--levels", values.levels != ValueOptions().levels)):
        if given and options.network.objective == "reconstruct":
            raise UsageError(f"{name} would change nothing with --objective reconstruct, which trains nothing that "
                             "forecasts; leave one of them out")
