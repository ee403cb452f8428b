"""Find the time column (or the columns that together are one) and what its cells mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.series import Clock
from grucast.data.joining import PARTS, joined, joined_formats, part_letter, stamp_words
from grucast.data.stamp_formats import choose_regular, find_clock, find_formats
from grucast.data.stamps import DAY, compile_format, parse_cells
from grucast.data.table import Words
from grucast.data.task import Task

NUMERIC_NAMES = ("ds", "t", "time", "time_s", "timestamp", "index")
STAMP_NAMES = ("ds", "timestamp", "datetime", "date_time", "date/time", "date", "time", "datum", "day", "month", "year",
               "period", "epoch", "unix")
BOUNDS = {"%Y": (1000, 2500), "%m": (1, 12), "%d": (1, 31), "%H": (0, 24), "%M": (0, 59), "%S": (0, 59)}
YEAR_NAMES = ("date", "year", "period")  # a number of four digits in such a column is a year
EXACT = 2.0**53  # whole numbers up to here are exact
EPOCHS = (("epoch_s", 1e8, 4.2e9), ("epoch_ms", 1e11, 4.2e12))  # 1973 to 2103


@dataclass(frozen=True, slots=True)
class Dated:
    """A column whose cells are dates, perhaps with a time of day."""

    name: str
    formats: tuple[str, ...]
    clock: bool


def pick_time(task: Task) -> tuple[str, ...]:
    """The names of the columns that hold the time, () when there are none."""
    wanted = task.options.columns.time_col
    if wanted:
        for name in wanted:
            task.column(name)
        return wanted
    if task.options.time.time_format:
        return _of_format(task, task.options.time.time_format)
    dated = [found for name in task.table.columns if (found := _dated(task, name))]
    if dated:
        return tuple(one.name for one in dated) if task.options.time.no_time else _choose(task, dated)
    return _parts(task) or _numeric(task)


def _dated(task: Task, name: str) -> Dated | None:
    """Whether at least half of a column's cells are dates."""
    column = task.table.columns[name]
    tally = column.tally(task.table.style.missing)
    if (not tally.moments and not tally.words) or tally.numbers > tally.moments + tally.words:
        return None
    words = stamp_words(task, column)
    formats = find_formats(words) if words else [""]
    if not formats and tally.moments > tally.words:
        formats = [""]
    if not formats:
        return None
    if formats == [""]:
        return Dated(name, ("",), bool((column.moments("").us % DAY).any()))
    return Dated(name, tuple(formats), "%H" in formats[0] or "%I" in formats[0])


def _choose(task: Task, dated: list[Dated]) -> tuple[str, ...]:
    """One of several columns of dates, joined with a time of day where that stands in a column of its own."""
    full = [one for one in dated if one.clock]
    if not full:
        for one in _preferred(dated):
            if beside := _clock_beside(task, one.name):
                return one.name, beside
    best = _preferred(full or dated)
    if len(best) > 1:
        names = " and ".join(repr(one.name) for one in best)
        raise task.refuse(f"the columns {names} are both times", mend=f"add --time-col {best[0].name}")
    return (best[0].name,)


def _preferred(dated: list[Dated]) -> list[Dated]:
    """Those with a usual name, in the order of how usual it is; all when none has one."""
    usual = [one for one in dated if one.name.lower() in STAMP_NAMES]
    usual.sort(key=lambda one: STAMP_NAMES.index(one.name.lower()))
    return usual[:1] or dated


def _clock_beside(task: Task, name: str) -> str:
    """A column of times of day, or one called hour, when dates stand without any; the nearest one."""
    names = list(task.table.columns)
    at = names.index(name)
    for other in sorted(names, key=lambda one: abs(names.index(one) - at)):
        column = task.table.columns[other]
        words = stamp_words(task, column)
        if words and other != name and find_clock(words):
            return other
        if other.lower() in dict(PARTS)["%H"] and _fits(task, other, "%H") and _repeats(task, name):
            return other
    return ""


def _repeats(task: Task, name: str) -> bool:
    us = task.table.columns[name].moments("").us
    return len(np.unique(us)) < len(us)


def _parts(task: Task) -> tuple[str, ...]:
    """Columns called year, month, day … (or the first ones of a file without names that look like them)."""
    names = list(task.table.columns)
    found: list[str] = []
    for form, known in PARTS:
        named = [name for name in names if name.lower() in known and _fits(task, name, form)]
        if not task.table.header_line and len(found) < min(len(names), 4):
            named = [name for name in names[len(found):len(found) + 1] if _fits(task, name, form)]
        if not named:
            break
        found.append(named[0])
    if not task.table.header_line and (len(found) < 2 or not _rising(task, found[0])):
        return ()
    return tuple(found) if _is_time(task, found) else ()


def _is_time(task: Task, names: Sequence[str]) -> bool:
    """A year alone is a time only where years rise or there are ids; with a month or day it always is."""
    if len(names) != 1:
        return bool(names)
    return _rises(task, task.table.columns[names[0]].numbers(task.table.style)[0])


def _fits(task: Task, name: str, form: str) -> bool:
    """Whether all cells are whole numbers within the bounds of a part of a date."""
    values, wrong = task.table.columns[name].numbers(task.table.style)
    low, high = BOUNDS[form]
    return bool(len(values) and not wrong.any() and ((values >= low) & (values <= high) & (values % 1 == 0)).all())


def _rising(task: Task, name: str) -> bool:
    values, _ = task.table.columns[name].numbers(task.table.style)
    return bool((np.diff(values) >= 0).all())


