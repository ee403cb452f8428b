"""`grucast update`: a model that has learned from the rows that came since, in place of the old one.

    updating.settings      the settings of a model as options
    updating.left_out      rows that the training was told to leave out
    updating.beginning     whether the file begins with what the model knows
    updating.strange       whether they are such as it knows
    updating.arrived       which rows are new, which of them are held out
    updating.judged        the old and the new weights on rows held out; how far intervals follow
    updating.update_model  the training (torch)
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions
from grucast.core.files import check_place
from grucast.core.locks import check_free, locked
from grucast.core.progress import Progress, silent
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.data.reading import Reading
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.grid import rewritten
from grucast.preprocessing.sources import Scales
from grucast.workflows.drift import check_level
from grucast.workflows.locate import check_apart, find_data
from grucast.workflows.serving import gridded, unpacked
from grucast.workflows.train import Given, TrainRequest
from grucast.workflows.updating.beginning import count_new, from_the_beginning
from grucast.workflows.updating.left_out import as_trained, read_left_out
from grucast.workflows.updating.strange import strange

if TYPE_CHECKING:
    from grucast.workflows.updating.arrived import Arrived


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """Which model learns from which data; `source` None is the file that the model remembers."""

    source: str | None
    model: Path
    read: ReadOptions
    full: bool = False
    wait: bool = False  # for another writer of the model
    device: str = "auto"
    threads: int | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """Where the model lies, the report with the keys of `update --json`, and what should be said of it."""

    path: Path
    report: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Renewing:
    """What an update begins with: the model that is there, the data as read, notes, when it `started`."""

    request: UpdateRequest
    artifact: Artifact
    forecaster: Forecaster
    source: str
    reading: Reading
    notes: tuple[str, ...]
    started: float  # time.monotonic()

    def as_train(self) -> TrainRequest:
        """The training, on all rows, that makes such a model anew."""
        from grucast.workflows.updating.settings import options_of

        request, options = self.request, options_of(self.artifact.manifest)
        fit = replace(options.fit, device=request.device, threads=request.threads, max_seconds=request.max_seconds)
        return TrainRequest((self.source,), request.read, replace(options, fit=fit), request.model, wait=request.wait)


def update(request: UpdateRequest, progress: Progress = silent) -> UpdateResult:
    """Train the model on with the rows that came, or anew on all rows, and put it in place of the old one.

    Where there are too few new rows nothing is done, and that is no error. Errors: those of reading; ModelError where
    data and model do not fit, and where the new rows made it no better or are far from all it knows; Busy where another
    run writes the model or has replaced it; those of writing. The old model is then as it was.
    """
    started = time.monotonic()
    check_place(request.model)
    if request.wait and request.model.exists():
        with locked(request.model, wait=True):  # what another run is about to publish is what is gone on from
            pass
    elif not request.wait:
        check_free(request.model)
    artifact = load(request.model)
    forecaster, scales = unpacked(artifact, request.model)
    source = find_data(request.source, artifact.manifest, request.model)
    check_apart({"-m": request.model}, (source, request.read.rows.exclude))
    request = replace(request, read=as_trained(request.read, artifact.manifest))
    reading, panel, missing = gridded(read_left_out(source, request.read, artifact.manifest), request.read)
    check_level(panel, artifact, reading.file)
    given = Renewing(request, artifact, forecaster, source, reading, (*reading.notes, *missing), started)
    panel = from_the_beginning(panel, artifact, file=reading.file, model=str(request.model))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads cost ten times on busy cores
    if request.full:
        return _anew(_judged(given, panel, scales), progress)
    if not count_new(panel, artifact):
        shown = rewritten(artifact.manifest.data.last, panel.layout.clock)
        return unchanged(given, 0, f"no row came after {shown}, the last one it knows; the model is as it was")
    from grucast.workflows.updating.arrived import LEAST, find_arrived

    arrived = find_arrived(panel, artifact, scales)
    if not arrived.enough:
        least = LEAST * artifact.manifest.window.horizon
        return unchanged(given, arrived.new, f"{arrived.new:,} new rows, too few to learn from and be judged by (in no "
                         f"series are there {least}); the model is as it was")
    from grucast.workflows.updating.update_model import update_model  # imports torch: only where there is work

    return update_model(_judged(given, panel, scales), arrived, progress)


def _judged(given: Renewing, panel: Panel, scales: Scales) -> Renewing:
    """What is given, and a note where the rows that came are not such as the model knows; errors of `strange`."""
    notes = strange(panel, (given.forecaster, scales), given.artifact, file=given.reading.file, full=given.request.full)
    return replace(given, notes=(*given.notes, *notes))


def unchanged(given: Renewing, new: int, why: str) -> UpdateResult:
    """The result where there was nothing to publish."""
    digest, notes = given.artifact.digest, (*given.notes, why)
    report = blank(given) | {"digest": digest, "parent": given.artifact.manifest.parent, "new_rows": new,
                             "notes": list(notes)}
    return UpdateResult(given.request.model, report, notes)


def blank(given: Renewing) -> dict[str, Any]:
    """The report of `update --json` before anything has come of it."""
    return {
        "model": str(given.request.model), "digest": "", "parent": "", "updated": False, "full": given.request.full,
        "rows": given.reading.rows, "new_rows": 0, "held_rows": 0, "error": None, "error_before": None,
        "seconds": round(time.monotonic() - given.started, 1),
        "holdout": {}, "baselines": {}, "skill": None, "notes": [],
    }


def _anew(given: Renewing, progress: Progress) -> UpdateResult:
    """The model trained again on all rows, with its own settings."""
    from grucast.workflows.learning.train_model import train_model

    request, panel, parent = given.as_train(), given.reading.panel, given.artifact.digest
    done = train_model(Given(request, given.reading, panel, given.notes[len(given.reading.notes):],
                             given.request.model, given.started, parent), progress)
    report = blank(given) | {name: done.report[name] for name in
                             ("digest", "seconds", "holdout", "baselines", "skill", "notes")}
    report |= {"parent": parent, "updated": True, "new_rows": count_new(panel, given.artifact)}
    return UpdateResult(done.path, report, done.notes)


def updated(given: Renewing, arrived: Arrived, changes: dict[str, Any]) -> UpdateResult:
    """The result where a model was published; `changes` are the keys that it decided."""
    report = blank(given) | {"parent": given.artifact.digest, "updated": True, "new_rows": arrived.new,
                             "held_rows": arrived.held} | changes
    return UpdateResult(given.request.model, report, given.notes)
