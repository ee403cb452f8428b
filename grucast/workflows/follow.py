"""`grucast detect-anomalies --follow`: an answer for every row of a stream, as it comes.

The data are history: they fill the context and the averages. A row of the stream gets the score that it would
get in a run over the whole file in online mode. What a later row decides cannot be known: an event is named by its
first alarm, and the rows between two alarms of one event carry no id.

A stamp further ahead than the series is long is more often wrong than true, and a wrong one that is believed makes
every right row after it late. So such a row is held back, and believed when three in a row agree (`data/guards.py`
says the same of a file).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Stamps
from grucast.core.errors import DataError, UsageError
from grucast.core.series import Layout, Panel
from grucast.data.guards import FEW, MEND_STAMP, far_future, is_far
from grucast.data.lines import Row, RowReader
from grucast.data.writing import format_stamps
from grucast.detection.rules import STREAMS
from grucast.detection.verdict import Alarms, RowVerdicts
from grucast.preprocessing.grid import stamps_at, steps_between
from grucast.workflows.detect import (
    DetectRequest,
    Watchman,
    alarms_of,
    open_watchman,
    refuse_early,
    seen_layout,
)
from grucast.workflows.detecting.follower import Beside, Followed, Follower, Model, rows_remembered
from grucast.workflows.detecting.scores import score_panel
from grucast.workflows.detecting.table import LOW, event_name
from grucast.workflows.drift import check_unit
from grucast.workflows.locate import find_data
from grucast.workflows.serving import first_row, read_gridded

INPUT = "standard input"
LATE = "late"
HELD = "held"


@dataclass(slots=True, eq=False)
class _Watched:
    """A series that is followed, the threshold that its scores move, and the event that may not be over."""

    follower: Follower
    verdicts: RowVerdicts
    event: str = ""
    event_rows: int = 0
    quiet: int = 0  # rows since its last alarm
    first: Any = None  # stamp of its first row
    rows: int = 0  # that it has had
    held: list[Row] = field(default_factory=list)  # rows in order, after a gap longer than all before it


@dataclass(slots=True, eq=False)
class Following:
    """A stream that is followed: its reader, its series, how it judges. `notes` are for people."""

    watchman: Watchman
    request: DetectRequest
    panel: Panel  # history
    layout: Layout
    alarms: Alarms
    reader: RowReader
    notes: tuple[str, ...]
    series: dict[str, _Watched] = field(default_factory=dict)
    wrong: list[DataError] = field(default_factory=list)  # about rows held back that a later row contradicted

    def answer(self, line: str) -> dict[str, Any] | None:
        """What is said of the row in `line`; None for a header, an empty line or a comment.

        A row that is late, or has come before, gets no score and the flag `late`; one that is held back gets none and
        the flag `held`. DataError for what is wrong with it.
        """
        row = self.reader.read(line)
        if row is None:
            return None
        one = self._watched(row.unique_id)
        if self._steps(one.follower.last, row) <= 0:
            return self._unscored(row, LATE)
        if self._is_far(one, row):
            if not self._agrees(one, row):
                self._dismiss(one)
            one.held.append(row)
            if len(one.held) < FEW:
                return self._unscored(row, HELD)
            believed, one.held = one.held[:-1], []
            for before in believed:
                self._take(one, before)
        self._dismiss(one)
        return self._take(one, row)

    def end(self) -> None:
        """No row comes any more: those still held back are wrong."""
        for one in self.series.values():
            self._dismiss(one)

    def _take(self, one: _Watched, row: Row) -> dict[str, Any]:
        """The answer to the next row of a series, after those that are missing before it."""
        self._skip(one, self._steps(one.follower.last, row) - 1)
        if not one.rows:
            one.first = row.ds
        one.rows += 1
        said, threshold, p_value = self._push(one, row.ds, row.y, row.past)
        event = self._event(one, row, said.score > threshold)
        doubtful = (said.low or said.doubted) and math.isfinite(said.score)
        return self._document(row, said, (threshold, p_value), event) | {"flags": LOW if doubtful else ""}

    def _unscored(self, row: Row, flag: str) -> dict[str, Any]:
        return self._document(row, None, (math.nan, math.nan), "") | {"flags": flag}

    # ---- rows too far ahead ----

    def _is_far(self, one: _Watched, row: Row) -> bool:
        """Whether the row comes after a gap longer than its series before it.

        A series that has hardly begun is taken to be as long as the longest of the data, or its second row could be
        any.
        """
        if not one.rows:
            return False
        before = one.follower.last - one.first
        if one.rows < FEW:
            before = max([before, *(each.ds[-1] - each.ds[0] for each in self.panel.series)])
        return is_far(row.ds, one.follower.last, before)

    def _agrees(self, one: _Watched, row: Row) -> bool:
        """Whether the row goes on from those that are held back."""
        if not one.held:
            return True
        last = one.held[-1].ds
        return self._steps(last, row) > 0 and not is_far(row.ds, last, last - one.first)

    def _dismiss(self, one: _Watched) -> None:
        """What is held back is wrong: it has left no trace, and is told."""
        last = one.follower.last
        for row in one.held:
            text = far_future(self._text(row.ds), self._text(last))
            self.wrong.append(DataError(text, file=INPUT, line=row.line, mend=MEND_STAMP))
        one.held = []

    # ---- one series ----

    def _watched(self, unique_id: str) -> _Watched:
        """The series of that id; a new one begins with its first row."""
        if unique_id not in self.series:
            self.series[unique_id] = self._begin(unique_id)
        return self.series[unique_id]

    def _begin(self, unique_id: str) -> _Watched:
        watchman = self.watchman
        forecaster, scales = watchman.model
        first = first_row(watchman.artifact.manifest)
        model = Model(forecaster, scales, watchman.watch, watchman.scoring, self.panel.layout.clock, first)
        columns = self.layout.columns
        return _Watched(Follower(model, unique_id, len(columns.target), Beside(len(columns.past))),
                        RowVerdicts(watchman.laws, self.alarms))

    def take_history(self) -> None:
        """Go through the data: all rows where the rule learns from them, else as many as are not forgotten."""
        learns = self.alarms.threshold is None and self.alarms.rule in STREAMS.entries
        scored = self._scores() if learns else iter(())
        for one in self.panel.series:
            watched = self.series[one.unique_id] = self._begin(one.unique_id)
            watched.first, watched.rows = one.ds[0], len(one)
            followed = watched.follower.take_history(one)
            for seen in next(scored) if learns else map(_seen, followed):
                watched.verdicts.push(seen)

    def _scores(self) -> Iterator[Iterator[dict[str, float]]]:
        watchman = self.watchman
        first = first_row(watchman.artifact.manifest)
        for one in score_panel(self.panel, watchman.model, watchman.watch, first, watchman.scoring):
            yield ({"score": score, "sudden": jump, "stuck": still} for score, jump, still in
                   zip(one.score.tolist(), one.sudden.tolist(), one.stuck.tolist(), strict=True))

    def _steps(self, last: Any, row: Row) -> int:
        """Rows of the grid from the row at `last` to this one; 1 where there is none. DataError off the grid."""
        if last is None:
            return 1
        try:
            return steps_between(last, row.ds, self.panel.layout.clock)
        except ValueError as error:
            raise DataError(str(error), file=INPUT, line=row.line,
                            mend="leave the row out, or train on data with these steps") from error

    def _skip(self, one: _Watched, missing: int) -> None:
        """Take in rows that are missing, one by one; the middle of a long gap leaves no trace and is left out.

        At its beginning the context empties, at its end are the rows that the next are judged by.
        """
        if not missing:
            return
        last, clock, watchman = one.follower.last, self.panel.layout.clock, self.watchman
        window = watchman.model[0].window
        begins = min(missing, window.context_length + window.horizon)
        ends = max(begins, missing - rows_remembered(watchman.model[0], watchman.watch, watchman.scoring))
        self._miss(one, stamps_at(last, np.arange(1, begins + 1), clock))
        one.follower.leave_out(ends - begins)
        one.quiet += ends - begins if one.event else 0
        self._miss(one, stamps_at(last, np.arange(ends + 1, missing + 1), clock))

    def _miss(self, one: _Watched, stamps: Stamps) -> None:
        columns = self.layout.columns
        nothing = np.full(len(columns.target), np.nan), np.full(len(columns.past), np.nan)
        for stamp in stamps:
            self._push(one, stamp, *nothing)
            self._end_event(one)

    def _push(self, one: _Watched, ds: Any, y: Any, past: Any) -> tuple[Followed, float, float]:
        said = one.follower.push(ds, y, past)
        threshold, score, cause, p_value = one.verdicts.push(_seen(said))
        if cause:
            share = np.zeros(len(said.share))
            share[said.leads[cause - 1]] = 1.0
            said = replace(said, score=score, share=share)
        return said, threshold, p_value

    def _event(self, one: _Watched, row: Row, alarm: bool) -> str:
        """The id of the event that the row belongs to, "" where it is no alarm or the event is still too short."""
        if not alarm:
            self._end_event(one)
            return ""
        if not one.event:
            one.event, one.event_rows = event_name(row.unique_id, row.ds, self.alarms.name), 0
        one.event_rows += one.quiet + 1
        one.quiet = 0
        return one.event if one.event_rows >= self.request.alarm.min_rows else ""

    def _end_event(self, one: _Watched) -> None:
        """A row that is no alarm: the event is over when there have been more than the gap."""
        if not one.event:
            return
        own = self.request.alarm.min_gap
        one.quiet += 1
        if one.quiet > (self.watchman.calibration.gap if own is None else own):
            one.event, one.quiet = "", 0

    def _document(self, row: Row, said: Followed | None, judged: tuple[float, float], event: str) -> dict[str, Any]:
        """The answer, under the names of the score columns; null where there is nothing to say."""
        lead = int(np.nanargmax(said.share)) if said is not None and np.isfinite(said.share).any() else 0
        score = math.nan if said is None else said.score
        threshold, p_value = judged
        return {
            "unique_id": row.unique_id,
            "ds": self._text(row.ds),
            "y": _number(row.y[lead]),
            "y_hat": None if said is None else _number(said.expected[lead, 1]),
            "channel": self.layout.columns.target[lead],
            "score": _number(score),
            "p_value": _number(p_value),
            "threshold": _number(threshold),
            "is_anomaly": int(score > threshold),
            "event_id": event,
            "flags": "",
        }

    def _text(self, ds: Any) -> str:
        return format_stamps(np.array([ds]), self.panel.tz)[0]


def open_following(request: DetectRequest) -> Following:
    """A stream ready to be followed, its history read.

    Errors: those of `detect`; UsageError for options that a stream cannot heed.
    """
    refuse_early(request)
    _refuse(request)
    watchman = open_watchman(request)
    manifest = watchman.artifact.manifest
    if manifest.layout.columns.known:
        raise UsageError("--follow cannot know covariates ahead: train without --known-col, or run without --follow")
    if manifest.layout.columns.static:
        raise UsageError("--follow has no covariates of whole series: train without --static-col, or run without "
                         "--follow")
    source = find_data(request.source, manifest, request.model)
    layout = seen_layout(watchman, request.read)
    reading, panel, missing = read_gridded(source, request.read, layout)
    check_unit(panel, watchman.artifact, reading.file)
    marks = (*layout.format.na_values, *request.read.format.na_value)
    layout = replace(layout, format=replace(layout.format, na_values=tuple(dict.fromkeys(marks))))
    after = {one.unique_id: one.ds[-1] for one in panel.series}
    following = Following(watchman, request, panel, layout, alarms_of(request.alarm, panel),
                          RowReader(layout, after=after), tuple(dict.fromkeys([*reading.notes, *missing])))
    following.take_history()
    return following


def answers(following: Following, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The answer to each row of `lines`."""
    for line in lines:
        said = following.answer(line)
        if said is not None:
            yield said


def _refuse(request: DetectRequest) -> None:
    wanted = request.report
    if request.detect.mode != "online":
        raise UsageError("--follow looks at no later row: it does not go with --mode offline")
    for name, value in (("--since", wanted.since), ("--last", wanted.last), ("--scores", wanted.scores),
                        ("--per-channel", wanted.per_channel), ("--plot", wanted.plot),
                        ("--exclude", request.read.rows.exclude),
                        ("--exclude-labelled", request.read.rows.exclude_labelled)):
        if value:
            raise UsageError(f"--follow and {name} do not go together; leave one of them out")


def _seen(said: Followed) -> dict[str, float]:
    """What the three judges saw of a row."""
    return {"score": said.score, "sudden": said.sudden, "stuck": said.stuck}


def _number(value: Any) -> float | None:
    """A finite number, None for another."""
    number = float(value)
    return number if math.isfinite(number) else None
