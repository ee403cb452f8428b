"""The half of `grucast backtest` that needs torch: the training of a fold, here or in a process of its own."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing import TimeoutError as Waited
from multiprocessing import active_children, get_context
from multiprocessing.pool import IMapIterator

import numpy as np

from grucast.core.arrays import Array
from grucast.core.config import TrainOptions
from grucast.core.errors import Busy
from grucast.core.progress import Progress, silent
from grucast.core.series import Panel
from grucast.preprocessing.splits import Split
from grucast.training.fit import Keeps, Run
from grucast.training.setup import configure
from grucast.workflows.backtesting.speak import Learner, assemble, speak
from grucast.workflows.learning.learn import learn, prepare, to_the_report

FIT_SHARE = 0.5  # of --max-seconds, for the search; to train anew costs as much
LOOK = 1.0  # seconds after which it is looked whether all processes live


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """All that a fold is learned from; `panel` holds nothing later. It can be sent to another process.

    `known` has the rows of each series, `asked` the series that are forecast from their last known row.
    """

    panel: Panel
    splits: tuple[Split | None, ...]
    known: tuple[int, ...]
    asked: tuple[int, ...]
    options: TrainOptions
    anew: bool
    file: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a fold says from the end of what it knows: quantiles (N, H, C, Q) of each forecaster, and its notes."""

    quantiles: dict[str, Array]
    notes: tuple[str, ...]
    context_length: int


def teach(lesson: Lesson, progress: Progress = silent, keeper: Keeps | None = None) -> tuple[Learner, tuple[str, ...]]:
    """The model that a lesson teaches, and notes on how it was prepared."""
    fit = lesson.options.fit
    device = configure(fit.device, fit.threads, lesson.options.network.hidden or 0)
    now, limit = time.monotonic(), math.inf if fit.max_seconds is None else fit.max_seconds
    prepared = prepare(lesson.panel, lesson.options, splits=lesson.splits, file=lesson.file)
    first = Run(device, now + limit * (FIT_SHARE if lesson.anew else 1.0), progress, keeper)
    prepared, learned = learn(prepared, first)
    if lesson.anew:
        learned = to_the_report(prepared, learned, Run(device, now + limit, progress))
    begin = lesson.panel.series[0].ds[0]
    return Learner(learned.forecaster, prepared.scales, prepared.seasons, begin), tuple(prepared.notes)


def answer(lesson: Lesson) -> Answer:
    """Train, and forecast the series asked for from their last known rows."""
    model, notes = teach(lesson)
    speakers = assemble(lesson.panel, model, lesson.known, lesson.known)
    index = np.array(lesson.asked, dtype=np.int64)
    blocks = list(speak(speakers, (index, np.asarray(lesson.known, dtype=np.int64)[index])))
    told = [one.note for one in speakers.baselines.values() if one.note]
    quantiles = {name: np.concatenate([block.quantiles[name] for block in blocks]) for name in blocks[0].quantiles}
    return Answer(quantiles, (*notes, *told), model.forecaster.window.context_length)


def answers(lessons: Sequence[Lesson], jobs: int) -> Generator[Answer, None, None]:
    """The answer to each lesson, in order, `jobs` at a time in processes of their own where that is more than one.

    However it ends, no process is left behind. Busy where one of them was killed.
    """
    if min(jobs, len(lessons)) < 2:
        yield from map(answer, lessons)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes to come: they share the cores already
    before = _children()
    with get_context("spawn").Pool(min(jobs, len(lessons)), _leave_signals) as pool:  # leaving it ends them
        workers = _children() - before
        coming = pool.imap(answer, lessons)
        for _ in lessons:
            yield _next(coming, workers)


def _next(coming: IMapIterator[Answer], workers: set[int]) -> Answer:
    """The next answer; Busy where one of `workers` was killed, which the pool itself would wait for without end."""
    while True:
        try:
            return coming.next(timeout=LOOK)
        except Waited as error:
            if not workers <= _children():
                raise Busy("a process that trained was killed, perhaps for want of memory; go on with --resume and "
                           "fewer --jobs") from error


def _children() -> set[int]:
    """The processes that this one has started and that live."""
    return {one.pid for one in active_children() if one.pid}


def _leave_signals() -> None:
    """Ctrl-C goes to all processes of a terminal: the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
