"""Read what a detector said and what was true: files of scores and of labels, brought together.

A file of scores has a column `score`, and may have labels of its own. A file of labels belongs to it row by row,
or by time (and id) where both files tell the time. Nothing is guessed where the two do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.data.findings import Findings
from grucast.data.layout import LABEL_NAMES, labels
from grucast.data.panels import values_of
from grucast.workflows.judging.sheets import (
    Sheet,
    as_sheet,
    find_times,
    id_columns,
    open_cells,
    refuse_mixed_zones,
    series_rows,
)

FIRED = "is_anomaly"
EVENT = "event_id"
OWN_LABELS = tuple(name for name in LABEL_NAMES if name != FIRED)  # in a file of scores that is the detector's word


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One series: scores (T,) with NaN for none, labels (T,), what fired (T,) and values (T,) where the file says."""

    unique_id: str
    score: Array
    label: Mask
    fired: Mask | None
    y: Array | None


def read_scored(
    scores: str, labels_file: str | None, read: ReadOptions
) -> tuple[list[Scored], float | None, list[str]]:
    """The series of a file of scores, the one threshold its rows fired at (None: several or none), and notes.

    Errors: DataError for a file without scores or labels, for cells that are none, and for labels that do
    not fit the scores.
    """
    findings = Findings()
    sheet = _open(scores, read, findings)
    score = values_of(sheet.task, ["score"])[:, 0]
    if labels_file is None:
        own = _own_label(sheet, read.columns.label_col)
        label = _labels(sheet, own)
    else:
        own = ""
        label = _fitted(sheet, _open(labels_file, read, findings), read.columns.label_col)
    columns = sheet.task.table.columns
    fired = _fired(sheet) if FIRED in columns and own != FIRED else None
    y = columns["y"].numbers(sheet.task.table.style)[0] if "y" in columns else None
    _note_missing(sheet, score)
    series = [
        Scored(name, score[rows], label[rows], None if fired is None else fired[rows], None if y is None else y[rows])
        for name, rows in zip(sheet.ids, series_rows(sheet), strict=True)
    ]
    return series, _threshold(sheet) if fired is not None else None, list(findings.notes())


# ---- one file ------------------------------------------------------------------------------------


def _open(name: str, read: ReadOptions, findings: Findings) -> Sheet:
    """Read one file: cells, ids, time."""
    task = open_cells(name, read, findings)
    return as_sheet(task, id_columns(task, read.columns.id_col))


def _fired(sheet: Sheet) -> Mask:
    """Rows (T,) that fired: the alarms, and where the file names events, the rows between two alarms of one event."""
    fired: Mask = labels(sheet.task, FIRED) != 0
    column = sheet.task.table.columns.get(EVENT)
    if column is None:
        return fired
    values, words = column.numbers(sheet.task.table.style)
    return np.asarray(fired | words | np.isfinite(values))


def _threshold(sheet: Sheet) -> float | None:
    """The value of the column `threshold` where it has one only."""
    column = sheet.task.table.columns.get("threshold")
    if column is None:
        return None
    values = np.unique(column.numbers(sheet.task.table.style)[0])
    values = values[np.isfinite(values)]
    return float(values[0]) if len(values) == 1 else None


def _note_missing(sheet: Sheet, score: Array) -> None:
    missing = int(np.isnan(score).sum())
    if missing:
        sheet.task.findings.note(f"{missing} of {len(score)} rows have no score and count as the lowest")


# ---- labels --------------------------------------------------------------------------------------


def _own_label(sheet: Sheet, asked: str | None) -> str:
    """The column of labels in the file of scores."""
    if asked is not None:
        return sheet.task.column(asked).name
    for name in OWN_LABELS:
        if name in sheet.task.table.columns:
            return name
    raise DataError("there is no column of labels", file=sheet.file, line=sheet.task.table.header_line or None,
                    mend="name it with --label-col, or the file that has them with --labels")


def _label_column(sheet: Sheet, asked: str | None) -> str:
    """The column of labels in a file of labels: named, one with a usual name, or the only one."""
    columns = sheet.task.table.columns
    if asked is not None:
        return sheet.task.column(asked).name
    usual = [name for name in LABEL_NAMES if name in columns]
    if usual or len(columns) == 1:
        return usual[0] if usual else next(iter(columns))
    raise DataError(f"there is no column {', '.join(LABEL_NAMES)}; there are {', '.join(list(columns)[:20])}",
                    file=sheet.file, line=sheet.task.table.header_line or None, mend="name it with --label-col")


def _labels(sheet: Sheet, name: str) -> Mask:
    """Labels (T,), true for anything but 0; an empty cell is normal, and noted."""
    found: Mask = labels(sheet.task, name) != 0
    missing = sheet.task.table.columns[name].tally(sheet.task.table.style.missing).missing
    if missing:
        sheet.task.findings.note(f"{sheet.file}: {missing} rows have no label and count as normal")
    return found


def _fitted(scores: Sheet, truth: Sheet, asked: str | None) -> Mask:
    """The labels of `truth` for the rows of `scores`, (T,)."""
    label = _labels(truth, _label_column(truth, asked))
    if scores.ds is not None and truth.ds is not None and scores.clock == truth.clock:
        return _by_time(scores, truth, label)
    if len(label) != scores.rows:
        raise DataError(f"{len(label)} labels, and {scores.file} has {scores.rows} scores", file=truth.file,
                        mend="give one label for each row, or a time column in both files")
    if scores.ds is not None or truth.ds is not None:
        truth.task.findings.note(f"the labels of {truth.file} are taken row by row: "
                                 "the two files do not tell the time alike")
    return label


def _by_time(scores: Sheet, truth: Sheet, label: Mask) -> Mask:
    """Labels looked up by id and time; rows of `truth` without a score are left out and counted in a note."""
    refuse_mixed_zones((scores.file, scores.tz), (truth.file, truth.tz))
    found, used = np.zeros(scores.rows, bool), np.zeros(truth.rows, bool)
    theirs = dict(zip(truth.ids, series_rows(truth), strict=True))
    for name, rows in zip(scores.ids, series_rows(scores), strict=True):
        mine = theirs.get(name) if len(truth.ids) > 1 or (truth.ids[0] and name) else next(iter(theirs.values()))
        if mine is None:
            raise DataError(f"there is no series {name!r}, which {scores.file} has", file=truth.file,
                            mend="give labels of every series")
        at = _look_up(scores, rows, truth, mine)
        found[rows], used[mine[at]] = label[mine[at]], True
    if not used.all():
        truth.task.findings.note(f"{(~used).sum()} rows of {truth.file}, {(label & ~used).sum()} of them labelled, "
                                 f"have no row in {scores.file} and do not count")
    return found


def _look_up(scores: Sheet, rows: Ints, truth: Sheet, theirs: Ints) -> Ints:
    """For each of `rows` of the scores the place in `theirs`, rows of one series of labels, that has its time."""
    assert scores.ds is not None and truth.ds is not None  # noqa: S101, PT018 - the caller has looked
    ds, known = scores.ds[rows], truth.ds[theirs]
    twice = np.flatnonzero(np.diff(known) == 0)
    if len(twice):
        truth.task.fault(int(theirs[twice[0] + 1]), "the stamp stands twice in one series",
                         mend="name the series with --id-col, or say --no-time to go by the order of the rows")
    found = find_times(known, ds)
    lacking = np.flatnonzero(found < 0)
    if len(lacking):
        scores.task.fault(int(rows[lacking[0]]), f"the row has no label in {truth.file}",
                          mend="give a label for every row, or say --no-time to go by the order of the rows")
    return found
