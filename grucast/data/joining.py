"""Several columns that together are one time: joined as text, then read as one column would be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grucast.core.series import Clock
from grucast.data.stamp_formats import find_clock, find_formats
from grucast.data.stamps import Moments
from grucast.data.table import Column, Words
from grucast.data.task import Task

PARTS = (  # the names that parts of a date go by, and their letters in a format
    ("%Y", ("year", "yr", "yyyy", "jahr")), ("%m", ("month", "mo", "mon", "mm", "mnth", "monat")),
    ("%d", ("day", "dy", "dd", "dom", "tag")), ("%H", ("hour", "hr", "hh", "stunde")),
    ("%M", ("minute", "min", "mi", "minuten")), ("%S", ("second", "sec", "ss")),
)


def stamp_words(task: Task, column: Column) -> list[str]:
    """The distinct words of a column that are not missing."""
    return [word for word in column.places if word.strip() not in task.table.style.missing]


def part_letter(name: str) -> str:
    """The letter of the part of a date that a column is named after, "" when it is not."""
    return next((form for form, known in PARTS if name.lower() in known), "")


def joined_formats(task: Task, names: Sequence[str]) -> list[str]:
    """The formats that several columns have when joined with blanks."""
    if not task.table.header_line or part_letter(names[0]) == "%Y":
        letters = [form for form, _ in PARTS][: len(names)]
        named = [part_letter(name) for name in names]
        return [" ".join(named if all(named) else letters)]
    forms = []
    for name in names:
        words = stamp_words(task, task.table.columns[name])
        found = find_formats(words) or [find_clock(words) or part_letter(name)]
        forms.append(["%Y-%m-%d" if form == "" else form for form in found])
    return [" ".join([first, *(one[0] for one in forms[1:])]) for first in forms[0] if all(one[0] for one in forms)]


def joined(task: Task, names: Sequence[str]) -> Column:
    """The time columns as one, their texts joined with blanks."""
    if len(names) == 1:
        return task.table.columns[names[0]]
    group = np.zeros(task.table.rows, np.int64)
    words = [""]
    for name in names:
        codes, more = task.table.columns[name].codes()
        kept, group = np.unique(group * len(more) + codes, return_inverse=True)
        words = [f"{words[one // len(more)]} {more[one % len(more)].strip()}".strip() for one in kept.tolist()]
    # different cells may join to one text ("5" and " 5"): the last place is kept, and it is right for both
    column = Column(" ".join(names), text=True, places={word: at for at, word in enumerate(words)})
    if len(column.places) < len(words):
        distinct = {word: at for at, word in enumerate(dict.fromkeys(words))}
        group = np.array([distinct[word] for word in words])[group]
        column.places = distinct
    column.chunks.append(Words(group.astype(np.int32)))
    return column


def instants(task: Task, names: Sequence[str], clock: Clock) -> Moments:
    """The stamps (T,) as they were written, not yet moved by their offsets or a zone."""
    if clock.kind in ("epoch_s", "epoch_ms"):
        values, wrong = task.table.columns[names[0]].numbers(task.table.style)
        ok = ~wrong & ~np.isnan(values)
        scale = 1_000_000 if clock.kind == "epoch_s" else 1_000
        us = np.rint(np.where(ok, values, 0) * scale).astype(np.int64)
        return Moments(us, ok)
    return joined(task, names).moments(clock.format)
