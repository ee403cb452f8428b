"""Read files into a panel: bytes, format, columns, clock, rows; every assumption is a note.

Nothing is repaired in silence. What can be read in one way only is read, what can be read in two
is an error that names the option which decides. With the layout of a model nothing is looked for:
the file is read as the model's data were, or refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Ints, Mask, Stamps
from grucast.core.config import ReadOptions
from grucast.core.errors import UsageError
from grucast.core.series import Clock, Columns, Layout, Panel
from grucast.data import guards
from grucast.data.findings import Finding, Findings
from grucast.data.joining import instants
from grucast.data.layout import check_layout, find_columns
from grucast.data.panels import arrange, cut, gather, group_rows
from grucast.data.periods import mask_excluded, resample
from grucast.data.sources import Source, load
from grucast.data.tables import open_table
from grucast.data.task import Task
from grucast.data.times import find_clock_of, pick_time
from grucast.data.zones import to_axis

PARTS = {"time": "a time column", "id": "the id", "target": "a target", "known": "known ahead", "past": "known so far",
         "static": "constant for a series"}  # what a label cannot be besides


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read, and what was assumed.

    The series of `panel` stand in order of first appearance, their rows in order of time, one a
    stamp; they are not gridded. A row may be wholly unobserved: covariates known ahead stand there.
    """

    panel: Panel
    notes: tuple[str, ...]  # sentences for people
    digest: str  # sha256 of the decompressed bytes
    rows: int  # data rows read
    findings: tuple[Finding, ...]
    file: str  # for messages
    excluded: tuple[str, ...] = ()  # the periods of --exclude, see `as_text`


def read_panel(sources: Sequence[str], options: ReadOptions, *, layout: Layout | None = None,
               now: float | None = None) -> Reading:
    """The panel in `sources`: paths, or "-" for standard input; several are read as one, in order of time.

    `layout` is how a model's data were read; `now` is the clock by which a file has rested. What is
    wrong is a DataError with file, line, column and mend; a file that does not fit a layout is a
    ModelError.
    """
    return read_with(Findings(), sources, options, layout=layout, now=now)


def read_with(findings: Findings, sources: Sequence[str], options: ReadOptions, *, layout: Layout | None = None,
              now: float | None = None) -> Reading:
    """Like `read_panel`, telling `findings` what is noticed, whatever happens."""
    if not sources:
        raise UsageError("no data file is named")
    return read_loaded(findings, [load(name, now=now) for name in sources], options, layout=layout)


def read_loaded(findings: Findings, loaded: Sequence[Source], options: ReadOptions, *,
                layout: Layout | None = None, least: int = 2) -> Reading:
    """Like `read_with`, from bytes that have been loaded; fewer rows than `least` are refused, without a layout."""
    if layout is not None:
        options = as_learned(options, layout)
    digest = _digest(loaded)
    task, form = open_table(loaded, options, findings, layout)
    if not task.table.rows:
        raise task.refuse("there are no rows below the header", mend="write some, or say --last-line keep"
                          if any("left out" in note for note in findings.notes()) else "")
    names, clock = _time(task, layout)
    columns, clock, ds, good = _columns(task, names, clock)
    task.again = None  # nothing is read a second time from here on, so that the bytes need not be kept
    del loaded
    group, ids, has_id = group_rows(task, columns.id)
    rows = gather(task, columns, ds, group)
    if not task.layout:
        guards.check_values(task, columns.target, rows.y)
    rows = arrange(task, columns, rows, good & has_id)
    if len(rows.ds) < least and not task.layout:
        raise task.refuse("there is one row, and a series needs more" if len(rows.ds) else "no row can be read")
    if columns.time and clock.kind == "stamp" and not clock.tz and not task.layout:
        guards.note_spring_hours(task, rows)
    if options.rows.resample:
        rows = resample(task, rows, clock)
    excluded = mask_excluded(task, rows, clock)
    series = cut(task, rows, ids, columns)
    _note_marks(task, columns)
    kept = layout or Layout(form, columns, clock, options.rows.duplicates, options.rows.gaps,
                            options.rows.resample or "", options.rows.agg)
    return Reading(Panel(series, kept), findings.notes(), digest, task.table.rows, findings.all(),
                   task.table.files[0][0], excluded)


def _digest(loaded: Sequence[Source]) -> str:
    """The sha256 of all bytes together."""
    digest = hashlib.sha256()
    for one in loaded:
        digest.update(one.body)
    return digest.hexdigest()


def as_learned(options: ReadOptions, layout: Layout) -> ReadOptions:
    """The options with the layout's answers; what a user says about missing marks and rows is added.

    UsageError for an option that says otherwise than the layout: it could not be heeded.
    """
    columns, form, clock = layout.columns, layout.format, layout.clock
    _refuse_unlearned(options, layout)
    return ReadOptions(
        columns=replace(options.columns, time_col=columns.time, id_col=columns.id, target_col=columns.target,
                        known_col=columns.known, past_col=columns.past, static_col=columns.static,
                        label_col=options.columns.label_col),
        time=replace(options.time, time_format=clock.format or None, tz=options.time.tz or clock.tz or None),
        format=replace(options.format, na_value=tuple(dict.fromkeys((*form.na_values, *options.format.na_value)))),
        rows=replace(options.rows, resample=options.rows.resample or layout.resample or None,
                     agg=layout.agg if layout.resample else options.rows.agg,
                     duplicates=layout.duplicates if options.rows.duplicates == "error" else options.rows.duplicates),
    )


