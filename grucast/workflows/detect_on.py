"""`grucast detect-anomalies --state`: only the rows that came since the last run, as one run over all of them would.

    with detect_on(request, keep, now=now) as watched:  # this run holds the state; scores and events are written,
        ...                                             # in one transaction, before anything is printed
        watched.printed()                               # after that: no later run prints them again

A run that dies before its transaction ends has not been: the next one reads the same rows. One that dies after it
leaves events that are still to be printed, and the next one prints them. Nothing is lost, and an event is printed twice
only where a run is killed between the last byte printed and the note of that.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from grucast.artifacts.ledger import note_visit
from grucast.artifacts.state import State, open_state
from grucast.core.config import ArrivalOptions, StateOptions
from grucast.core.errors import UsageError
from grucast.core.progress import Progress, silent
from grucast.core.results import Visit
from grucast.detection.budget import SECONDS
from grucast.workflows.detect import (
    DetectRequest,
    DetectResult,
    Watchman,
    open_watchman,
    refuse_early,
    seconds_of,
    seen_layout,
)
from grucast.workflows.detecting import alarm_table
from grucast.workflows.detecting.alarm_table import Raised
from grucast.workflows.detecting.arrived import Counts
from grucast.workflows.detecting.job import load_job, save_job
from grucast.workflows.detecting.reading_on import Wanted
from grucast.workflows.detecting.reported import DURATION
from grucast.workflows.detecting.runs import Asked, Outcome, first_run, later_run, no_lines
from grucast.workflows.detecting.score_lines import write_scores
from grucast.workflows.detecting.table import COLUMNS, Document, doubts, event_rows, figures_of
from grucast.workflows.locate import check_outputs, find_data
from grucast.workflows.monitoring.ages import kind_of, row_seconds


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept and where; `tell`: new events are to be told to somebody, see `Watched.to_tell`."""

    options: StateOptions
    arrival: ArrivalOptions = field(default_factory=ArrivalOptions)
    tell: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A run that was done and has not been told of: `result` has the events to print, `ended` those that are over."""

    state: State
    job: str
    result: DetectResult
    ended: tuple[Document, ...]
    counts: Counts

    def printed(self) -> None:
        """Remember that the events of the result were printed."""
        alarm_table.printed(self.state, self.result.events)

    def to_tell(self) -> list[Document]:
        """The events that nobody was told of yet; some may be of an earlier run."""
        return alarm_table.to_tell(self.state, self.job)

    def told(self, event: Document) -> None:
        """Remember that somebody was told of an event."""
        alarm_table.told(self.state, [event])


@contextlib.contextmanager
def detect_on(request: DetectRequest, keep: Keeping, *, now: datetime, progress: Progress = silent
              ) -> Iterator[Watched]:
    """Score what came since the last run, hold the state until the block ends.

    Errors: those of `detect` and of `open_state`; Busy where the data are being written over.
    """
    refuse_early(request)
    _refuse(request)
    watchman, path = open_watchman(request), keep.options.state
    if path is None:
        raise UsageError("--state FILE is missing")
    source = find_data(request.source, watchman.artifact.manifest, request.model)
    check_outputs(request.report.written | request.duty.written | {"--state": path}, (source, request.model))
    asked = _asked(request, keep, watchman, source, now)
    with open_state(path, wait=keep.options.wait) as state:
        with state.transaction():
            job = load_job(state, asked.raised.job)
            outcome = first_run(state, asked, progress) if job is None else later_run(state, asked, job)
            save_job(state, outcome.job, asked.raised.now)
            visit = _visited(state, asked, source, now)
            if request.report.scores is not None:  # before the rows are done with: a run that dies here does it again
                write_scores(request.report.scores, outcome.lines or [no_lines(outcome)], outcome.telling)
        result = _result(state, asked, outcome)
        yield Watched(state, asked.raised.job, result, tuple(outcome.ended), outcome.counts)
        request.duty.tell(visit, (request.model, watchman.artifact), figures_of(result.rows_scored, result.events))


def _visited(state: State, asked: Asked, source: str, now: datetime) -> Visit:
    """This run, noted; ModelError where the newest row scored is older than --max-age."""
    clock, job = asked.watchman.artifact.manifest.layout.clock, asked.raised.job
    newest = state.row("SELECT max(watermark) FROM series WHERE job = ?", job) or (None,)
    visit = Visit(job, "detect-anomalies", now.timestamp(), float(newest[0] or 0.0), kind_of(clock), row_seconds(clock))
    asked.request.duty.refuse_old_data(visit, source)
    note_visit(state, visit)
    return visit


def _asked(request: DetectRequest, keep: Keeping, watchman: Watchman, source: str, now: datetime) -> Asked:
    wanted = Wanted(source, request.read, seen_layout(watchman, request.read), keep.arrival.verify)
    raised = Raised(keep.options.job or "", watchman.artifact.digest, now.astimezone(UTC).isoformat(timespec="seconds"),
                    keep.tell)
    return Asked(request, watchman, wanted, raised, _lateness(keep.arrival.lateness, watchman))


def _lateness(text: str | None, watchman: Watchman) -> int:
    """The rows of the grid that --lateness means: one context where it is not said."""
    manifest = watchman.artifact.manifest
    if text is None:
        return manifest.window.context_length
    found = DURATION.fullmatch(text.strip())
    step = seconds_of(manifest.layout.clock)
    if found is None:
        raise UsageError(f"--lateness {text!r} is not a time such as 90s, 15min, 6h, 2d, 1w")
    if step is None:
        raise UsageError(f"--lateness {text}: the rows have no stamps, so none is late; leave it out")
    return math.ceil(float(found[1]) * SECONDS[found[2].lower()] / step)


def _refuse(request: DetectRequest) -> None:
    """UsageError for what does not go with a state."""
    rows, wanted = request.read.rows, request.report
    if request.detect.mode != "online":
        raise UsageError("--state looks at no later row: it does not go with --mode offline")
    for name, value in (("--plot", wanted.plot), ("--exclude", rows.exclude),
                        ("--exclude-labelled", rows.exclude_labelled)):
        if value:
            raise UsageError(f"--state and {name} do not go together; leave one of them out")


def _result(state: State, asked: Asked, outcome: Outcome) -> DetectResult:
    """The events to print, those of runs that were killed before they could included."""
    events = alarm_table.to_print(state, asked.raised.job)
    notes = [*outcome.notes, *_counted(outcome.counts), *doubts(outcome.doubted), *map(_over, outcome.ended)]
    return DetectResult(str(asked.request.model), asked.watchman.artifact.digest, outcome.scored, outcome.threshold,
                        COLUMNS, event_rows(events), events, tuple(dict.fromkeys(notes)))


def _counted(counts: Counts) -> Iterator[str]:
    """Notes on rows that are not simply new."""
    for number, one, many in (
        (counts.late, "row came late and was scored in its place", "rows came late and were scored in their places"),
        (counts.revised, "row came again with another value and was scored anew",
         "rows came again with other values and were scored anew"),
        (counts.too_late, "row came too late to be scored; see --lateness",
         "rows came too late to be scored; see --lateness"),
        (counts.repeated, "row came again as it was", "rows came again as they were"),
    ):
        if number:
            yield f"{number:,} {one if number == 1 else many}"


def _over(event: Document) -> str:
    name = f" ({event['unique_id']})" if event["unique_id"] else ""
    return f"event {event['event_id']}{name} is over: {event['start']} to {event['end']}, {event['rows']} rows"
