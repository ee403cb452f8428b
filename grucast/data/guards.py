"""What numbers and stamps say about themselves: sentinels, lone outliers, a stamp far in the future.

Errors here are about data that no model can be right about; warnings name what is probably a mark
for "missing" and leave the values as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from grucast.core.arrays import Array
from grucast.data.rows import Rows, show
from grucast.data.stamps import HOUR
from grucast.data.task import Task
from grucast.data.zones import put_forward

NINES = re.compile(r"-?9{3,}(\.9+|\.0+)?|-99\.9+|-99(\.0+)?")
FEW = 3  # rows that make a gap longer than the series before it the present; fewer do not
MEND_STAMP = "mend the stamp"


def check_values(task: Task, names: Sequence[str], y: Array) -> None:
    """Refuse a file without any value; warn of columns (N, C) that look wrong."""
    if np.isnan(y).all():
        raise task.refuse(f"every cell of {', '.join(map(repr, names[:5]))} is missing",
                          mend="write values, or name a column with --target-col")
    warn_sentinels(task, names, y)
    warn_magnitudes(task, names, y)


def warn_sentinels(task: Task, names: Sequence[str], y: Array) -> None:
    """A warning for each column (N, C) in which a value looks like a mark for "missing"."""
    for at, name in enumerate(names):
        found = find_sentinel(y[:, at])
        if found is None:
            continue
        value, count = found
        row = int(np.flatnonzero(y[:, at] == value)[0])
        text = f"{value:.15g}"
        times = "once" if count == 1 else f"{count} times"
        task.warn(row, f"the column {name!r} has {text} {times}, far from its other values: is it missing?",
                  column=name, mend=f"add --na-value {task.table.columns[name].cell(row).strip()}")


def find_sentinel(values: Array) -> tuple[float, int] | None:
    """(value, how often) of the smallest or largest value when it is a mark and no measurement."""
    seen = np.sort(values[~np.isnan(values)])
    if len(seen) < 10:
        return None
    low, high = seen[0], seen[-1]
    below, above = int(np.searchsorted(seen, low, "right")), len(seen) - int(np.searchsorted(seen, high, "left"))
    if below < len(seen) and _is_mark(low, below, seen[below:]):
        return float(low), below
    if above < len(seen) and _is_mark(high, above, seen[: len(seen) - above]):
        return float(high), above
    return None


def _is_mark(value: float, count: int, rest: Array) -> bool:
    """Whether `value` is a usual mark far outside of `rest` (sorted), or a repeated number of another kind."""
    if count > len(rest):
        return False
    first, last = float(rest[0]), float(rest[-1])
    with np.errstate(over="ignore"):
        gap = first - value if value < first else value - last
        spread = last - first
    usual = bool(NINES.fullmatch(f"{value:.15g}"))
    if usual and gap > spread:
        return True
    if usual and value < 0 <= first and gap > abs(value) / 2:
        return True
    if count >= 5 and spread > 0 and gap > 3 * spread and len(rest) >= 10:
        return True
    return value < 0 <= first and value % 1 == 0 and count >= 5 and last >= 10


def warn_magnitudes(task: Task, names: Sequence[str], y: Array) -> None:
    """A warning for each column (N, C) whose largest value is a thousand million times the usual one."""
    for at, name in enumerate(names):
        size = np.abs(y[:, at])
        size = np.where(np.isnan(size), 0, size)
        positive = size[size > 0]
        if len(positive) < 10:
            continue
        row = int(size.argmax())
        if size[row] / 1e9 > np.median(positive):
            task.warn(row, f"the column {name!r} reaches {float(y[row, at])!r}, and half of its values are below "
                      f"{float(np.median(positive)):.3g}", column=name,
                      mend="name the other columns with --target-col to leave it out")


def refuse_lone_giants(task: Task, names: Sequence[str], y: Array) -> None:
    """A value above 1e300 beside ordinary ones is an error; a column that is all of that size is not."""
    for at, name in enumerate(names):
        size = np.abs(y[:, at])
        giant = size > 1e300
        if not giant.any():
            continue
        rest = size[~giant & (size > 0)]
        if len(rest) and np.median(rest) < 1e200 and giant.sum() < len(rest):
            for row in np.flatnonzero(giant):
                task.fault(int(row), f"{float(y[row, at])!r} is far beyond the other values", column=name,
                           mend="mend the cell, or mark it missing with --na-value")
                y[row, at] = np.nan


def refuse_far_future(task: Task, rows: Rows) -> None:
    """Fewer than three rows after a gap longer than the whole series before it are an error."""
    bounds = np.flatnonzero(np.diff(rows.group)) + 1
    for start, stop in zip([0, *bounds.tolist()], [*bounds.tolist(), len(rows.group)], strict=True):
        for at in range(max(start + FEW, stop - FEW + 1), stop):
            if is_far(rows.ds[at], rows.ds[at - 1], rows.ds[at - 1] - rows.ds[start]):
                task.fault(int(rows.place[at]), far_future(show(rows.ds[at]), show(rows.ds[at - 1])), mend=MEND_STAMP)
                break


def is_far(stamp: Any, last: Any, before: Any) -> bool:
    """Whether `stamp` lies further from the row before it, at `last`, than the series is long up to there: `before`."""
    return bool(stamp - last > before > 0 * before)


def far_future(stamp: str, last: str) -> str:
    """What is said of such a stamp."""
    return f"the stamp {stamp} lies further from the row before it ({last}) than all of the series is long"


def note_spring_hours(task: Task, rows: Rows) -> None:
    """A note that names --tz when local stamps lack an hour where clocks are put forward."""
    steps = np.diff(rows.ds)
    steps = steps[(steps > 0) & (rows.group[1:] == rows.group[:-1])]
    if not len(steps):
        return
    kinds, counts = np.unique(steps, return_counts=True)
    step = int(kinds[counts.argmax()])
    for at in np.flatnonzero(np.diff(rows.ds) == step + HOUR)[:100].tolist():
        missing = int(rows.ds[at]) + step
        if put_forward(missing):
            task.findings.note(f"the hour at {show(missing)} is not there, as where clocks are put forward: "
                               "name the zone with --tz", line=int(rows.line[at + 1]))
            return


def refuse_split_decimals(task: Task) -> None:
    """Refuse a comma file whose decimals had commas: rows of whole numbers that end at different columns."""
    if task.table.style.decimal != "." or task.table.rows < 3 or len(task.table.columns) < 4:
        return
    gaps = np.zeros((task.table.rows, len(task.table.columns)), bool)
    for at, column in enumerate(task.table.columns.values()):
        if all(isinstance(chunk, np.ndarray) for chunk in column.chunks):  # words and stamps fill every row
            values = np.concatenate([chunk for chunk in column.chunks if isinstance(chunk, np.ndarray)])
            if (values % 1 > 0).any():
                return
            gaps[:, at] = np.isnan(values)
    ends = gaps.shape[1] - gaps[:, ::-1].argmin(axis=1)  # filled fields of each row, when none is empty between
    changes = np.flatnonzero(np.diff(ends) != 0) + 1
    left_packed = gaps.sum(axis=1) == gaps.shape[1] - ends
    if len(np.unique(ends)) > 2 and left_packed.all() and 10 * len(changes) > len(ends):
        row = int(changes[0])
        task.fault(row, f"{int(ends[row])} filled fields after rows of {int(ends[row - 1])}, and no decimals anywhere: "
                   "decimal commas were taken for delimiters when the file was written",
                   mend="write it again with ';' between the fields, or with decimal points")