def _numeric(task: Task) -> tuple[str, ...]:
    """A numeric column with the name of a time that can be one."""
    known = [*NUMERIC_NAMES, *(name for name in STAMP_NAMES if name not in NUMERIC_NAMES)]
    for wanted in known:
        for name, column in task.table.columns.items():
            if name.lower() != wanted or (wanted == "t" and name != "t"):
                continue
            values, wrong = column.numbers(task.table.style)
            good = values[~wrong & ~np.isnan(values)]
            if 2 * len(good) < len(values) or not len(good):
                continue
            if numeric_kind(good, name)[0] not in ("elapsed", "index"):
                return (name,)
            if wanted in NUMERIC_NAMES and len(good) == len(values) and _rises(task, values):
                return (name,)
    return ()


def _rises(task: Task, values: Array) -> bool:
    """Strictly increasing, within each id where a column is called like one."""
    group = id_groups(task)
    order = np.argsort(group, kind="stable")
    same = group[order][1:] == group[order][:-1]
    return bool((np.diff(values[order])[same] > 0).all())


def id_groups(task: Task) -> Ints:
    """A number for each row: which id it has, by the columns that are read as ids."""
    group = np.zeros(task.table.rows, np.int64)
    for column in task.table.columns.values():
        if column.text and column.name not in task.options.columns.time_col:
            codes, words = column.codes()
            group = np.unique(group * len(words) + codes, return_inverse=True)[1]
    return group


def numeric_kind(values: Array, name: str) -> tuple[str, str]:
    """(kind, format) of a numeric time axis: an epoch where it is plausible, dates such as 20240131, else numbers."""
    whole = bool((values % 1 == 0).all())
    low, high = float(values.min()), float(values.max())
    for form, floor, ceiling in (("%Y%m%d", 17000101, 22001231), ("%Y%m", 170001, 220012)):
        if whole and floor <= low and high <= ceiling and name.lower() in STAMP_NAMES:
            distinct = [f"{value:.0f}" for value in np.unique(values)]
            if parse_cells(distinct, form).ok.all():
                return "stamp", form
    if whole and low >= 1000 and high <= 2500 and name.lower() in YEAR_NAMES:
        return "stamp", "%Y"
    for kind, first, last in EPOCHS:
        if first <= low and high <= last:
            return kind, ""
    return ("index" if whole and name.lower() != "time_s" else "elapsed"), ""


def _of_format(task: Task, form: str) -> tuple[str, ...]:
    """The column that a given format fits."""
    compile_format(form)
    for name, column in task.table.columns.items():
        words = stamp_words(task, column)
        if not words and not any(isinstance(chunk, Words) for chunk in column.chunks):
            words = [column.cell(row) for row in range(min(task.table.rows, 200))]
        if words and 2 * parse_cells(words, form).ok.sum() >= len(words):
            return (name,)
    raise task.refuse(f"no column has stamps like {form!r}", mend="say which with --time-col, or mend --time-format")


def find_clock_of(task: Task, names: Sequence[str]) -> Clock:
    """What the cells of the time columns mean; joined columns have been read as text."""
    form = task.options.time.time_format
    if not names:
        return Clock(kind="row")
    if form:
        return Clock(format=form)
    if len(names) > 1:
        return Clock(format=_only(task, names, joined_formats(task, names)))
    column = task.table.columns[names[0]]
    tally = column.tally(task.table.style.missing)
    if tally.numbers > tally.moments + tally.words or (column.text and not find_formats(stamp_words(task, column))):
        values, wrong = column.numbers(task.table.style)
        good = values[~wrong & ~np.isnan(values)]
        if len(good):
            if part_letter(names[0]) == "%Y" and _fits(task, names[0], "%Y"):
                return Clock(format="%Y")
            kind, form = numeric_kind(good, names[0])
            if kind in ("index", "elapsed"):
                _refuse_fine(task, names[0], good)
            return Clock(kind=kind, format=form)
    words = stamp_words(task, column)
    formats = find_formats(words) if tally.words else [""]
    if not formats and tally.moments > tally.words:
        formats = [""]
    return Clock(format=_only(task, names, formats))


def _refuse_fine(task: Task, name: str, values: Array) -> None:
    """Refuse epochs that are not read, and numbers that would be rounded: a stamp must come out as it went in."""
    low, high = float(values.min()), float(values.max())
    for unit, scale in (("microseconds", 1e6), ("nanoseconds", 1e9)):
        if EPOCHS[0][1] * scale <= low and high <= EPOCHS[0][2] * scale:
            raise task.refuse(f"{high:.0f} looks like {unit} since 1970: epochs are read in seconds or milliseconds",
                              column=name, mend="write it in milliseconds, or say --no-time")
    if max(abs(low), abs(high)) > EXACT:
        raise task.refuse(f"{high:.0f} is beyond 2^53: such numbers cannot be told apart", column=name,
                          mend="count from a later point, or say --no-time")


def _only(task: Task, names: Sequence[str], formats: list[str]) -> str:
    """The one format that is left, or an error that asks."""
    column = joined(task, names)
    words = stamp_words(task, column)
    if len(formats) > 1:
        formats = choose_regular(words, formats)
    if not formats:
        said = f"{words[0]!r} is not a time" if words else "the time column is empty"
        raise task.refuse(said, column=" ".join(names), mend="say its --time-format, or --no-time",
                          row=task.first_row(column, words[0]) if words else None)
    if len(formats) > 1:
        row = task.first_row(column, words[0])
        which = " or ".join(f"--time-format {form!r}" if " " in form else f"--time-format {form}" for form in formats)
        task.fault(row, f"{words[0]!r} may be day first or month first, and no later row decides", column=names[0],
                   mend=f"add {which}")
    if formats[0]:
        task.findings.note(f"the stamps of {' and '.join(map(repr, names))} are read as {formats[0]}")
    return formats[0]
