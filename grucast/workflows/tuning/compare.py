"""Every cell on the same folds, with the same budget and all else as it is: `tune --compare-cells`."""

from __future__ import annotations

import math
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from typing import Any

from grucast.core.config import TrainOptions
from grucast.core.errors import Busy, UsageError
from grucast.core.progress import Progress, silent
from grucast.networks import CELLS
from grucast.workflows.tune import TuneRequest, prepare_ground
from grucast.workflows.tuning.folds import Fold
from grucast.workflows.tuning.processes import workers
from grucast.workflows.tuning.trial import try_out

COLUMNS = ("cell", "error", "parameters", "epochs", "seconds")


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell's error (MASE), its size and cost; error None where the cell does not go with the other options."""

    cell: str
    error: float | None
    parameters: int | None
    epochs: int | None
    seconds: float | None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    cell: str
    folds: tuple[Fold, ...]
    options: TrainOptions
    deadline: float


def compare_cells(request: TuneRequest, progress: Progress = silent) -> dict[str, Any]:
    """The report with the keys of `tune --compare-cells --json`: every cell, the best first.

    Errors: those of `tune`, but that optuna is not needed.
    """
    if request.options.network.cell is not None:
        raise UsageError("--cell and --compare-cells do not go together; leave one of them out")
    if request.storage is not None:
        raise UsageError("--storage would change nothing with --compare-cells; leave one of them out")
    ground = prepare_ground(request)
    fit = replace(ground.options.fit, threads=ground.options.fit.threads or 1, max_seconds=None)
    tasks = [_Task(cell, ground.folds, _of_cell(ground.options, cell, fit), ground.deadline) for cell in CELLS.names()]
    found: list[CellResult] = []
    try:
        with workers(request.jobs) as pool:
            for one in map(_try_cell, tasks) if pool is None else pool.map(_try_cell, tasks):
                found.append(one)
                progress("cells", len(found), len(tasks), one.cell)
    except BrokenProcessPool as error:
        raise Busy("a process that trained was killed, perhaps for want of memory; try fewer --jobs") from error
    found.sort(key=lambda one: math.inf if one.error is None else one.error)
    notes = [*ground.notes, *(f"{one.cell}: {one.note}" for one in found if one.note)]
    return {"cells": [{name: asdict(one)[name] for name in COLUMNS} for one in found],
            "horizon": ground.options.window.horizon, "origins": len(ground.folds), "rows": ground.reading.rows,
            "seconds": round(time.monotonic() - ground.started, 1), "notes": notes}


def _of_cell(options: TrainOptions, cell: str, fit: Any) -> TrainOptions:
    return replace(options, fit=fit, network=replace(options.network, cell=cell))


def _try_cell(task: _Task) -> CellResult:
    """One cell on every fold."""
    if time.monotonic() > task.deadline:
        return CellResult(task.cell, None, None, None, None, "there was no time for it")
    try:
        got = try_out(task.folds, task.options, task.deadline)
    except UsageError as error:
        return CellResult(task.cell, None, None, None, None, str(error))
    return CellResult(task.cell, got.error if math.isfinite(got.error) else None, got.parameters, got.epochs,
                      round(got.seconds, 2), "time ran out before its training was whole" if got.cut else "")
