"""`grucast detect-anomalies`: what was not normal, as events, and a score for every row. Runs without torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grucast.artifacts.store import load
from grucast.core.arrays import Mask
from grucast.core.config import AlarmOptions, DetectOptions, ReadOptions
from grucast.core.errors import ModelError, UsageError
from grucast.core.progress import Progress, silent
from grucast.core.results import Artifact, RowScores
from grucast.core.series import Clock, Layout, Panel, Series
from grucast.detection.budget import parse_budget, rate, strained
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.rules import THRESHOLDS
from grucast.detection.verdict import Alarms, Laws, Seen, share_of, verdicts
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.alias import SECOND, parse_frequency
from grucast.preprocessing.sources import Scales
from grucast.preprocessing.zones import written
from grucast.workflows.detecting.reported import events_between, first_reported, silenced
from grucast.workflows.detecting.score_lines import Lines, lines_of, write_scores
from grucast.workflows.detecting.scores import GATHERINGS, Scoring, Watch, score_panel, scorers_of, unpack_watch
from grucast.workflows.detecting.table import (
    COLUMNS,
    Document,
    Judged,
    Telling,
    Told,
    doubted_rows,
    doubts,
    event_rows,
    events_of,
    figures_of,
    is_fine,
)
from grucast.workflows.drift import check_unit
from grucast.workflows.locate import check_outputs, find_data
from grucast.workflows.monitoring.ages import visit_of
from grucast.workflows.monitoring.duty import Duty
from grucast.workflows.noticing import without_logarithm
from grucast.workflows.serving import first_row, new_series, read_gridded, unpacked

if TYPE_CHECKING:
    from grucast.workflows.detecting.picture import Album

BUDGET = "1 per 5000 rows"


@dataclass(frozen=True, slots=True)
class Reported:
    """Which rows are reported, and where: `since` a stamp or a duration such as 7d, `last` rows of each series."""

    since: str | None = None
    last: int | None = None
    scores: Path | None = None
    per_channel: bool = False
    plot: Path | None = None
    output: Path | None = None  # where the events will be written, so that it is no other file

    @property
    def written(self) -> dict[str, Path | None]:
        """The files that are written, by their options."""
        return {"-o": self.output, "--scores": self.scores, "--plot": self.plot}


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """What to watch: `source` None is the file that the model remembers."""

    source: str | None
    model: Path
    read: ReadOptions
    detect: DetectOptions = field(default_factory=DetectOptions)
    alarm: AlarmOptions = field(default_factory=AlarmOptions)
    report: Reported = field(default_factory=Reported)
    duty: Duty = field(default_factory=Duty)


@dataclass(frozen=True, slots=True, eq=False)
class DetectResult:
    """Events ready to print: `rows` under `columns`, and the same for JSON.

    `threshold` is that of the last row, as a rule may move it; None without rows. Infinite: nothing can exceed it.
    """

    model: str
    digest: str
    rows_scored: int
    threshold: float | None
    columns: tuple[str, ...]
    rows: list[list[object]]
    events: list[Document]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Watchman:
    """A model that is ready to score rows: one way to score them, and the law of its scores on normal rows."""

    artifact: Artifact
    model: tuple[Forecaster, Scales]
    watch: Watch
    scoring: Scoring

    @property
    def calibration(self) -> ScoreCalibration:
        """The law of the scores."""
        return self.laws.score

    @property
    def laws(self) -> Laws:
        """The laws of scores, of sudden and of stuck rows."""
        return self.watch.laws(self.scoring)


def detect(request: DetectRequest, progress: Progress = silent) -> DetectResult:
    """Score each row of the data with the model, and gather alarms to events.

    Errors: ModelError (78) where data and model do not fit or the model has no such scorer, DataError (65)
    where the data are bad, UsageError for what does not go together.
    """
    refuse_early(request)
    watchman = open_watchman(request)
    manifest, wanted = watchman.artifact.manifest, request.report
    source = find_data(request.source, manifest, request.model)
    check_outputs(wanted.written | request.duty.written, (source, request.model, request.read.rows.exclude))
    reading, panel, missing = read_gridded(source, request.read, seen_layout(watchman, request.read))
    check_unit(panel, watchman.artifact, reading.file)
    visit = visit_of("", "detect-anomalies", panel, request.duty.clock())
    request.duty.refuse_old_data(visit, reading.file)
    alarms = alarms_of(request.alarm, panel)
    telling = Telling(panel, watchman.calibration, alarms.name, watchman.scoring,
                      manifest.window.context_length, is_fine(panel), wanted.per_channel)
    album = _album(request, panel)
    found = _watch(panel, watchman, request, (alarms, telling, album), progress)
    if wanted.scores is not None:
        write_scores(wanted.scores, found.lines, telling)
    drawn = album.write() if album is not None else []
    notes = [*reading.notes, *missing, *_notes(panel, watchman, alarms, request.alarm.min_gap)]
    notes += [*_unscored(panel, found, wanted.since, manifest.window.context_length), *doubts(found.doubted), *drawn]
    documents = [event.document for event in sorted(found.events, key=lambda event: event.order)]
    request.duty.tell(visit, (request.model, watchman.artifact), figures_of(found.scored, documents))
    return DetectResult(str(request.model), watchman.artifact.digest, found.scored, found.threshold, COLUMNS,
                        event_rows(documents), documents, tuple(dict.fromkeys(notes)))


@dataclass(slots=True, eq=False)
class _Found:
    """What is kept of the series that went by."""

    events: list[Told] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    threshold: float | None = None
    reported: int = 0  # rows
    scored: int = 0
    doubted: int = 0


def _watch(panel: Panel, watchman: Watchman, request: DetectRequest, parts: tuple[Alarms, Telling, Album | None],
           progress: Progress) -> _Found:
    """Score and judge the series of a gridded panel, one after the other; no more is kept of each than is written."""
    alarms, telling, album = parts
    found, first = _Found(), first_row(watchman.artifact.manifest)
    rows = score_panel(panel, watchman.model, watchman.watch, first, watchman.scoring, progress)
    begins = first_reported(panel, request.report.since, request.report.last)
    silent = silenced(panel, request.read.rows)
    for one, begin, quiet, scores in zip(panel.series, begins, silent, rows, strict=True):
        judged = judge(one, scores, (begin, quiet), watchman, (alarms, request.alarm))
        found.events += events_of(judged, telling)
        found.reported += len(one) - begin
        found.scored += int(np.isfinite(scores.score[begin:]).sum())
        found.doubted += int(doubted_rows(judged.scores)[begin:].sum())
        if len(judged.threshold):
            found.threshold = float(judged.threshold[-1])
        if request.report.scores is not None:
            found.lines.append(lines_of(judged, telling))
        if album is not None:
            album.add(judged)
    return found


# ---- before any row is read ----------------------------------------------------------------------


def refuse_early(request: DetectRequest) -> None:
    """UsageError, before any work is done, for what cannot be done or would change nothing."""
    alarm, wanted = request.alarm, request.report
    if wanted.plot is not None:
        from grucast.report.plots import plot_kind  # only where something is drawn

        plot_kind(wanted.plot)
    for name, value in (("--rule", alarm.rule), ("--false-alarms", alarm.false_alarms)):
        if alarm.threshold is not None and value is not None:
            raise UsageError(f"--threshold and {name} do not go together; name one of them")
    if alarm.false_alarms is not None:
        parse_budget(alarm.false_alarms)
    if wanted.since is not None and wanted.last is not None:
        raise UsageError("--since and --last do not go together; name one of them")
    if wanted.per_channel and wanted.scores is None:
        raise UsageError("--per-channel would change nothing without --scores FILE")


def open_watchman(request: DetectRequest) -> Watchman:
    """The model, ready to score. ModelError where it is damaged or was not trained for it."""
    artifact = load(request.model)
    request.duty.refuse_old_model(artifact.manifest, request.model, request.duty.clock())
    model = unpacked(artifact, request.model)
    config, channels = model[0].model, len(artifact.manifest.layout.columns.target)
    if "anomaly.stuck.surprise" not in artifact.tensors:
        raise ModelError(f"{request.model}: it knows too little about normal rows, as an older grucast trained it; "
                         "train it anew")
    asked = request.detect
    offered = scorers_of(config)
    scorer = offered[0] if asked.scorer == "auto" else asked.scorer
    if scorer not in offered:
        raise ModelError(f"{request.model}: not trained for --scorer {scorer}; train with --objective both")
    if asked.channels not in (None, GATHERINGS[0]) and channels == 1:
        raise UsageError(f"--channels {asked.channels} would change nothing: there is one column; leave it out")
    try:
        watch = unpack_watch(artifact.tensors, config, channels)
    except ModelError as error:
        raise ModelError(f"{request.model}: {error}") from error
    return Watchman(artifact, model, watch, Scoring(asked.mode, scorer, asked.channels or GATHERINGS[0]))


# ---- one series ----------------------------------------------------------------------------------


def judge(one: Series, scores: RowScores, told: tuple[int, Mask], watchman: Watchman,
          alarm: tuple[Alarms, AlarmOptions]) -> Judged:
    """Thresholds, p-values and events of one series.

    `told`: the first row reported (events that end before it are left out) and the rows that are silenced, where
    every event ends.
    """
    (begin, silent), (alarms, options) = told, alarm
    calibration = watchman.calibration
    seen = Seen(scores.score, scores.sudden, scores.stuck)
    threshold, score, cause, p_value = verdicts(seen, watchman.laws, alarms)
    scores = replace(scores, score=score, share=share_of(cause, scores.leads, scores.share))
    gap = calibration.gap if options.min_gap is None else options.min_gap
    events = events_between(scores.score, threshold, silent[: len(scores.score)], gap, options.min_rows)
    return Judged(one, scores, threshold, p_value, [event for event in events if event.stop > begin], cause, begin)


def alarms_of(options: AlarmOptions, panel: Panel) -> Alarms:
    """What the options ask of this panel: a budget is for all of its series together."""
    return alarms_on(options, panel.layout.clock, len(panel.series))


def alarms_on(options: AlarmOptions, clock: Clock, series: int) -> Alarms:
    """What the options ask of so many series with such a clock."""
    rule = options.rule or THRESHOLDS.names()[0]
    if options.threshold is not None:
        return Alarms(rule, 0.0, options.threshold)
    budget = parse_budget(options.false_alarms or BUDGET)
    return Alarms(rule, rate(budget, seconds_of(clock), series=series), None)


def seconds_of(clock: Clock) -> float | None:
    """Seconds from one row to the next, in the mean; None where rows are only numbered."""
    if clock.freq:
        return parse_frequency(clock.freq).microseconds / SECOND
    return None if clock.kind in ("row", "index") else clock.step


# ---- the data ------------------------------------------------------------------------------------


def seen_layout(watchman: Watchman, read: ReadOptions) -> Layout:
    """The model's layout, without the labels: nothing looks at them unless they are to be left out."""
    layout = watchman.artifact.manifest.layout
    label = (read.columns.label_col or layout.columns.label) if read.rows.exclude_labelled else ""
    return replace(layout, columns=replace(layout.columns, label=label))


