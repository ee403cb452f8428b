"""One run of a job: the first, which scores all rows together, and a later one, which scores what came since."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from grucast.artifacts.state import State
from grucast.core.arrays import Ints
from grucast.core.errors import ModelError
from grucast.core.progress import Progress
from grucast.core.series import Panel
from grucast.detection.verdict import Alarms, Seen
from grucast.preprocessing.frequency import find_step
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.sources import length_passed
from grucast.workflows.detect import DetectRequest, Watchman, alarms_of, alarms_on, judge
from grucast.workflows.detecting.alarm_table import Found, Raised, settle
from grucast.workflows.detecting.arrived import Arrived, Axis, Counts, refuse_unknown
from grucast.workflows.detecting.going_on import Continued, Known, Way, ahead_of, go_on
from grucast.workflows.detecting.job import Job, Judging, empty, judge_anew, load_series, save_series, watermarks
from grucast.workflows.detecting.kept import ABSENT, LATE, REVISED, Kept, judged_of
from grucast.workflows.detecting.machine import Maker
from grucast.workflows.detecting.reading_on import Wanted, read_all, read_on
from grucast.workflows.detecting.reported import events_between, first_reported
from grucast.workflows.detecting.ring import begin
from grucast.workflows.detecting.score_lines import FLAGS, Lines, lines_of
from grucast.workflows.detecting.scores import score_panel
from grucast.workflows.detecting.table import Document, Judged, Telling, doubted_rows, events_of, is_fine
from grucast.workflows.drift import check_frequency, check_unit
from grucast.workflows.serving import first_row


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a run is to do: its job, how late rows may come (in rows), and what it raises events with."""

    request: DetectRequest
    watchman: Watchman
    wanted: Wanted
    raised: Raised
    lateness: int

    @property
    def gap(self) -> int:
        """Alarms with up to so many rows between them are one event."""
        own = self.request.alarm.min_gap
        return self.watchman.calibration.gap if own is None else own


@dataclass(slots=True, eq=False)
class Outcome:
    """What a run found: lines of the score file, events that ended, rows by what they were, notes."""

    job: Job
    telling: Telling
    lines: list[Lines] = field(default_factory=list)
    before: int = 0  # lines of a file that was read before this one
    ended: list[Document] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    scored: int = 0
    doubted: int = 0
    threshold: float | None = None

    def add(self, other: Counts) -> None:
        """Count rows of another series."""
        mine = self.counts
        self.counts = Counts(*(getattr(mine, name) + getattr(other, name) for name in Counts.__slots__))


# ---- the first run -------------------------------------------------------------------------------


def first_run(state: State, asked: Asked, progress: Progress) -> Outcome:
    """Score all rows together, and leave a state in which one after the other can follow."""
    request, watchman = asked.request, asked.watchman
    reading, mark, notes = read_all(asked.wanted)
    check_frequency(reading.panel, reading.file)
    panel, missing = regularise(reading.panel, gaps=request.read.rows.gaps, file=reading.file)
    check_unit(panel, watchman.artifact, reading.file)
    alarms = alarms_of(request.alarm, panel)
    judging = _judging(asked, panel, alarms)
    job = Job(asked.raised.job, watchman.artifact.digest, judging, mark, 1)
    outcome = Outcome(job, telling_of(asked, panel, alarms), notes=[*notes, *missing])
    maker = _maker(asked, judging, alarms)
    scored = score_panel(panel, watchman.model, watchman.watch, first_row(watchman.artifact.manifest),
                         watchman.scoring, progress)
    begins = first_reported(panel, request.report.since, request.report.last)
    names, file = panel.layout.columns.known, reading.file
    for one in panel.series if names else ():
        refuse_unknown(one.known[length_passed(one) :], names, maker.watchman.model[0].window.horizon,
                       (file, one.unique_id))
    for one, start, scores in zip(panel.series, begins, scored, strict=True):
        judged = judge(one, scores, (0, np.zeros(len(one), dtype=bool)), watchman, (alarms, request.alarm))
        kept, snapshots = begin(judged, maker, asked.lateness, Seen(scores.score, scores.sudden, scores.stuck))
        known = Known(one.unique_id, one.ds[0], kept, snapshots)
        save_series(state, job.name, known, 0, maker.rows_kept(asked.lateness))
        if len(scores.score) < len(one):  # what is known ahead is told of when it has passed
            judged = replace(judged, series=one.rows(0, len(scores.score)))
        judged = replace(judged, begin=start)
        _tell(state, judged, np.zeros(len(scores.score), dtype=np.int64), asked, outcome)
        outcome.add(Counts(new=int((judged.series.line > 0).sum())))
        outcome.scored += int(np.isfinite(judged.scores.score[start:]).sum())
        outcome.doubted += int(doubted_rows(judged.scores)[start:].sum())
    return outcome


