"""The half of `grucast update` that needs torch: from rows that came to a model that has learned from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from grucast.artifacts.store import save
from grucast.core.errors import ModelError
from grucast.core.progress import Progress
from grucast.core.results import Artifact
from grucast.forecasting.predict import Forecaster
from grucast.inference.weights import Weights
from grucast.preprocessing.splits import Split
from grucast.training.effects import NO_EFFECTS
from grucast.training.ensemble import Job
from grucast.training.fit import Fitted, Run
from grucast.training.setup import configure, torch_version
from grucast.training.start import Start
from grucast.training.update import Going, between, rehearsal
from grucast.workflows.detecting.scores import unpack_watch
from grucast.workflows.learning.assess import Protocol, assess, skill_notes
from grucast.workflows.learning.learn import Learned
from grucast.workflows.learning.model_file import pack
from grucast.workflows.learning.prepared import Prepared
from grucast.workflows.learning.train_model import REBUILDS, data_facts
from grucast.workflows.learning.watch import HeldOut, fit_laws, watch_by, with_heads
from grucast.workflows.noticing import constant_columns
from grucast.workflows.update import Renewing, UpdateResult, unchanged, updated
from grucast.workflows.updating.arrived import Arrived
from grucast.workflows.updating.judged import held_error, held_windows, recalibrated

PASSES = 10  # of the new windows
FEWEST_STEPS = 50
MOST_SHARE = 0.25  # of the steps that the training took
RATE, END_RATE = 0.25, 0.1  # of the learning rate: towards the new rows; then towards the last of them
END_STEPS = 0.25  # of the steps before, towards the last rows
SHARES = (1.0, 0.75, 0.5, 0.25)  # of the way from the old weights to those that have learned from new rows
SEARCH_SHARE = 0.6  # of --max-seconds, after which nothing new is begun on


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error on the rows held out, with the old weights and with those that have learned from new rows."""

    before: float
    after: float


def update_model(given: Renewing, arrived: Arrived, progress: Progress) -> UpdateResult:
    """The model trained on, judged and written. Errors: ModelError where it is no better for it; those of writing."""
    old, prepared = _learned(given.artifact, given.forecaster), arrived.prepared
    request = given.request
    device = configure(request.device, request.threads, prepared.model.hidden)
    limit = math.inf if request.max_seconds is None else request.max_seconds
    steps = steps_for(arrived, given.artifact.manifest.steps)
    going = Going(Job(prepared.model, prepared.window, prepared.training, prepared.streams), old.members,
                  Run(device, given.started + SEARCH_SHARE * limit, progress))
    if not going.train(rehearsal(*arrived.before_held()), steps, RATE):
        return unchanged(given, arrived.new, "there was no time to learn from the new rows; the model is as it was")
    verdict, tried = best_between(arrived, old, going.members)
    if not verdict.after <= verdict.before:
        raise ModelError(f"{request.model}: {arrived.new:,} new rows made it no better: error {verdict.after:.4g} on "
                         f"the newest {arrived.held:,}, {verdict.before:.4g} before; the model is as it was")
    accuracy = _accuracy(prepared, tried, progress)
    calibrated = recalibrated(arrived, old.forecaster, tried.forecaster)
    going.hold(tried.members)
    going.train(rehearsal(*arrived.to_the_end()), math.ceil(END_STEPS * steps), END_RATE)
    final = replace(tried, members=going.members, forecaster=replace(calibrated, members=going.members))
    laws = laws_for(arrived, given.artifact, old, progress)
    final, watch = watch_by(prepared, final, laws, progress)
    facts = data_facts(given.as_train(), given.reading, prepared.panel, request.model)
    return _publish(given, arrived, pack(prepared, final, facts, accuracy, torch_version(), watch), verdict)


def steps_for(arrived: Arrived, trained: int) -> int:
    """Steps in proportion to what is new, and a quarter of those of the training at most."""
    new = arrived.before_held()[1].windows
    wanted = math.ceil(PASSES * new / (arrived.prepared.training.batch_size / 2))
    return max(FEWEST_STEPS, min(wanted, round(MOST_SHARE * trained)))


