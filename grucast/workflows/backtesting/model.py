"""The backtest of a model that is there already: on rows later than those it was trained on, and on no others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grucast.artifacts.store import load
from grucast.core.config import TrainOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.results import Manifest
from grucast.core.series import Panel
from grucast.data.writing import format_stamps
from grucast.evaluation.folds import origins
from grucast.preprocessing.sources import length_passed
from grucast.preprocessing.splits import Split
from grucast.workflows.backtesting.folds import Fold, Plan, Rolling
from grucast.workflows.backtesting.speak import Learner
from grucast.workflows.serving import first_row, last_row, unpacked


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A model file, ready: what forecasts, and what it says of itself."""

    path: Path
    model: Learner
    manifest: Manifest


def open_model(path: Path) -> Opened:
    """The model at `path`. Errors: those of loading; ModelError for one that was not trained to forecast."""
    artifact = load(path)
    manifest = artifact.manifest
    if manifest.model.objective == "reconstruct":
        raise ModelError(f"{path}: trained to rebuild the window only; to forecast, train with --objective both")
    forecaster, scales = unpacked(artifact, path)
    seasons = tuple(int(season) for season in manifest.accuracy.get("season", ()))
    return Opened(path, Learner(forecaster, scales, seasons, first_row(manifest)), manifest)


def check_untrained(options: TrainOptions, rolling: Rolling) -> None:
    """UsageError for an option that would change nothing about a model that is trained already."""
    plain = TrainOptions()
    if rolling.refit != "never":
        raise UsageError(f"--refit {rolling.refit} and --model do not go together; leave one of them out")
    for group in ("window", "network", "fit", "values"):
        asked, usual = getattr(options, group), getattr(plain, group)
        for name in asked.__dataclass_fields__:
            if name != "levels" and getattr(asked, name) != getattr(usual, name):
                raise UsageError(f"--{name.replace('_', '-')} would change nothing: --model is trained already; leave "
                                 "one of them out")


def plan_later(panel: Panel, opened: Opened, rolling: Rolling, *, file: str = "") -> Plan:
    """One fold of all rows after those that the model was trained on, or of the test part asked for.

    Errors: ModelError where the test part holds rows it was trained on; DataError where there is nothing to judge.
    """
    horizon = opened.model.forecaster.window.horizon
    last = last_row(opened.manifest)
    shown = format_stamps([last], panel.tz)[0]
    trained = np.array([np.searchsorted(one.ds, last, side="right") for one in panel.series], dtype=np.int64)
    parts = [_part(rolling, int(rows), length_passed(one)) for one, rows in zip(panel.series, trained, strict=True)]
    step = rolling.step or 1
    found = [origins(part.calibration, part.report, horizon, step=step) for part in parts]
    for part, rows, starts in zip(parts, trained, found, strict=True):
        if len(starts) and part.calibration < rows:
            raise ModelError(f"{opened.path}: trained on rows up to {shown}, which --splits would judge; train with "
                             f"--train-rows {part.calibration}, or leave --model out")
    if not any(map(len, found)):
        raise DataError(f"no {horizon} rows are there after {shown}, the last one that {opened.path} was trained on",
                        file=file, mend="give newer rows, train with --train-rows N, or leave --model out")
    known = np.array([part.calibration for part in parts], dtype=np.int64)
    stop = np.array([part.report for part in parts], dtype=np.int64)
    fit = np.array([part.fit for part in parts], dtype=np.int64)
    fold = Fold(tuple(Split(one, one, one, one) for one in known.tolist()), known, tuple(found))
    return Plan(panel, horizon, opened.model.seasons, step, (fold,), fit, stop, anew=False)


def _part(rolling: Rolling, trained: int, rows: int) -> Split:
    """Training part and test part of a series of `rows` rows, the test part being [calibration, report)."""
    if rolling.splits is None:
        start = min(max(trained, 1), rows)  # a series that begins later: its first row is known
        return Split(start, start, start, rows)
    fit, test, stop = (min(one, rows) for one in (rolling.splits.fit, rolling.splits.test, rolling.splits.stop))
    return Split(fit, test, test, stop)
