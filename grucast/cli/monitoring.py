"""`grucast status`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.boundary import say
from grucast.cli.models import flattened
from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, aligned, chosen, deliver, emit
from grucast.core.config import option
from grucast.core.errors import InputMissing, ModelError, UsageError

LISTED = ("event_id", "job", "unique_id", "start", "end", "severity", "raised", "acknowledged", "muted", "reason")


@dataclass(frozen=True, slots=True)
class StatusWords:
    """What is looked at."""

    model: Path | None = option(None, "the model; the one *.grucast in this folder", argument=True, metavar="MODEL")
    state: Path | None = option(None, "the state of the jobs, as given to them")
    max_age: str | None = option(None, "the newest row may be so old (s, min, h, d, w)", metavar="D")
    events: bool = option(False, "list the events in the state instead", panel="Events")
    ack: tuple[str, ...] = option((), "note that this event was seen; repeatable", metavar="ID", panel="Events")
    mute: tuple[str, ...] = option((), "hear no more of this event; repeatable", metavar="ID", panel="Events")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "status", example="grucast status energy.grucast --state energy.state --max-age 7d")(status)


def status(words: StatusWords, output: OutputOptions, talk: TalkOptions) -> int:
    """Say whether model and jobs are well: 0, or 78 with a line for each problem on standard error.

    Is the model fresh (--max-age), are the jobs of a state alive, do their intervals hold what they promise. Ages are
    by the clock of this machine: UTC where stamps have a zone, its local time where they have none.
    """
    from grucast.workflows.locate import check_outputs
    from grucast.workflows.status import StatusRequest
    from grucast.workflows.status import status as run

    kind = chosen(output.choice, terminal=output.output is None and sys.stdout.isatty())
    events = bool(words.events or words.ack or words.mute)
    model = words.model if events else _model(words)
    check_outputs({"-o": output.output}, (model, words.state))
    if events:
        return _events(words, output)
    found = run(StatusRequest(model, words.state, words.max_age))
    if kind == "table":
        if not talk.quiet or output.output is not None:
            deliver(page(found.document), output.output)
    elif kind == "json" or not talk.quiet or output.output is not None:
        emit(found.document, Table(("name", "value"), list(flattened(_named(found.document)))), output.choice,
             output.output)
    for problem in found.problems:
        say(f"grucast: problem: {problem}")
    return ModelError.exit_code if found.problems else 0


def _events(words: StatusWords, output: OutputOptions) -> int:
    """List events, or note what somebody says of them."""
    from grucast.workflows.status import list_events, mark_events

    if words.state is None:
        raise UsageError("--events, --ack and --mute need the events of a state; name it with --state FILE")
    if words.ack or words.mute:
        mark_events(words.state, words.ack, words.mute, time.time())
    if words.events:
        found = list_events(words.state)
        rows = [[one.get(name) for name in LISTED] for one in found]
        emit({"events": found}, Table(LISTED, rows), output.choice, output.output)
    return 0


def _model(words: StatusWords) -> Path | None:
    """The model named, or the one that is meant; with a state there need be none."""
    from grucast.workflows.locate import find_model

    try:
        return find_model(words.model, os.environ, Path())
    except (InputMissing, UsageError):
        if words.state is None:
            raise
        return None


def _named(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same with lists of objects as objects by number: `jobs.0.alive`."""
    return {key: {str(at): one for at, one in enumerate(item)}
            if isinstance(item, list) and any(isinstance(one, Mapping) for one in item) else item
            for key, item in value.items()}


def page(document: Mapping[str, Any]) -> str:
    """What was found, for people."""
    rows = [("status", "well" if document["ok"] else "not well")]
    model = document["model"]
    if model is not None:
        rows += [("model", f"{model['model']} ({model['digest'][:12]})"),
                 ("  trained up to", _aged(model["last_row"], model))]
    for job in document["jobs"]:
        alive = {True: "alive", False: "SILENT", None: "too few runs to say whether it is alive"}[job["alive"]]
        rows += [(f"job {job['job']!r}", f"{job['command']}: {alive}, last run {job['last_run']}"),
                 ("  newest row", _aged(job["last_row"], job))]
    for one in document["ledger"]:
        rows += [(f"ledger {one['job']!r}", f"forecasts with truths: {one['forecasts']:,}, truths: {one['truths']:,}")]
        for level, held in one["coverage"].items():
            if held is not None:
                right = {True: "right", False: "WRONG", None: "too few to judge"}[one["right"][level]]
                rows.append((f"  {level} % interval", f"held {held:.1%}: {right}"))
        if one["skill"] is not None:
            rows.append(("  skill", f"{one['skill']:.3f} over the seasonal naive forecast"))
    if document["events"].get("known"):
        events = document["events"]
        rows.append(("events", f"{events['known']:,}: {events['open']:,} open, {events['unacknowledged']:,} not seen"))
    return aligned(Table(("", ""), rows))


def _aged(row: str, told: Mapping[str, Any]) -> str:
    """A row with its age, the clock that it was taken by, and whether that is fresh."""
    from grucast.workflows.monitoring.ages import in_words

    if told["age_seconds"] is None:
        return row
    fresh = {True: ", fresh", False: ", STALE", None: ""}[told["fresh"]]
    return f"{row}, {in_words(told['age_seconds'])} old{fresh} (clock: {told['clock']})"
