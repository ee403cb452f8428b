"""Processes that trainings run in; none is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import TypeVar

from grucast.core.errors import Busy

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes to train in, or None where one training runs at a time; none is left behind."""
    if jobs < 2:
        yield None
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes to come: they share the cores already
    before = set(active_children())
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_signals)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        for one in set(active_children()) - before:
            one.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def done_by(
    pool: ProcessPoolExecutor | None, work: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[Task, Result]]:
    """Each task with what came of it, as they end. Busy where a process was killed."""
    if pool is None:
        for task in tasks:
            yield task, work(task)
        return
    running = {pool.submit(work, task): task for task in tasks}
    for one in as_completed(running):
        try:
            yield running[one], one.result()
        except BrokenProcessPool as error:
            raise Busy("a process that trained was killed, perhaps for want of memory; go on with the same --storage "
                       "and fewer --jobs") from error


def _leave_signals() -> None:
    """Ctrl-C goes to all processes of a terminal: the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
