"""From a table to series: values taken out of the cells, rows grouped, sorted and cut into a panel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.series import STAMP, Columns, Repeats, Series
from grucast.data import guards
from grucast.data.layout import labels, suggest_ids
from grucast.data.numbers import NumberStyle, parse_number
from grucast.data.rows import Rows, quote, settle_duplicates, sort
from grucast.data.task import Task


def values_of(task: Task, names: Sequence[str]) -> Array:
    """The numbers of columns (T, N), NaN where missing; a cell that is none is an error with its line."""
    result = np.empty((task.table.rows, len(names)))
    for at, name in enumerate(names):
        column = task.column(name)
        result[:, at], wrong = column.numbers(task.table.style)
        for row in np.flatnonzero(wrong).tolist():
            message, mend = not_a_number(column.cell(row), task.table.style)
            task.fault(row, message, column=name, mend=mend)
    return result


def not_a_number(cell: str, style: NumberStyle) -> tuple[str, str]:
    """What is said of a cell that is no number, and what mends it."""
    text = cell.strip()
    endless = text.lstrip("+-").lower() in ("inf", "infinity") or parse_number(text, style) is not None  # 1e400
    return f"{text!r} is not a {'finite ' if endless else ''}number", f"add --na-value {quote(text)}"


def group_rows(task: Task, ids: Sequence[str]) -> tuple[Ints, list[str], Mask]:
    """(group (T,), names of the groups, has an id (T,)); groups in order of first appearance, ids joined by "/"."""
    group, names = np.zeros(task.table.rows, np.int64), [""]
    good = np.ones(task.table.rows, bool)
    for name in ids:
        codes, words = task.column(name).codes()
        words = [word.strip() for word in words]
        empty = np.array([not word for word in words], bool)[codes]
        for row in np.flatnonzero(empty).tolist():
            task.fault(row, "the id is missing", column=name, mend="fill the cell or take out the line")
        good &= ~empty
        kept, group = np.unique(group * len(words) + codes, return_inverse=True)
        names = [f"{names[one // len(words)]}/{words[one % len(words)]}" for one in kept.tolist()]
    if not ids:
        return group, names, good
    names = [name[1:] for name in names]
    merged = {name: at for at, name in enumerate(dict.fromkeys(names))}  # "a" and " a" are one id
    group = np.array([merged[name] for name in names], dtype=np.int64)[group]
    first = np.unique(group, return_index=True)[1]
    rank = np.argsort(np.argsort(first))
    ordered = list(merged)
    return rank[group], [ordered[at] for at in np.argsort(first)], good


def gather(task: Task, columns: Columns, ds: Stamps, group: Ints) -> Rows:
    """All rows of the table, in its order; `ds` is (T,) int64 microseconds or float64."""
    y = values_of(task, columns.target)
    guards.refuse_lone_giants(task, columns.target, y)
    label = labels(task, columns.label) if columns.label in task.table.columns else None
    return Rows(np.arange(task.table.rows), group, ds, task.table.line(), y, values_of(task, columns.known),
                values_of(task, columns.past), values_of(task, columns.static), label)


def arrange(task: Task, columns: Columns, rows: Rows, good: Mask) -> Rows:
    """The good rows by series and time, one a stamp, and no stamp far in the future."""
    stamps = rows.ds.dtype == np.int64
    ids = suggest_ids(task, columns.time, rows.ds) if columns.shape == "wide" and columns.time and stamps else ()
    if not good.all():
        rows = rows.take(good)
    if columns.time:
        rows = settle_duplicates(task, sort(task, rows), ids)
    elif columns.id:
        rows = rows.take(np.argsort(rows.group, kind="stable"))
    if stamps:
        guards.refuse_far_future(task, rows)
    return rows


def cut(task: Task, rows: Rows, names: Sequence[str], columns: Columns) -> tuple[Series, ...]:
    """One Series for each group that has rows."""
    bounds = np.flatnonzero(np.diff(rows.group)) + 1
    series = []
    limit = task.options.rows.train_rows
    for start, stop in zip([0, *bounds.tolist()], [*bounds.tolist(), len(rows.group)], strict=True):
        part = rows.take(slice(start, stop if limit is None else min(stop, start + limit)))
        ds = _axis(part) if columns.time else np.arange(len(part.ds), dtype=np.float64)
        series.append(Series(names[int(part.group[0])], ds, part.y, ~np.isnan(part.y), part.known, part.past,
                             _static(task, part, columns.static), part.line, part.label,
                             _repeats_of(part, rows.repeats)))
    return tuple(series)


def _axis(rows: Rows) -> Stamps:
    """The stamps of rows as a series has them."""
    return rows.ds.view(STAMP) if rows.ds.dtype == np.int64 else rows.ds


def _repeats_of(part: Rows, repeats: Rows | None) -> Repeats | None:
    """Those of `repeats` that belong to the rows of one series; None for none."""
    if repeats is None:
        return None
    start, stop = np.searchsorted(repeats.group, [part.group[0], part.group[0] + 1])
    own = repeats.take(slice(start, stop))
    own = own.take(own.ds <= part.ds[-1])
    return Repeats(_axis(own), own.y, own.line) if len(own.ds) else None


def _static(task: Task, part: Rows, names: Sequence[str]) -> Array:
    """The one value that each static column has in a series (S,); a second one is an error with its line."""
    result = np.full(len(names), np.nan)
    for at, name in enumerate(names):
        seen = np.flatnonzero(~np.isnan(part.static[:, at]))
        if len(seen):
            result[at] = part.static[seen[0], at]
            other = seen[part.static[seen, at] != result[at]]
            if len(other):
                task.fault(int(part.place[other[0]]), f"{part.static[other[0], at]:.15g} after {result[at]:.15g}: "
                           "not constant in this series", column=name, mend="use --known-col or --past-col")
    return result
