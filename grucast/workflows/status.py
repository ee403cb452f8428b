"""`grucast status`: is the model fresh, is the job alive, are the intervals still right. Runs without torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from grucast.artifacts import ledger
from grucast.artifacts.state import State, open_state, read_state
from grucast.artifacts.store import load
from grucast.core.errors import UsageError
from grucast.core.results import Visit
from grucast.preprocessing.grid import rewritten
from grucast.workflows.detecting.alarm_table import read_document
from grucast.workflows.monitoring.ages import (
    age,
    clock_in_words,
    in_words,
    kind_of,
    last_trained,
    row_in_words,
    seconds_in,
)
from grucast.workflows.monitoring.standing import Standing, as_document, standing_of

FEW = 3  # runs, below which nothing is known of how often a job runs
PATIENCE = 600.0  # seconds that every job may be silent


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """What is looked at: a model, a state, or both; `clock` gives seconds since 1970."""

    model: Path | None
    state: Path | None = None
    max_age: str | None = None
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Status:
    """What was found, as JSON values, and what is wrong, in words."""

    document: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def status(request: StatusRequest) -> Status:
    """How model and jobs are.

    Errors: those of `load` and `read_state`; UsageError for a --max-age that is none.
    """
    now, problems = request.clock(), list[str]()
    limit = None if request.max_age is None else seconds_in(request.max_age, "--max-age")
    model = None if request.model is None else _model(request.model, limit, now, problems)
    jobs, standings, events = list[dict[str, Any]](), list[Standing](), dict[str, int]()
    if request.state is not None:
        with read_state(request.state) as state:
            jobs = [_job(runs, limit, now, problems) for runs in ledger.visits(state).values()]
            standings = [standing_of(state, job) for job in ledger.jobs(state)]
            events = _counts(state)
    for one in standings:
        problems += [_words(one, level) for level in one.wrong]
    document = {"ok": not problems, "problems": problems, "now": _iso(now), "model": model, "jobs": jobs,
                "ledger": [as_document(one) for one in standings], "events": events}
    return Status(document, problems)


# ---- the model -----------------------------------------------------------------------------------


def _model(path: Path, limit: float | None, now: float, problems: list[str]) -> dict[str, Any]:
    """The model and how old its last row is."""
    artifact = load(path)
    manifest = artifact.manifest
    clock = manifest.layout.clock
    kind = kind_of(clock)
    old = age(last_trained(manifest), kind, now)
    last = rewritten(manifest.data.last, clock)
    fresh = _fresh(old, limit)
    if fresh is False and old is not None and limit is not None:
        problems.append(f"{path}: the last row it was trained on, {last}, is {in_words(old)} old, more than "
                        f"{in_words(limit)}; train it on newer rows")
    return {"model": path.name, "digest": artifact.digest, "last_row": last, "age_seconds": old, "fresh": fresh,
            "clock": None if kind == "number" else clock_in_words(kind, now)}


def _fresh(old: float | None, limit: float | None) -> bool | None:
    return None if old is None or limit is None else old <= limit


# ---- the jobs ------------------------------------------------------------------------------------


def _job(runs: Sequence[Visit], limit: float | None, now: float, problems: list[str]) -> dict[str, Any]:
    """One job: when it ran, whether it is silent for longer than it uses to be, and how old its newest row is."""
    last = runs[-1]
    silent, allowed = now - last.at, allowed_silence(runs)
    alive = None if allowed is None else silent <= allowed
    old = age(last.last_row, last.axis, now)
    fresh, name = _fresh(old, limit), f"job {last.job!r} ({last.command})"
    if allowed is not None and not alive:
        problems.append(f"{name}: silent for {in_words(silent)}, and {in_words(allowed)} would be usual")
    row = row_in_words(last)
    if fresh is False and old is not None and limit is not None:
        problems.append(f"{name}: its newest row, {row}, is {in_words(old)} old, more than {in_words(limit)}")
    return {"job": last.job, "command": last.command, "runs": len(runs), "last_run": _iso(last.at),
            "silent_seconds": silent, "allowed_seconds": allowed, "alive": alive, "last_row": row,
            "age_seconds": old, "fresh": fresh, "clock": None if old is None else clock_in_words(last.axis, now)}


def allowed_silence(runs: Sequence[Visit]) -> float | None:
    """Seconds that a job may be silent: three of its intervals, or one and a half of its long ones (weekends).

    Of fewer than `FEW` runs nothing is known but how far ahead the last one looked. None where not even that.
    """
    steps = np.diff([one.at for one in runs])
    if len(runs) < FEW:
        return max(runs[-1].reach, PATIENCE) if runs[-1].reach else None
    return max(3.0 * float(median(steps.tolist())), 1.5 * float(np.quantile(steps, 0.9)), PATIENCE)


def _words(standing: Standing, level: str) -> str:
    one = standing.coverage[level]
    low, high = one.band or (0.0, 1.0)
    return (f"job {standing.job!r}: {level} % intervals held {one.realised or 0.0:.1%} of {standing.truths:,} truths, "
            f"and {low:.1%} to {high:.1%} would be right; train the model anew")


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}Z"


# ---- events --------------------------------------------------------------------------------------


def _counts(state: State) -> dict[str, int]:
    """How many events there are, how many go on, how many nobody has acknowledged."""
    ((known, going, fresh),) = state.rows(
        "SELECT count(*), coalesce(sum(open), 0), coalesce(sum(acknowledged = '' AND muted = 0), 0) FROM events")
    return {"known": known, "open": going, "unacknowledged": fresh}


def list_events(path: Path) -> list[dict[str, Any]]:
    """The events in the state at `path`, oldest first: as they were printed, with what became of them."""
    with read_state(path) as state:
        found = state.rows("SELECT document, job, raised, acknowledged, muted, open FROM events"
                           " ORDER BY begin, event_id")
    return [{**read_document(document), "job": job, "raised": raised, "acknowledged": acknowledged or None,
             "muted": bool(muted), "open": bool(going)} for document, job, raised, acknowledged, muted, going in found]


def mark_events(path: Path, acknowledged: Sequence[str], muted: Sequence[str], now: float) -> None:
    """Note that somebody has seen events, or wants to hear no more of them.

    UsageError for an id that the state does not have, and nothing is noted then; Busy while a job runs.
    """
    with open_state(path) as state, state.transaction():
        for name in (*acknowledged, *muted):
            if state.row("SELECT 1 FROM events WHERE event_id = ?", name) is None:
                raise UsageError(f"{path} has no event {name!r}; grucast status --state {path} --events lists them")
        for name in acknowledged:
            state.write("UPDATE events SET acknowledged = ? WHERE event_id = ? AND acknowledged = ''", _iso(now), name)
        for name in muted:
            state.write("UPDATE events SET muted = 1 WHERE event_id = ?", name)
