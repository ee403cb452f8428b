"""`grucast detect-anomalies`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from grucast.cli.boundary import say
from grucast.cli.options import offer
from grucast.cli.output import (
    OutputOptions,
    Table,
    TalkOptions,
    chosen,
    deliver,
    emit,
    json_text,
    progress,
    tell,
    tell_notes,
)
from grucast.core.config import (
    AlarmOptions,
    ArrivalOptions,
    DetectOptions,
    MonitorOptions,
    ReadOptions,
    StateOptions,
    option,
)
from grucast.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from grucast.workflows.detect import DetectRequest, DetectResult
    from grucast.workflows.follow import Following

FOUND = 10  # the exit code of --fail-on-anomaly
SHOWN = ("start", "end", "rows", "severity", "p_value", "reason", "flags")  # on a terminal; all of them elsewhere


@dataclass(frozen=True, slots=True)
class DetectWords:
    """What `detect-anomalies` asks for beside the data."""

    source: str | None = option(None, "the data; the file the model was trained on, as it is now", argument=True,
                                metavar="DATA")
    model: Path | None = option(None, "the model; the one *.grucast in this folder", short="-m")
    since: str | None = option(None, "report from this row on, or the newest 7d (s, min, h, d, w)", metavar="STAMP")
    last: int | None = option(None, "report the last N rows of each series; earlier ones are context", low=1)
    follow: bool = option(False, "answer each row of standard input with a line of JSON; DATA is history")
    scores: Path | None = option(None, "write a score for every row, as CSV", panel="Output")
    per_channel: bool = option(False, "a line a column in the file of scores", panel="Output")
    plot: Path | None = option(None, "draw series, scores and events: .png, .svg or .html", panel="Output")
    fail_on_anomaly: bool = option(False, f"exit with {FOUND} where there is an event", panel="Output")
    on_event: str | None = option(None, "run this, without a shell, with each event as JSON on its standard input",
                                  metavar="CMD", panel="Output")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job in cron asks for."""

    state: StateOptions
    arrival: ArrivalOptions
    monitor: MonitorOptions


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "detect-anomalies",
          example="grucast detect-anomalies energy.csv -m energy.grucast --false-alarms '1 per 30d'")(detect)


def detect(words: DetectWords, detection: DetectOptions, alarm: AlarmOptions, job: JobOptions, output: OutputOptions,
           read: ReadOptions, talk: TalkOptions) -> int:
    """Say what was not normal: events, and a score for every row.

    Without options: with the one model in this folder, in the file it was trained on, as that is now.
    With --state only rows that came since the last run are scored and told of, each event once.
    """
    from grucast.workflows.detect import DetectRequest, Reported
    from grucast.workflows.detect import detect as run
    from grucast.workflows.detecting.hooks import command_words, refuse_failed, run_hooks
    from grucast.workflows.locate import find_model
    from grucast.workflows.monitoring.duty import Duty

    kind = chosen(output.choice, terminal=output.output is None and sys.stdout.isatty())
    hook = None if words.on_event is None else command_words(words.on_event)
    request = DetectRequest(
        words.source, find_model(words.model, os.environ, Path()), read, detection, alarm,
        Reported(words.since, words.last, words.scores, words.per_channel, words.plot, output.output),
        Duty(monitor=job.monitor))
    state, arrival = job.state, job.arrival
    refuse_useless(words, state, arrival)
    if words.follow and job.monitor.metrics_file is not None:
        raise UsageError("--follow and --metrics-file do not go together: a stream has no end to tell of")
    if words.follow:
        return follow(request, words, hook, output, talk)
    if state.state is not None:
        result = go_on(request, (state, arrival), (hook, kind), output, talk)
        return FOUND if words.fail_on_anomaly and result.events else 0
    with progress(talk) as report:
        result = run(request, report)
    show(result, {}, kind, output, talk)
    if hook is not None:
        wrong = run_hooks(hook, result.events)
        tell_notes(wrong[1:], talk)
        refuse_failed(wrong, len(result.events))
    return FOUND if words.fail_on_anomaly and result.events else 0


def refuse_useless(words: DetectWords, state: StateOptions, arrival: ArrivalOptions) -> None:
    """UsageError for options of a state without one, and for a state that cannot be heeded."""
    if state.state is not None:
        if words.follow:
            raise UsageError("--follow and --state do not go together; leave one of them out")
        return
    for name, value in (("--job", state.job), ("--wait", state.wait), ("--lateness", arrival.lateness),
                        ("--verify", arrival.verify)):
        if value:
            raise UsageError(f"{name} would change nothing without --state FILE")