def _refuse_unlearned(options: ReadOptions, layout: Layout) -> None:
    """UsageError for an option about columns, time or header that is not what the model learned with."""
    asked, time, form = options.columns, options.time, options.format
    columns, clock, learned_form = layout.columns, layout.clock, layout.format
    for name, said, learned in (
        ("--time-col", asked.time_col, columns.time), ("--id-col", asked.id_col, columns.id),
        ("--target-col", asked.target_col, columns.target), ("--known-col", asked.known_col, columns.known),
        ("--past-col", asked.past_col, columns.past), ("--static-col", asked.static_col, columns.static),
        ("--freq", time.freq, clock.freq), ("--tz", time.tz, clock.tz),
        ("--time-format", time.time_format, clock.format), ("--skip-rows", form.skip_rows, learned_form.skip_rows),
        ("--comment", form.comment, learned_form.comment),
    ):
        if said not in (None, ()) and said != learned:
            raise UsageError(f"{name} {_words(said)}: the model learned with {_words(learned) or 'none'}; "
                             "leave it out, or train anew")
    for part, words in PARTS.items():
        if asked.label_col in getattr(columns, part):
            raise UsageError(f"--label-col {asked.label_col}: the model learned it as {words}; leave it out")
    for name, switched, learned in (("--no-time", time.no_time, clock.kind == "row"),
                                    ("--no-header", form.no_header, not learned_form.header)):
        if switched and not learned:
            raise UsageError(f"{name}: the model learned without it; leave it out, or train anew")


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _time(task: Task, layout: Layout | None) -> tuple[tuple[str, ...], Clock]:
    """The time columns and what they mean; with --no-time they are found and not used."""
    if layout is not None:
        check_layout(task, layout)
        if len(layout.columns.time) > 1:
            task.read_as_text(layout.columns.time)
        return layout.columns.time, layout.clock
    names = pick_time(task)
    if task.options.time.no_time:
        return names, Clock(kind="row")
    if len(names) > 1 or (task.options.time.time_format and not task.typed):
        task.read_as_text(names)  # as numbers, 050101 would lose its zero
        if len(names) > 1 and not task.options.columns.time_col:
            task.findings.note(f"the columns {', '.join(map(repr, names[:-1]))} and {names[-1]!r} are joined to a time")
    return names, find_clock_of(task, names)


def _columns(task: Task, names: tuple[str, ...], clock: Clock) -> tuple[Columns, Clock, Stamps, Mask]:
    """The part of every column, the clock with its zone, the time axis (T,), and the rows that have a time."""
    rows = task.table.rows
    if clock.kind == "row":
        ds: Stamps = np.arange(rows, dtype=np.float64)
        columns = task.layout.columns if task.layout else find_columns(task, names, None, bool(names))
        return _row_clock(task, replace(columns, time=()), ds)
    if clock.kind in ("elapsed", "index"):
        ds, wrong = task.table.columns[names[0]].numbers(task.table.style)
        good = ~wrong & ~np.isnan(ds)
        _refuse_stamps(task, names, good)
        repeats = _repeats(ds if good.all() else ds[good])
        columns = task.layout.columns if task.layout else find_columns(task, names, None, repeats)
        return columns, replace(clock, freq=task.options.time.freq or ""), ds, good
    moments = instants(task, names, clock)
    _refuse_stamps(task, names, moments.ok)
    repeats = _repeats(moments.us if moments.ok.all() else moments.us[moments.ok])
    columns = task.layout.columns if task.layout else find_columns(task, names, moments.us, repeats)
    group, _, _ = group_rows(task, columns.id)
    us, tz = to_axis(task, moments, group, epoch=clock.kind in ("epoch_s", "epoch_ms"))
    freq = task.options.time.freq or ""
    return columns, replace(clock, tz=tz, freq=freq), us, moments.ok


def _repeats(ds: Stamps) -> bool:
    """Whether a stamp stands twice."""
    if (ds[1:] > ds[:-1]).all():
        return False
    ordered = np.sort(ds)
    return bool((ordered[1:] == ordered[:-1]).any())


def _row_clock(task: Task, columns: Columns, ds: Stamps) -> tuple[Columns, Clock, Stamps, Mask]:
    """Rows numbered in the order of the file."""
    if not task.layout:
        task.findings.note("the time is not used: the rows are numbered from 0" if task.options.time.no_time
                           else "there is no time column: the rows are numbered from 0")
    return columns, Clock(kind="row", freq=task.options.time.freq or ""), ds, np.ones(len(ds), bool)


def _refuse_stamps(task: Task, names: Sequence[str], good: Mask) -> None:
    """An error for each row whose stamp is missing or none."""
    wrong: Ints = np.flatnonzero(~good)
    for row in wrong.tolist():
        cell = " ".join(task.table.columns[name].cell(row).strip() for name in names).strip()
        said = "the stamp is missing" if cell in task.table.style.missing else f"{cell!r} is not a time"
        task.fault(row, said, column=names[0], mend="mend the cell, or say the --time-format")


def _note_marks(task: Task, columns: Columns) -> None:
    """Say which words were read as missing."""
    used = (*columns.target, *columns.known, *columns.past, *columns.static)
    marks = {mark for name in used for mark in task.table.columns[name].marks} - set(task.options.format.na_value)
    if marks:
        task.findings.note(f"cells with {' or '.join(map(repr, sorted(marks)))} are missing")


