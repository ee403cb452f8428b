"""The half of `grucast train` that needs torch: from data that were read to a model file and its report."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from grucast import __version__
from grucast.artifacts.store import save
from grucast.core.config import TrainOptions
from grucast.core.progress import Progress
from grucast.core.results import DataFacts
from grucast.core.series import Panel
from grucast.data.reading import Reading
from grucast.preprocessing.sources import length_passed
from grucast.training.fit import Run
from grucast.training.resume import Keeper
from grucast.training.setup import configure, torch_version
from grucast.workflows.learning.assess import Protocol, assess, skill_notes
from grucast.workflows.learning.learn import Learned, learn, prepare, to_the_end, to_the_report
from grucast.workflows.learning.model_file import pack
from grucast.workflows.learning.prepared import Prepared
from grucast.workflows.learning.watch import fit_watch
from grucast.workflows.locate import remembered_path
from grucast.workflows.noticing import constant_columns
from grucast.workflows.train import Given, TrainRequest, TrainResult

REBUILDS = "trained to rebuild the window only: it finds anomalies, it does not forecast"
FIT_SHARE = 0.4  # of --max-seconds, for the search; to train anew costs as much, and to train on a quarter of it


def train_model(given: Given, progress: Progress) -> TrainResult:
    """The model of the data, written, and the report on it. Errors: those of `train`."""
    request, reading, panel, output = given.request, given.reading, given.panel, given.output
    prepared = prepare(panel, request.options, file=reading.file)
    keeper = Keeper(output, _key(request, reading))
    run, last = _runs(request.options, given.started, progress, keeper, request.resume)
    prepared, learned = learn(prepared, run)
    later = to_the_report(prepared, learned, last)
    accuracy = _accuracy(prepared, later, progress)
    final, watch = fit_watch(prepared, learned, to_the_end(prepared, later, last), progress)
    flat, skill = constant_columns(panel), skill_notes(accuracy) if accuracy["holdout"] else [REBUILDS]
    accuracy |= {"season": list(prepared.seasons), "notes": [*flat, *skill]}
    facts = data_facts(request, reading, panel, output)
    packed = pack(prepared, final, facts, accuracy, torch_version(), watch)
    packed = replace(packed, manifest=replace(packed.manifest, parent=given.parent))
    digest = save(packed, output, wait=request.wait, replacing=given.parent)
    keeper.forget()
    assumed = [*reading.notes, *given.notes, *prepared.notes, *flat]
    notes = [*assumed, *skill]
    outcome = {"model": str(output), "digest": digest, "seconds": time.monotonic() - given.started, "notes": notes}
    said = notes if len(panel.channels) > 1 else assumed  # of one channel the skill says what its note would
    return TrainResult(output, _report(prepared, final, reading, accuracy, outcome), tuple(said))


def _accuracy(prepared: Prepared, learned: Learned, progress: Progress) -> dict[str, Any]:
    """The report on rows it never saw; empty for a model that was not trained to forecast."""
    if prepared.model.objective == "reconstruct":
        return {"holdout": {}, "baselines": {}, "skill": None}
    return assess(prepared, learned.forecaster, Protocol(progress=progress))


def _runs(
    options: TrainOptions, started: float, progress: Progress, keeper: Keeper, resume: bool
) -> tuple[Run, Run]:
    """The run that searches and the run that trains on."""
    device = configure(options.fit.device, options.fit.threads, options.network.hidden or 0)
    limit = options.fit.max_seconds
    first = math.inf if limit is None else started + FIT_SHARE * limit
    last = math.inf if limit is None else started + limit
    if resume:
        keeper.recall()
    return Run(device, first, progress, keeper), Run(device, last, progress)


def _key(request: TrainRequest, reading: Reading) -> str:
    """What a resumed run must share with the one that was killed."""
    options = replace(request.options, fit=replace(request.options.fit, max_seconds=None))
    return f"{__version__} {torch_version()} {reading.digest} {options} {request.read}"


def data_facts(request: TrainRequest, reading: Reading, panel: Panel, output: Path) -> DataFacts:
    """What the model remembers of its data."""
    only = request.sources[0] if len(request.sources) == 1 and request.sources[0] != "-" else ""
    here = [one for one in panel.series if len(one)]
    return DataFacts(
        path=remembered_path(Path(only), output, Path.cwd()) if only else "",
        digest=reading.digest,
        rows=reading.rows,
        series=len(panel.series),
        first=str(here[0].ds[0]),
        last=str(max(one.ds[max(length_passed(one), 1) - 1] for one in here)),  # covariates ahead teach nothing yet
        steps=panel.rows,
        excluded=reading.excluded,
        excluded_labelled=request.read.rows.exclude_labelled,
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
        "epochs": max(one.epochs for one in learned.found),
        "seconds": round(outcome["seconds"], 1),
        "holdout": accuracy["holdout"],
        "baselines": accuracy["baselines"],
        "skill": accuracy["skill"],
        "notes": outcome["notes"],
    }
