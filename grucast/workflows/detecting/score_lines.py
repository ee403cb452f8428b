"""The score file: one line for each row of the input, in its order, written piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.files import write_whole
from grucast.data.writing import escape
from grucast.detection.calibration import p_values
from grucast.workflows.detecting.table import LOW, Judged, Telling, event_id, low_confidence

Places: TypeAlias = npt.NDArray[Any]  # of words in a list, -1 for none; int32, as there are millions
COLUMNS = ("unique_id", "ds", "y", "y_hat", "channel", "score", "p_value", "threshold", "is_anomaly", "event_id",
           "flags")
ARRIVED = ("late", "revised", "late;revised")  # in a run that goes on
FLAGS = ("", LOW, "duplicate", *ARRIVED, *(f"{LOW};{one}" for one in ARRIVED))
PIECE = 10_000  # lines written at once


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """N lines of the score file; `line` is the line of the input that each belongs to.

    `unique`, `channel` and `event` are places in `ids`, in the channels of the panel and in `events`; -1 for none.
    """

    ids: tuple[str, ...]
    events: tuple[str, ...]
    line: Ints
    unique: Places
    ds: Stamps
    y: Array
    y_hat: Array
    channel: Places
    score: Array
    p_value: Array
    threshold: Array
    event: Places
    flag: Places  # in FLAGS


def lines_of(judged: Judged, telling: Telling) -> Lines:
    """The lines of one series: those of its rows that the file has and that are reported.

    A row that was dropped for another of the same stamp has its own value, and beside it no score but a flag.
    """
    series, scores, found = judged.series, judged.scores, _found_in_file(judged)
    rows, again = found.rows, found.again
    score = np.where(again, np.nan, _at(scores.score, rows))
    share = np.where(again[:, None], np.nan, _at(scores.share, rows))
    y, y_hat = _at(scores.y, rows), _at(scores.expected[:, :, 1], rows)
    y[again] = found.y
    event = np.where(again, -1, _at(_event_of(judged), rows, -1))
    doubtful = low_confidence(series, len(scores.score), telling.context)
    if scores.doubted is not None:
        doubtful |= scores.doubted
    low = _at(doubtful, rows, False) & np.isfinite(score)
    flag = np.where(again, FLAGS.index("duplicate"), low).astype(np.int8)
    threshold = _at(judged.threshold, rows)
    if telling.per_channel:
        ids, many = channel_ids(scores.unique_id, telling), y.shape[1]
        channel = np.tile(np.arange(many, dtype=np.int32), len(rows))
        seen = np.logical_or.accumulate(series.observed)[rows]
        own = channel_scores(score, share, seen, telling.scoring.gather)
        score, p_value = own.ravel(), p_values(own.ravel(), telling.calibration)
        y, y_hat, unique = y.ravel(), y_hat.ravel(), channel
    else:
        ids, many = (scores.unique_id,), 1
        lead = np.argmax(np.nan_to_num(share), axis=1) if len(rows) else np.zeros(0, dtype=np.int64)
        unled = np.isnan(share).all(axis=1) & (y.shape[1] > 1)  # no column stands for the others
        at = np.arange(len(rows))
        y, y_hat = np.where(unled, np.nan, y[at, lead]), np.where(unled, np.nan, y_hat[at, lead])
        channel, unique = np.where(unled, -1, lead).astype(np.int32), np.zeros(len(rows), dtype=np.int32)
        p_value = np.where(again, np.nan, _at(judged.p_value, rows))
    names = tuple(event_id(judged, one, telling.rule) for one in judged.events)
    return Lines(ids, names, _each(found.line, many), unique, _each(series.ds[rows], many), y, y_hat, channel,
                 score, p_value, _each(threshold, many), _each(event, many), _each(flag, many))


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The N rows of the file that one series tells of: those it has, then those it dropped (`again`).

    `rows` are their places in the series, a dropped one at that of its stamp; `y` (D, C) is of the D dropped.
    """

    rows: Ints
    line: Places
    again: Mask
    y: Array


def _found_in_file(judged: Judged) -> _Found:
    series, begin = judged.series, judged.begin
    rows = begin + np.flatnonzero(series.line[begin:] > 0)
    line, repeats = series.line[rows], series.repeats
    if repeats is None:
        return _Found(rows, line, np.zeros(len(rows), dtype=bool), np.empty((0, series.y.shape[1])))
    place = np.searchsorted(series.ds, repeats.ds)
    told = place >= begin
    again = np.repeat([False, True], [len(rows), int(told.sum())])
    return _Found(np.concatenate([rows, place[told]]), np.concatenate([line, repeats.line[told]]), again,
                  repeats.y[told])


def _each(values: npt.NDArray[Any], many: int) -> npt.NDArray[Any]:
    """`values` (T,), each `many` times."""
    return np.repeat(values, many) if many > 1 else values