def _judging(asked: Asked, panel: Panel, alarms: Alarms) -> Judging:
    columns, clock, alarm = panel.layout.columns, panel.layout.clock, asked.request.alarm
    regular = bool(clock.freq) or clock.kind == "row" or (is_numeric(clock) and find_step(panel.series) > 0.0)
    return Judging(asked.watchman.scoring.name, alarms.rule, alarm.false_alarms or "", alarm.threshold, alarms.rate,
                   columns.target, (*columns.past, *columns.known), clock, regular)


def telling_of(asked: Asked, panel: Panel, alarms: Alarms) -> Telling:
    """How events are put into words; the name of the job is part of their names."""
    job = asked.raised.job
    return Telling(panel, asked.watchman.calibration, f"{alarms.name}\0{job}" if job else alarms.name,
                   asked.watchman.scoring, asked.watchman.artifact.manifest.window.context_length, is_fine(panel),
                   asked.request.report.per_channel)


def _maker(asked: Asked, judging: Judging, alarms: Alarms) -> Maker:
    return Maker(asked.watchman, alarms, judging.clock)


# ---- a later run ---------------------------------------------------------------------------------


def later_run(state: State, asked: Asked, job: Job) -> Outcome:
    """Score what came since the last run. ModelError where the model does not fit what the state is about."""
    known = watermarks(state, job.name, job.judging)
    judging, anew = _judging_now(asked, job, len(known))
    alarms = Alarms(judging.rule, judging.rate, judging.threshold)
    maker = _maker(asked, judging, alarms)
    arrivals = read_on(asked.wanted, job.mark, known)
    job = Job(job.name, asked.watchman.artifact.digest, judging, arrivals.mark, job.runs + 1)
    layout = replace(asked.wanted.layout, clock=judging.clock)
    outcome = Outcome(job, telling_of(asked, Panel((), layout), alarms), notes=list(arrivals.notes))
    way = Way(maker, asked.lateness, Axis(judging.clock, judging.regular, asked.wanted.source))
    if anew:
        ahead = {one.unique_id: ahead_of(one, known[one.unique_id], way) for one in arrivals.parts[-1]
                 if one.unique_id in known} if maker.columns.known and arrivals.parts else {}
        judge_anew(state, (job.name, judging), maker, asked.lateness, ahead)
    lost = 0
    for part in arrivals.parts:
        for one in part:
            series = load_series(state, job.name, one.unique_id, judging)
            recent = one.rows(one.ds >= series.kept.ds[0]) if arrivals.whole and len(series.kept) else one
            lost += _lost(series.kept, one) if arrivals.whole else 0
            if len(recent.ds):
                _take(state, go_on(series, recent, way), asked, way, outcome)
        outcome.before = max((int(one.line.max()) for one in outcome.lines if len(one.line)), default=0)
    if lost:
        gone = f"rows that were read are not in the file any more ({lost:,} of those kept)"
        outcome.notes.append(f"{gone}: what was said of them stays")
    if arrivals.whole:
        outcome.counts.repeated = 0  # that is what reading all again means
    return outcome


def _lost(kept: Kept, one: Arrived) -> int:
    """How many kept rows the whole file does not have, though it begins before them: a rotated one begins after."""
    if not len(one.ds):
        return 0
    there = (kept.flags & ABSENT == 0) & (kept.ds >= one.ds[0])
    return int(np.count_nonzero(there & ~np.isin(kept.ds, one.ds)))