def best_between(arrived: Arrived, old: Learned, members: Sequence[Weights]) -> tuple[Verdict, Learned]:
    """The weights on the way from the old ones to `members` that are best on the rows held out, and their verdict.

    Of the same error the farther ones. Four looks at the rows held out flatter a little: where nothing was learned, the
    nearest is nearly as the old ones, and what is let through is hardly another model.
    """
    tried = [_with(old, [between(one, new, share) for one, new in zip(old.members, members, strict=True)])
             for share in SHARES]
    before = error_of(arrived, old)
    errors = [error_of(arrived, _rebuilding(arrived, one)) for one in tried]
    best = min(range(len(tried)), key=errors.__getitem__)
    return Verdict(before, errors[best]), tried[best]


def error_of(arrived: Arrived, one: Learned) -> float:
    """The error on rows that neither the old nor the new weights have seen, with the old calibration."""
    return held_error(one.forecaster, arrived.prepared.streams, held_windows(arrived))


def _rebuilding(arrived: Arrived, new: Learned) -> Learned:
    """`new` with the head that rebuilds windows where that is what it is for: the old one has a head, computed too."""
    return with_heads(arrived.prepared, new, arrived.learned) \
        if arrived.prepared.model.objective == "reconstruct" else new


def laws_for(
    arrived: Arrived, artifact: Artifact, old: Learned, progress: Progress
) -> HeldOut:
    """The laws of scores: of the new rows, which the old weights had not seen, or the old ones.

    The old ones are about more rows, until as many have come at once: rare scores are what matters, and few rows hold
    none. Laws are of scores on the scale of rows trained on, which is measured anew with the new weights.
    """
    prepared = arrived.prepared
    known = unpack_watch(artifact.tensors, prepared.model, len(prepared.panel.channels))
    if arrived.new < max(one.rows + one.left_out for one in known.calibration.values()):
        return HeldOut(known.calibration, known.usual)
    splits = [Split(before, before, before, count) if before else None
              for before, count in zip(arrived.known.tolist(), arrived.rows.tolist(), strict=True)]
    return fit_laws(replace(prepared, splits=tuple(splits)), old, progress)


def _learned(artifact: Artifact, forecaster: Forecaster) -> Learned:
    """A model from a file, as training holds it."""
    steps = artifact.manifest.steps
    found = tuple(Fitted(dict(one), steps, 0, math.nan, Start(0.0, NO_EFFECTS)) for one in forecaster.members)
    return Learned(forecaster.members, forecaster, found)


def _with(learned: Learned, members: list[Weights]) -> Learned:
    return replace(learned, members=list(members), forecaster=replace(learned.forecaster, members=list(members)))


def _accuracy(prepared: Prepared, learned: Learned, progress: Progress) -> dict[str, Any]:
    """The report on the rows held out, by the weights that have not seen them and with the old calibration."""
    flat = constant_columns(prepared.panel)
    if prepared.model.objective == "reconstruct":
        return {"holdout": {}, "baselines": {}, "skill": None, "season": list(prepared.seasons),
                "notes": [*flat, REBUILDS]}
    found = assess(prepared, learned.forecaster, Protocol(progress=progress))
    return found | {"season": list(prepared.seasons), "notes": [*flat, *skill_notes(found)]}


def _publish(given: Renewing, arrived: Arrived, artifact: Artifact, verdict: Verdict) -> UpdateResult:
    """Write the model in place of its parent, and say what came of it."""
    parent, request = given.artifact.digest, given.request
    artifact = replace(artifact, manifest=replace(artifact.manifest, parent=parent))
    digest = save(artifact, request.model, wait=request.wait, replacing=parent)
    accuracy = artifact.manifest.accuracy
    return updated(given, arrived, {
        "digest": digest, "error": verdict.after, "error_before": verdict.before,
        **{name: accuracy[name] for name in ("holdout", "baselines", "skill")},
        "notes": [*given.notes, *accuracy["notes"]],
    })
