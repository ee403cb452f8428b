"""`grucast detect-anomalies --follow`: an answer for every row of a stream, as it comes.

The data are history: they fill the context and the averages. A row of the stream gets the score that it would
get in a run over the whole file in online mode. What a later row decides cannot be known: an event is named by its
first alarm, and the rows between two alarms of one event carry no id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grucast.core.errors import DataError, UsageError
from grucast.core.series import Layout, Panel
from grucast.data.lines import Row, RowReader
from grucast.data.writing import format_stamps
from grucast.detection.rules import STREAMS
from grucast.detection.verdict import Alarms, RowVerdicts
from grucast.preprocessing.grid import stamps_after, steps_between
from grucast.workflows.detect import (
    DetectRequest,
    Watchman,
    alarms_of,
    open_watchman,
    refuse_early,
    seen_layout,
)
from grucast.workflows.detecting.follower import Beside, Followed, Follower, Model
from grucast.workflows.detecting.scores import score_panel
from grucast.workflows.detecting.table import LOW, event_name
from grucast.workflows.drift import check_unit
from grucast.workflows.locate import find_data
from grucast.workflows.serving import first_row, read_gridded

LONGEST_GAP = 1_000_000  # rows that may be missing before a stream is taken for broken
LATE = "late"


@dataclass(slots=True, eq=False)
class _Watched:
    """A series that is followed, the threshold that its scores move, and the event that may not be over."""

    follower: Follower
    verdicts: RowVerdicts
    event: str = ""
    event_rows: int = 0
    quiet: int = 0  # rows since its last alarm


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

    def answer(self, line: str) -> dict[str, Any] | None:
        """What is said of the row in `line`; None for a header, an empty line or a comment.

        A row that is late, or has come before, gets no score and the flag `late`. DataError for what is wrong with it.
        """
        row = self.reader.read(line)
        if row is None:
            return None
        one = self._watched(row.unique_id)
        steps = self._steps(one.follower, row)
        if steps <= 0:
            return self._document(row, None, (math.nan, math.nan), "") | {"flags": LATE}
        self._skip(one, steps - 1)
        said, threshold, p_value = self._push(one, row.ds, row.y, row.past)
        event = self._event(one, row, said.score > threshold)
        doubtful = (said.low or said.doubted) and math.isfinite(said.score)
        return self._document(row, said, (threshold, p_value), event) | {"flags": LOW if doubtful else ""}

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
            followed = watched.follower.take_history(one)
            for seen in next(scored) if learns else map(_seen, followed):
                watched.verdicts.push(seen)

    def _scores(self) -> Iterator[Iterator[dict[str, float]]]:
        watchman = self.watchman
        first = first_row(watchman.artifact.manifest)
        for one in score_panel(self.panel, watchman.model, watchman.watch, first, watchman.scoring):
            yield ({"score": score, "sudden": jump, "stuck": still} for score, jump, still in
                   zip(one.score.tolist(), one.sudden.tolist(), one.stuck.tolist(), strict=True))

    def _steps(self, follower: Follower, row: Row) -> int:
        """Rows of the grid from the last row to this one. DataError off the grid, or after too long a gap."""
        if follower.last is None:
            return 1
        try:
            steps = steps_between(follower.last, row.ds, self.panel.layout.clock)
        except ValueError as error:
            raise DataError(str(error), file="standard input", line=row.line,
                            mend="leave the row out, or train on data with these steps") from error
        if steps > LONGEST_GAP:
            raise DataError(f"{steps - 1:,} rows are missing before this one", file="standard input", line=row.line,
                            mend="look at its stamp")
        return steps

    def _skip(self, one: _Watched, missing: int) -> None:
        """Take in rows that are missing, one by one."""
        follower = one.follower
        if not missing:
            return
        columns = self.layout.columns
        stamps = stamps_after(follower.last, missing, self.panel.layout.clock)
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
            "ds": format_stamps(np.array([row.ds]), self.panel.tz)[0],
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