def _judging_now(asked: Asked, job: Job, series: int) -> tuple[Judging, bool]:
    """How this run judges the `series` of a job, and whether that is another way than the last run's.

    A budget of time is shared by the series there were when the job began, or when it was changed.
    """
    alarm, columns, before = asked.request.alarm, asked.wanted.layout.columns, job.judging
    state = f"job {job.name!r} of the state" if job.name else "the state"
    if (columns.target, (*columns.past, *columns.known)) != (before.columns, before.past):
        raise ModelError(f"{state} is about the columns {', '.join(before.columns)}, the model about "
                         f"{', '.join(columns.target)}; name another --job or --state")
    learned = asked.wanted.layout.clock
    if learned.freq and learned.freq != before.clock.freq:
        raise ModelError(f"{state} is about rows every {before.clock.freq!r}, the model about {learned.freq!r}; name "
                         "another --job or --state")
    alarms = alarms_on(alarm, before.clock, series)
    now = replace(before, scoring=asked.watchman.scoring.name, rule=alarms.rule, budget=alarm.false_alarms or "",
                  threshold=alarm.threshold)
    if not before.same_rule(now):
        now = replace(now, rate=alarms.rate)
    return now, asked.watchman.artifact.digest != job.digest or not before.same_rule(now)


def _take(state: State, one: Continued, asked: Asked, way: Way, outcome: Outcome) -> None:
    """Keep a series as it is now, and tell of its rows and events."""
    known = Known(one.unique_id, one.begin, one.kept, one.snapshots)
    save_series(state, outcome.job.name, known, one.changed, way.maker.rows_kept(asked.lateness))
    judged = judged_of(one.kept, one.unique_id, one.line, [])
    silent = np.zeros(len(one.kept), dtype=bool)
    events = events_between(one.kept.score, one.kept.threshold, silent, asked.gap, asked.request.alarm.min_rows)
    own = [event for event in events if event.stop + asked.gap >= one.changed]
    report = asked.request.report
    (start,) = first_reported(Panel((judged.series,), outcome.telling.panel.layout), report.since, report.last)
    fine = outcome.telling.fine or is_fine(Panel((judged.series,), outcome.telling.panel.layout))
    outcome.telling = replace(outcome.telling, fine=fine)
    _tell(state, replace(judged, events=own, begin=start), one.kept.flags, asked, outcome)
    outcome.add(one.counts)
    told = (one.line > 0) & (np.arange(len(one.line)) >= start)
    outcome.scored += int(np.isfinite(one.kept.score[told]).sum())
    outcome.doubted += int(doubted_rows(judged.scores)[told].sum())


def _tell(state: State, judged: Judged, flags: Ints, asked: Asked, outcome: Outcome) -> None:
    """Write the events of a series into the state, and gather the lines of its rows."""
    telling, report = outcome.telling, asked.request.report
    found = Found(judged.scores.unique_id, judged.scores.ds, flags, judged.events, events_of(judged, telling),
                  asked.gap, judged.begin)
    names, ended = settle(state, found, asked.raised, telling)
    outcome.ended += ended
    if report.scores is not None:
        lines = lines_of(judged, telling)
        lines = replace(lines, line=lines.line + outcome.before)
        outcome.lines.append(_flagged(replace(lines, events=tuple(names)), judged, flags))
    if len(judged.threshold):
        outcome.threshold = float(judged.threshold[-1])



def _flagged(lines: Lines, judged: Judged, flags: Ints) -> Lines:
    """The lines with the flags (T,) of rows that came late or were corrected, beside the one that they have."""
    rows = judged.begin + np.flatnonzero(judged.series.line[judged.begin :] > 0)
    if not len(rows) or judged.series.repeats is not None:
        return lines
    kind = np.repeat((flags[rows] & (LATE | REVISED)) // LATE, len(lines.line) // len(rows))  # 0, late, revised, both
    first = FLAGS.index("late")
    flag = np.where(kind > 0, first - 1 + kind + 3 * (lines.flag == 1), lines.flag)
    return replace(lines, flag=flag.astype(np.int8))


def no_lines(outcome: Outcome) -> Lines:
    """The lines of a run that had no rows to tell of, so that the file has its header."""
    return lines_of(judged_of(empty(outcome.job.judging), "", np.zeros(0, dtype=np.int64), []), outcome.telling)