def go_on(request: DetectRequest, keep: tuple[StateOptions, ArrivalOptions], to: tuple[list[str] | None, str],
          output: OutputOptions, talk: TalkOptions) -> DetectResult:
    """Score what came since the last run; an event is done with when it was printed, and when --on-event had it."""
    from grucast.workflows.detect_on import Keeping, detect_on
    from grucast.workflows.detecting.hooks import refuse_failed, run_hooks

    hook, kind = to
    wrong: list[str] = []
    with (progress(talk) as report,
          detect_on(request, Keeping(*keep, tell=hook is not None), now=datetime.now(UTC), progress=report) as watched):
        more = {"ended": list(watched.ended), "arrived": asdict(watched.counts)}
        show(watched.result, more, kind, output, talk)
        watched.printed()
        due = watched.to_tell() if hook is not None else []
        for event in due:
            failed = run_hooks(hook or [], [event])
            wrong += failed
            if not failed:
                watched.told(event)
    tell_notes(wrong[1:], talk)
    refuse_failed(wrong, len(due))
    return watched.result


def show(result: DetectResult, more: Mapping[str, object], kind: str, output: OutputOptions, talk: TalkOptions) -> None:
    """Print notes and events; no events are no bytes with -q."""
    if talk.verbose:
        tell(f"grucast: {result.model} ({result.digest[:12]}): {result.rows_scored:,} rows scored, "
             f"{len(result.events)} events, threshold {_threshold(result)}", talk)
    tell_notes(result.notes, talk)
    document = {"model": result.model, "digest": result.digest, "rows_scored": result.rows_scored,
                "threshold": result.threshold, "events": result.events, **more, "notes": list(result.notes)}
    if result.events or not talk.quiet or kind == "json" or output.output is not None:  # no events, no bytes
        table = page(result) if kind == "table" else Table(result.columns, result.rows)
        emit(document, table, output.choice, output.output)


def follow(
    request: DetectRequest, words: DetectWords, hook: list[str] | None, output: OutputOptions, talk: TalkOptions
) -> int:
    """Answer rows as they come. A row that cannot be read is told on standard error and costs the exit code only."""
    from grucast.workflows.detecting.hooks import run_hooks
    from grucast.workflows.follow import HELD, open_following

    if output.choice.json or output.choice.format not in (None, "jsonl") or output.output is not None:
        raise UsageError("--follow answers with lines of JSON on standard output; leave out --format, --json and -o")
    following = open_following(request)
    tell_notes(following.notes, talk)
    encoding, code = following.layout.format.encoding, 0
    events: set[str] = set()
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            said = following.answer(line.decode(encoding))
        except (DataError, UnicodeDecodeError) as error:
            say(f"grucast: error: {error}")
            code = DataError.exit_code
            continue
        code = tell_wrong(following) or code
        if said is None:
            continue
        deliver(json_text(said))
        if said["flags"] == HELD:
            far = "it lies further ahead than all of the series is long"
            tell_notes([f"the row at {said['ds']} is held back until two more go on from it: {far}"], talk)
        if said["event_id"] and said["event_id"] not in events:
            events.add(said["event_id"])
            tell_notes(run_hooks(hook, [said]) if hook else (), talk)
    following.end()
    code = tell_wrong(following) or code
    return code or (FOUND if words.fail_on_anomaly and events else 0)


def tell_wrong(following: Following) -> int:
    """Say which rows that were held back turned out wrong, once; the exit code, 0 where none did."""
    wrong, following.wrong = following.wrong, []
    for error in wrong:
        say(f"grucast: error: {error}")
    return DataError.exit_code if wrong else 0


def page(result: DetectResult) -> Table:
    """The events for people: the columns that fit a terminal, the series where there are several."""
    names = (*(("unique_id",) if any(one["unique_id"] for one in result.events) else ()), *SHOWN)
    places = [result.columns.index(name) for name in names]
    return Table(names, [[row[place] for place in places] for row in result.rows])


def _threshold(result: DetectResult) -> str:
    return "by row" if result.threshold is None else f"{result.threshold:.4g}"
