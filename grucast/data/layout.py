"""Give every column its part: id, label, target, covariate, or left out and said so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.errors import ModelError, UsageError
from grucast.core.series import Columns, Layout
from grucast.data.stamps import DAY
from grucast.data.task import Task

ID_NAMES = ("unique_id", "series_id", "series", "id")
LABEL_NAMES = ("label", "is_anomaly", "anomaly")
TARGET_NAMES = ("y", "value")  # of a long file
COUNTERS = ("no", "no.", "nr", "nr.", "row", "rownum", "row_id", "index", "id", "#", "unnamed: 0", "")
TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "t": 1.0, "f": 0.0}


def find_columns(task: Task, time: Sequence[str], moments: Ints | None, repeats: bool) -> Columns:
    """The part of every column. `moments` (T,) are the stamps, None without; `repeats`: a stamp stands twice."""
    asked = task.options.columns
    _refuse_double_parts(task)
    ids = asked.id_col or _find_ids(task, time, repeats)
    label = _find_label(task, (*time, *ids))
    named = (*ids, *asked.known_col, *asked.past_col, *asked.static_col, *((label,) if label else ()))
    for name in (*named, *asked.target_col):
        task.column(name)
    target = asked.target_col
    if not target:
        left = [name for name in task.table.columns if name not in (*time, *named)]
        target = _find_targets(task, left, moments, long=bool(ids))
    if not target:
        raise task.refuse("there is no column of numbers to forecast", mend="name one with --target-col")
    return Columns("long" if ids else "wide", tuple(time), tuple(ids), target, asked.known_col, asked.past_col,
                   asked.static_col, label)


def _refuse_double_parts(task: Task) -> None:
    """A column has one part only."""
    asked = task.options.columns
    names = [*asked.time_col, *asked.id_col, *asked.target_col, *asked.known_col, *asked.past_col, *asked.static_col,
             *((asked.label_col,) if asked.label_col else ())]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"the column {double!r} is named twice, in one option or in two")


def _find_ids(task: Task, time: Sequence[str], repeats: bool) -> tuple[str, ...]:
    """`unique_id` names series wherever it stands, the other names only where stamps repeat."""
    for name in ID_NAMES:
        column = task.table.columns.get(name)
        if column is None or name in time:
            continue
        if name == "unique_id" or (repeats and len(column.places) < task.table.rows):
            return (name,)
    return ()


def _find_label(task: Task, used: Sequence[str]) -> str:
    """The column of labels: the one that is named, else one with a usual name and whole numbers in it."""
    asked = task.options.columns
    if asked.label_col is not None:
        return asked.label_col
    taken = (*used, *asked.target_col, *asked.known_col, *asked.past_col, *asked.static_col)
    for name in LABEL_NAMES:
        if name in task.table.columns and name not in taken:
            values = _label_values(task, name)
            if (np.isnan(values) | (values % 1 == 0)).all():
                return name
    return ""


def labels(task: Task, name: str) -> Ints:
    """Labels (T,), 0 where there is none; a cell that is none is an error with its line."""
    values = _label_values(task, name)
    for row in np.flatnonzero(values % 1 != 0):
        if not np.isnan(values[row]):
            task.fault(int(row), f"{task.table.columns[name].cell(int(row))!r} is not a label", column=name,
                       mend="labels are whole numbers, 0 for normal")
    return np.where(np.isfinite(values), values, 0).astype(np.int64)


def _label_values(task: Task, name: str) -> Array:
    """Labels as numbers, NaN where missing, 0.5 where a cell is no label at all."""
    column = task.table.columns[name]
    values, wrong = column.numbers(task.table.style)
    values = np.where(np.abs(values) > 1e9, 0.5, values)
    for row in np.flatnonzero(wrong):
        values[row] = TRUTH.get(column.cell(int(row)).strip().lower(), 0.5)
    return values


def _find_targets(task: Task, left: Sequence[str], moments: Ints | None, *, long: bool) -> tuple[str, ...]:
    """The numeric columns among `left`; of a long file `y` or `value` if there. What is left out is said."""
    if long:
        usual = next((name for name in TARGET_NAMES if name in left), None)
        if usual is not None:
            return (usual,)
    kinds = {name: _kind(task, name, moments) for name in left}
    for kind, verb in (("text", "text"), ("time", "a time"), ("empty", "empty"), ("counter", "the number of the row"),
                       ("again", "the time again, as a number")):
        names = [repr(name) for name, found in kinds.items() if found == kind]
        if len(names) == 1:
            task.findings.note(f"the column {names[0]} is {verb} and is left out")
        elif names:
            task.findings.note(f"the columns {', '.join(names)} are {verb} and are left out")
    found = tuple(name for name, kind in kinds.items() if kind == "number")
    if not found and "empty" in kinds.values():
        empty = ", ".join(repr(name) for name, kind in kinds.items() if kind == "empty")
        raise task.refuse(f"every cell of {empty} is missing", mend="write values, or name a column with --target-col")
    return found


def _kind(task: Task, name: str, moments: Ints | None) -> str:
    """What a column is, when nobody says: number, text, time, empty, or a number that says nothing new."""
    column = task.table.columns[name]
    tally = column.tally(task.table.style.missing)
    if tally.numbers + tally.words + tally.moments == 0:
        return "empty"
    values, wrong = column.numbers(task.table.style)
    good = int((~np.isnan(values)).sum())
    if good == 0 or good < int(wrong.sum()):
        return "time" if tally.moments > tally.words else "text"
    if wrong.any() or good < len(values) or len(values) < 3:
        return "number"
    if (name.lower() in COUNTERS or name in task.table.nameless) and (np.diff(values) == 1).all():
        return "counter"
    return "again" if moments is not None and _says_time_again(values, moments) else "number"


def _says_time_again(values: Array, us: Ints) -> bool:
    """Whether values are the stamps as decimal years, such as 1958.208 for March 1958."""
    if (values % 1 == 0).all():
        return False
    years = us.astype("datetime64[us]").astype("datetime64[Y]")
    start = years.astype("datetime64[us]").astype(np.int64)
    decimal = years.astype(np.int64) + 1970 + (us - start) / (365.25 * DAY)
    return bool((np.abs(values - decimal) < 0.1).all())


def check_layout(task: Task, layout: Layout) -> None:
    """Refuse (78) a file without a column that the model needs."""
    columns = layout.columns
    needed = (*columns.time, *columns.id, *columns.target, *columns.known, *columns.past, *columns.static)
    file = task.table.files[0][0]
    for name in needed:
        if name not in task.table.columns:
            raise ModelError(f"{file}: the model needs a column {name!r}, and there is none; there are "
                             f"{', '.join(list(task.table.columns)[:20])}")
    if layout.columns.label and layout.columns.label not in task.table.columns:
        task.findings.note(f"there is no column {layout.columns.label!r} of labels")


def suggest_ids(task: Task, time: Sequence[str], us: Ints) -> tuple[str, ...]:
    """The text columns that together name the series of a file where stamps repeat, () when none do.

    They must tell apart all rows of one stamp, and make series that have most stamps.
    """
    style = task.table.style
    names = [name for name, column in task.table.columns.items()
             if name not in time and (tally := column.tally(style.missing)).words > 0
             and not tally.missing and tally.words > tally.numbers + tally.moments]
    if not names:
        return ()
    group = np.zeros(len(us), np.int64)
    for name in names:
        codes = np.concatenate([getattr(chunk, "codes", np.full(0, 0)) for chunk in task.table.columns[name].chunks])
        if len(codes) != len(us):
            return ()
        group = np.unique(group * (int(codes.max()) + 1) + codes, return_inverse=True)[1]
    stamps = np.unique(us, return_inverse=True)[1]
    both = len(np.unique(group * (int(stamps.max()) + 1) + stamps))
    full = (int(group.max()) + 1) * (int(stamps.max()) + 1)
    return tuple(names) if both == len(us) and 2 * len(us) >= full else ()