def channel_ids(unique_id: str, telling: Telling) -> tuple[str, ...]:
    """What the channels of a series are called: their columns in a wide file, else the id before them."""
    names = telling.panel.channels
    if telling.panel.layout.columns.shape == "wide":
        return names
    return tuple(f"{unique_id}/{name}" for name in names) if len(names) > 1 else (unique_id,)


def channel_scores(score: Array, share: Array, seen: Mask, gather: str) -> Array:
    """The scores of the channels (T, C) that were gathered to `score` (T,) with these shares; NaN where there was none.

    `seen` (T, C): the channel had a value by then, and so a part in the score. A share is a part of the sum; that is
    the mean times the channels, or follows from the largest.
    """
    part = seen & np.isfinite(share)
    if gather == "mean":
        total = score * part.sum(axis=1)
    else:
        largest = np.where(part, share, 0.0).max(axis=1)
        total = score / np.where(largest > 0, largest, 1.0)
    return np.where(part, share * total[:, None], np.nan)


def _event_of(judged: Judged) -> Places:
    """The number of the event of each scored row (T,), -1 for none."""
    event = np.full(len(judged.scores.score), -1, dtype=np.int32)
    for number, one in enumerate(judged.events):
        event[one.start : one.stop] = number
    event[np.isnan(judged.scores.score)] = -1
    return event


def _at(values: npt.NDArray[Any], rows: Ints, empty: float = np.nan) -> npt.NDArray[Any]:
    """`values` (T, ...) at `rows`; `empty` behind the last row scored, where covariates known ahead stand."""
    inside = rows < len(values)
    if inside.all():
        return values[rows]
    out = np.full((len(rows), *values.shape[1:]), empty, dtype=values.dtype)
    out[inside] = values[rows[inside]]
    return out


# ---- the file ------------------------------------------------------------------------------------


def write_scores(path: Path, tables: Sequence[Lines], telling: Telling) -> None:
    """Write the lines of all series to `path`, whole or not at all, in the order of the input."""
    lines = merged(tables)
    write_whole(path, (piece.encode("utf-8", "surrogateescape") for piece in texts(lines, telling)))


def merged(tables: Sequence[Lines]) -> Lines:
    """The lines of several series as one, in the order of the input; lines of one row stay together."""
    if len(tables) == 1 and (np.diff(tables[0].line) >= 0).all():
        return tables[0]
    order = np.argsort(np.concatenate([one.line for one in tables]), kind="stable")
    ids, events = _offsets([one.ids for one in tables]), _offsets([one.events for one in tables])
    moved = [replace(one, unique=_moved(one.unique, ids[at]), event=_moved(one.event, events[at]))
             for at, one in enumerate(tables)]
    names = [field.name for field in fields(Lines) if field.name not in ("ids", "events")]
    arrays = {name: np.concatenate([getattr(one, name) for one in moved])[order] for name in names}
    words = [tuple(word for one in tables for word in getattr(one, name)) for name in ("ids", "events")]
    return Lines(words[0], words[1], **arrays)


def _offsets(words: Sequence[Sequence[str]]) -> list[int]:
    """How many words come before each of several lists of them."""
    return list(accumulate(map(len, words), initial=0))[:-1]


def _moved(places: Places, offset: int) -> Places:
    return np.where(places >= 0, places + offset, -1)


def texts(lines: Lines, telling: Telling) -> Iterator[str]:
    """The header and the lines as CSV, some thousand at once."""
    yield _csv([COLUMNS])
    words = {name: [*map(escape, known), ""] for name, known in (  # the last one is that of -1
        ("unique", lines.ids), ("channel", telling.panel.channels), ("event", lines.events))}
    for start in range(0, len(lines.line), PIECE):
        part = slice(start, start + PIECE)
        columns: list[Sequence[str]] = [
            _named(lines.unique[part], words["unique"]),
            telling.stamps(lines.ds[part]),
            _numbers(lines.y[part]),
            _numbers(lines.y_hat[part]),
            _named(lines.channel[part], words["channel"]),
            _numbers(lines.score[part]),
            _numbers(lines.p_value[part]),
            _numbers(lines.threshold[part]),
            _flags(lines.score[part] > lines.threshold[part], "1", "0"),
            _named(lines.event[part], words["event"]),
            _named(lines.flag[part], FLAGS),
        ]
        yield _csv(zip(*columns, strict=True))


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _named(places: Places, words: Sequence[str]) -> list[str]:
    return [words[place] for place in places.tolist()]


def _numbers(values: Array) -> list[str]:
    """Numbers in their shortest exact form, nothing for one that is not finite."""
    finite = np.isfinite(values)
    if len(values) and finite.all() and (values == values[0]).all():
        return [repr(float(values[0]))] * len(values)
    return [repr(value) if known else "" for value, known in zip(values.tolist(), finite.tolist(), strict=True)]


def _flags(true: Mask, yes: str, no: str) -> list[str]:
    return [yes if one else no for one in true.tolist()]
