"""The rows of all series together: sorted by series and time, with one row a stamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.series import Lines
from grucast.data.stamps import DAY
from grucast.data.task import Task
from grucast.data.zones import put_back


@dataclass(slots=True)
class Rows:
    """N rows of a table in one order: `place` is each row's place in the table."""

    place: Ints
    group: Ints  # which series, numbered in order of first appearance
    ds: Stamps  # int64 microseconds, or float64
    line: Lines
    y: Array  # (N, C)
    known: Array  # (N, K)
    past: Array  # (N, P)
    static: Array  # (N, S)
    label: Ints | None
    repeats: Rows | None = None  # what was dropped: rows of a stamp that another row has

    def take(self, index: Any) -> Rows:
        """The rows that `index` (places or a mask) selects, without repeats."""
        return Rows(self.place[index], self.group[index], self.ds[index], self.line[index], self.y[index],
                    self.known[index], self.past[index], self.static[index],
                    None if self.label is None else self.label[index])


def sort(task: Task, rows: Rows) -> Rows:
    """Rows by series, then by time; rows of one stamp stay in the order of the file."""
    same = rows.group[1:] == rows.group[:-1]
    later = rows.ds[1:] >= rows.ds[:-1]
    if bool((rows.group[1:] >= rows.group[:-1]).all()) and bool(later[same].all()):
        return rows
    order = np.lexsort((rows.ds, rows.group))
    if _backwards(task, rows):
        task.findings.note("the rows were not in order of time and are sorted")
    return rows.take(order)


def _backwards(task: Task, rows: Rows) -> bool:
    """Whether time runs backwards within a series of one file."""
    starts = np.array([first for _, first in task.table.files])
    file = np.searchsorted(starts, rows.place, side="right")
    order = np.argsort(rows.group, kind="stable")
    group, ds, file = rows.group[order], rows.ds[order], file[order]
    same = (group[1:] == group[:-1]) & (file[1:] == file[:-1])
    return bool((ds[1:] < ds[:-1])[same].any())


def settle_duplicates(task: Task, rows: Rows, ids: tuple[str, ...]) -> Rows:
    """One row a stamp, by --duplicates, the others as its `repeats`; rows alike in every value are one in any case.

    `ids` are columns that would name the series, for the mend.
    """
    again = (rows.group[1:] == rows.group[:-1]) & (rows.ds[1:] == rows.ds[:-1])
    if not again.any() or task.options.rows.resample:
        return rows
    first = np.concatenate([[True], ~again])  # (N,) the first row of each stamp
    policy = task.options.rows.duplicates
    if policy == "error":
        return _drop_alike(task, rows, first, ids)
    count = int(again.sum())
    task.findings.note(f"{count} rows stand at a stamp that is there already: " + {
        "first": "the first is taken", "last": "the last is taken", "mean": "their mean is taken"}[policy])
    if policy == "last":
        return _parted(rows, np.concatenate([first[1:], [True]]))
    merged = _parted(rows, first)
    if policy == "mean":
        starts = np.flatnonzero(first)
        for name in ("y", "known", "past"):
            setattr(merged, name, _means(getattr(rows, name), starts))
        if rows.label is not None:
            merged.label = np.maximum.reduceat(rows.label, starts)
    return merged


def _parted(rows: Rows, kept: Mask) -> Rows:
    """The rows that are `kept` (N,), the others as their repeats."""
    taken = rows.take(kept)
    taken.repeats = rows.take(~kept)
    return taken


def _means(values: Array, starts: Ints) -> Array:
    """The mean of what is observed (N, C) in each run of rows; exact where a run has one row."""
    seen = ~np.isnan(values)
    count = np.add.reduceat(seen.astype(np.int64), starts, axis=0)
    share = np.where(seen, values, 0.0) / np.repeat(np.maximum(count, 1), np.diff([*starts, len(values)]), axis=0)
    total = np.add.reduceat(share, starts, axis=0)
    return np.where(count > 0, total, np.nan)


def _drop_alike(task: Task, rows: Rows, first: Mask, ids: tuple[str, ...]) -> Rows:
    """Drop rows that say the same again; others are errors that name both rows."""
    start = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))  # the first row of each row's stamp
    alike = ~first
    for values in (rows.y, rows.known, rows.past):
        same = (values == values[start]) | (np.isnan(values) & np.isnan(values[start]))
        alike &= same.all(axis=1)
    if rows.label is not None:
        alike &= rows.label == rows.label[start]
    wrong = np.flatnonzero(~first & ~alike)
    if len(wrong):
        mend = _mend(rows, wrong, ids)
        for at in wrong.tolist():
            other = task.table.where(int(rows.place[start[at]]))
            here = task.table.where(int(rows.place[at]))
            where = f"line {other[1]}" if other[0] == here[0] else f"{other[0]}:{other[1]}"
            task.fault(int(rows.place[at]),
                       f"the stamp {show(rows.ds[at])} stands in {where} already, with other values", mend=mend)
    count = int(alike.sum())
    if count:
        at = int(np.flatnonzero(alike)[0])
        task.findings.note("1 row stands twice with the same values and is taken once" if count == 1 else
                           f"{count} rows stand twice with the same values and are taken once",
                           line=task.table.where(int(rows.place[at]))[1])
    return _parted(rows, first)


def _mend(rows: Rows, wrong: Ints, ids: tuple[str, ...]) -> str:
    """What helps against stamps that stand twice: a zone, ids, or a choice."""
    choice = "choose with --duplicates first, last or mean"
    if rows.ds.dtype == np.int64 and all(put_back(int(one)) for one in rows.ds[wrong[:1000]]):
        return f"say the zone with --tz if clocks were put back, or {choice}"
    if ids:
        return f"name the series with {' '.join('--id-col ' + quote(name) for name in ids)}, or {choice}"
    if 10 * len(wrong) > len(rows.ds):
        return f"name the series with --id-col if there are several, or {choice}"
    return choice


def quote(word: str) -> str:
    """A word as it is typed in a shell."""
    return word if word and all(letter.isalnum() or letter in "._-/:+%,@" for letter in word) else repr(word)


def show(stamp: Any) -> str:
    """A stamp for people: 2024-01-20, 2024-01-20T12:00:00, or a number."""
    if isinstance(stamp, (float, np.floating)):
        return f"{stamp:.15g}"
    unit = "datetime64[D]" if int(stamp) % DAY == 0 else "datetime64[s]"
    return str(np.datetime64(int(stamp), "us").astype(unit))