def _unscored(panel: Panel, found: _Found, since: str | None, context: int) -> list[str]:
    """A note that says why no row has a score, where none has."""
    if since is not None and not found.reported:
        last = written(max(one.ds[-1] for one in panel.series), panel.layout.clock)
        return [f"no row comes after --since {since}: the last is at {last}"]
    return [] if found.scored else [f"no row has a score: {context} rows with values must come before it"]


def _notes(panel: Panel, watchman: Watchman, alarms: Alarms, min_gap: int | None) -> list[str]:
    """What a reader of the events should know."""
    artifact, forecaster, known = watchman.artifact, watchman.model[0], watchman.calibration
    notes = without_logarithm(panel, max(map(len, panel.series))) if forecaster.transform.kind == "log" else []
    notes += new_series(panel, artifact, "they are judged by the scale of all the others")
    if not known.rows:
        notes.append("the model saw too few rows to know how normal ones score: only --threshold gives alarms")
    doubt = strained(alarms.rate, known.rows, known.gap if min_gap is None else min_gap)
    return [*notes, doubt] if doubt else notes


def _album(request: DetectRequest, panel: Panel) -> Album | None:
    """Where pictures are gathered, None where nothing is drawn."""
    if request.report.plot is None:
        return None
    from grucast.workflows.detecting.picture import Album  # only where something is drawn

    return Album(request.report.plot, panel)
