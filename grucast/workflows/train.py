"""`grucast train`: from files to a model file and a report of its accuracy."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grucast.artifacts.store import save
from grucast.core.config import ReadOptions, TrainOptions
from grucast.core.errors import UsageError
from grucast.core.progress import Progress, silent
from grucast.core.results import DataFacts
from grucast.core.series import Panel
from grucast.data.reading import Reading, read_panel
from grucast.preprocessing.gaps import regularise
from grucast.training.fit import Run
from grucast.training.resume import Keeper
from grucast.training.setup import configure, torch_version
from grucast.workflows.assess import Protocol, assess, skill_notes
from grucast.workflows.learn import Learned, Prepared, learn, prepare, train_to
from grucast.workflows.locate import default_output, remembered_path
from grucast.workflows.model_file import pack

FIT_SHARE = 0.7  # of --max-seconds, for the search; the rest trains on to the last row


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train on, how, and where to put it; `output` None is DATA's name with .grucast."""

    sources: tuple[str, ...]
    read: ReadOptions
    options: TrainOptions
    output: Path | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Where the model lies, the report with the keys of `train --json`, and its notes that say more."""

    path: Path
    report: dict[str, Any]
    notes: tuple[str, ...]


def train(request: TrainRequest, progress: Progress = silent) -> TrainResult:
    """Train a model, judge it on rows it did not see, train it on to the last row and write it.

    Errors: those of reading; DataError where nothing can be learned; UsageError for options that do not
    go together; CannotCreate, Denied, IoFailure, Busy for the model file, which is then as it was.
    """
    started = time.monotonic()
    check_options(request.options)
    output = request.output or default_output(request.sources)
    reading = read_panel(request.sources, request.read)
    panel, gap_notes = regularise(reading.panel, gaps=request.read.rows.gaps, file=reading.file)
    prepared = prepare(panel, request.options, file=reading.file)
    keeper = Keeper(output, _key(request, reading))
    run, last = _runs(request.options, started, progress, keeper, request.resume)
    learned = learn(prepared, run)
    later = train_to(prepared, learned, "report", last)
    accuracy = assess(prepared, later.forecaster, Protocol(progress=progress))
    final = train_to(prepared, later, "end", last)
    accuracy |= {"season": list(prepared.seasons), "notes": skill_notes(accuracy)}
    facts = data_facts(request, reading, panel, output)
    digest = save(pack(prepared, final, facts, accuracy, torch_version()), output)
    keeper.forget()
    assumed = [*reading.notes, *gap_notes, *prepared.notes]
    notes = [*assumed, *accuracy["notes"]]
    outcome = {"model": str(output), "digest": digest, "seconds": time.monotonic() - started, "notes": notes}
    said = notes if len(panel.channels) > 1 else assumed  # of one channel the skill says what its note would
    return TrainResult(output, _report(prepared, final, reading, accuracy, outcome), tuple(said))


def check_options(options: TrainOptions) -> None:
    """UsageError for options that contradict each other or would change nothing."""
    values, network = options.values, options.network
    if values.min is not None and values.max is not None and values.min >= values.max:
        raise UsageError(f"--min {values.min:g} is not below --max {values.max:g}")
    if values.transform == "log" and values.max is not None and values.max <= 0:
        raise UsageError(f"--transform log needs values above zero, --max is {values.max:g}")
    for level in values.levels:
        if level not in (80, 95) and level > 95:
            raise UsageError(f"--levels {level}: levels up to 95 are trained")
    if network.layers > 1 and network.dropout == 0.0 and options.fit.patience is not None:
        return  # allowed: every option changes something


def _runs(
    options: TrainOptions, started: float, progress: Progress, keeper: Keeper, resume: bool
) -> tuple[Run, Run]:
    """The run that searches and the run that trains on."""
    device = configure(options.fit.device, options.fit.threads)
    limit = options.fit.max_seconds
    first = math.inf if limit is None else started + FIT_SHARE * limit
    last = math.inf if limit is None else started + limit
    if resume:
        keeper.recall()
    return Run(device, first, progress, keeper), Run(device, last, progress)


def _key(request: TrainRequest, reading: Reading) -> str:
    """What a resumed run must share with the one that was killed."""
    return f"{reading.digest} {request.options} {request.read}"


def data_facts(request: TrainRequest, reading: Reading, panel: Panel, output: Path) -> DataFacts:
    """What the model remembers of its data."""
    only = request.sources[0] if len(request.sources) == 1 and request.sources[0] != "-" else ""
    return DataFacts(
        path=remembered_path(Path(only), output, Path.cwd()) if only else "",
        digest=reading.digest,
        rows=reading.rows,
        series=len(panel.series),
        first=str(panel.series[0].ds[0]),
        last=str(max(one.ds[-1] for one in panel.series)),
        steps=panel.rows,
    )


def _report(
    prepared: Prepared, learned: Learned, reading: Reading, accuracy: Mapping[str, Any], outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """The report with the keys of `train --json`."""
    return {
        "model": outcome["model"],
        "digest": outcome["digest"],
        "series": len(prepared.panel.series),
        "rows": reading.rows,
        "freq": prepared.panel.freq or None,
        "season": list(prepared.seasons),
        "horizon": prepared.window.horizon,
        "context_length": prepared.window.context_length,
        "parameters": sum(value.size for weights in learned.members for value in weights.values()),
        "epochs": learned.epochs,
        "seconds": round(outcome["seconds"], 1),
        "holdout": accuracy["holdout"],
        "baselines": accuracy["baselines"],
        "skill": accuracy["skill"],
        "notes": outcome["notes"],
    }
