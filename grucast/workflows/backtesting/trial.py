"""A backtest under way, and the forecasts of one model from all origins. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grucast.core.config import ReadOptions, TrainOptions
from grucast.core.progress import Progress
from grucast.core.results import Notes
from grucast.data.reading import Reading
from grucast.workflows.backtesting.folds import Plan, Rolling
from grucast.workflows.backtesting.speak import Block, Learner, assemble, speak


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What is tried on which data; `model` None trains one for each fold, `jobs` None takes all cores, at most four."""

    sources: tuple[str, ...]
    read: ReadOptions
    options: TrainOptions = field(default_factory=TrainOptions)
    rolling: Rolling = field(default_factory=Rolling)
    model: Path | None = None
    standardise: bool = False
    forecasts: Path | None = None
    output: Path | None = None  # where the report will be written; what is kept for --resume lies beside it
    resume: bool = False
    jobs: int | None = None
    config: Path | None = None  # where settings were read, so that it is not written over


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What was asked for, read and settled; `notes` is added to as there is something to say."""

    request: BacktestRequest
    reading: Reading
    plan: Plan
    notes: Notes
    progress: Progress


def spoken(trial: Trial, model: Learner) -> Iterator[Block]:
    """The forecasts of the one model, and of baselines fitted once, from all origins."""
    fold = trial.plan.folds[0]
    speakers = assemble(trial.plan.panel, model, fold.known, trial.plan.stop)
    for one in speakers.baselines.values():
        if one.note:
            trial.notes.add(one.note)
    yield from speak(speakers, fold.windows())
