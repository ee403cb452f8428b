"""Read forecasts that anybody made: which columns are the point, the quantiles, the cutoff, and whose they are.

A long file has a row for each value forecast: `unique_id` (or `--id-col`) where there are several series, `cutoff`
where a series was forecast more than once, a time, a point forecast, and quantiles as `lo-80` and `hi-80`,
`q-0.1` or `0.1`, also behind the name of the point forecast (`AutoETS`, `AutoETS-lo-80`). A wide file has a time
and a column of point forecasts for each series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints, Stamps
from grucast.core.config import ColumnOptions, FormatOptions, ReadOptions, TimeOptions
from grucast.core.errors import DataError
from grucast.data.findings import Findings
from grucast.data.layout import ID_NAMES, LABEL_NAMES
from grucast.data.panels import values_of
from grucast.data.task import Task
from grucast.workflows.judging.sheets import Sheet, as_sheet, id_columns, open_cells, times_in

POINTS = ("y_hat", "yhat", "forecast", "prediction", "predicted")  # usual names of a point forecast
QUANTILE = re.compile(r"(?:(?P<stem>.*)[-_])??(?:(?P<side>lo|hi)-(?P<level>\d+(?:\.\d+)?)|(?:q-?)?(?P<share>0?\.\d+))")
TRUTH, CUTOFF = "y", "cutoff"
MEDIAN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """P values forecast: their series, time, forecast (`window`), point and quantiles, in the order of the file.

    `ids` are the names of the series, "" where the file has none; `named` says whether they are ids, not columns.
    `cutoff` (P,) is the last time known, as `ds`; None where the file does not say. `truth` is the file's own y.
    """

    sheet: Sheet
    ids: tuple[str, ...]
    named: bool
    row: Ints  # (P,) of the sheet
    series: Ints  # (P,)
    window: Ints  # (P,) numbers the forecasts, from 0
    cutoff: Stamps | None
    y_hat: Array  # (P,)
    levels: tuple[float, ...]  # rising, the median among them
    quantiles: Array  # (P, Q)
    truth: Array | None  # (P,)

    @property
    def ds(self) -> Stamps | None:
        """The time of each value, (P,), None where the file does not tell it."""
        return None if self.sheet.ds is None else self.sheet.ds[self.row]


@dataclass(frozen=True, slots=True)
class Parts:
    """The columns of a file of forecasts: of the points, one or one a series, and of the quantiles by level."""

    points: tuple[str, ...]
    quantiles: dict[float, str]
    wide: bool


def read_forecasts(name: str, read: ReadOptions, forecast_col: str | None) -> Forecasts:
    """The forecasts in the file `name`; its format and time are found, `read` gives names of columns and the zone.

    Errors: DataError for a file without forecasts, with several and no word which is meant, and for cells that
    are no number or no time.
    """
    sheet = _open(name, read)
    task = sheet.task
    parts = find_parts(sheet, forecast_col)
    points = values_of(task, parts.points)  # (T, S)
    count = len(parts.points)
    row = np.repeat(np.arange(sheet.rows), count)
    series = sheet.group[row] * count + np.tile(np.arange(count), sheet.rows)
    levels = dict(sorted({MEDIAN: "", **parts.quantiles}.items()))
    columns = [np.repeat(values_of(task, [column])[:, 0], count) if column else points.reshape(-1)
               for column in levels.values()]
    cutoff = times_in(sheet, CUTOFF) if CUTOFF in task.table.columns else None
    cutoff = None if cutoff is None else cutoff[row]
    own = TRUTH in task.table.columns and not parts.wide and TRUTH not in parts.points
    truth = values_of(task, [TRUTH])[:, 0] if own else None
    ids = tuple(_name(one, point, parts.wide) for one in sheet.ids for point in parts.points)
    return Forecasts(sheet, ids, any(sheet.ids), row, series, _windows(series, cutoff), cutoff, points.reshape(-1),
                     tuple(levels), np.stack(columns, axis=1), truth)


def _open(name: str, read: ReadOptions) -> Sheet:
    """The file as a sheet; a time format that was said for the data holds here where the stamps need one."""
    formats = dict.fromkeys((None, read.time.time_format))
    for last, form in enumerate(formats, 1):
        asked = ReadOptions(columns=ColumnOptions(id_col=read.columns.id_col),
                            time=TimeOptions(tz=read.time.tz, time_format=form, no_time=read.time.no_time),
                            format=FormatOptions(na_value=read.format.na_value))
        try:
            task = open_cells(name, asked, Findings())
            names = _time_columns(task, read.columns.time_col)
            task = replace(task, options=replace(asked, columns=replace(asked.columns, time_col=names)))
            return as_sheet(task, _ids(task, read.columns.id_col))
        except DataError:
            if last == len(formats):
                raise
    raise AssertionError


def _time_columns(task: Task, asked: Sequence[str]) -> tuple[str, ...]:
    """Those asked for where the file has them, else `ds`, which is the time even where numbers in it repeat."""
    if asked and all(one in task.table.columns for one in asked):
        return tuple(asked)
    return ("ds",) if "ds" in task.table.columns else ()


def _ids(task: Task, asked: Sequence[str]) -> tuple[str, ...]:
    """The columns that name series: as in a file of data, other usual names where they repeat."""
    found = id_columns(task, asked)
    if found:
        return found
    usual = [name for name in ID_NAMES if name in task.table.columns and name != "unique_id"]
    return tuple([name for name in usual if len(task.table.columns[name].places) < task.table.rows][:1])


def _name(unique_id: str, point: str, wide: bool) -> str:
    """What a series is called: its id, in a wide file its column, behind the id where there are both."""
    if not wide:
        return unique_id
    return f"{unique_id}/{point}" if unique_id else point


def _windows(series: Ints, cutoff: Stamps | None) -> Ints:
    """The number of the forecast that each value belongs to: one for each series and cutoff."""
    if cutoff is None:
        return series
    known = np.unique(cutoff, return_inverse=True)[1].reshape(-1)
    window: Ints = np.unique(series * (int(known.max()) + 1) + known, return_inverse=True)[1].reshape(-1)
    return window


# ---- columns -------------------------------------------------------------------------------------


def find_parts(sheet: Sheet, asked: str | None) -> Parts:
    """Which columns are forecasts. `asked` names the point forecast.

    Errors: DataError where there is none, or several and nothing says which.
    """
    task = sheet.task
    taken = (*sheet.time, *_ids(task, task.options.columns.id_col), CUTOFF, TRUTH, *LABEL_NAMES)
    free = [name for name in task.table.columns if name not in taken]
    marked = list(_marked(free))
    if asked is not None:
        point: str | None = task.column(asked).name
    else:
        point = next((name for name in POINTS if name in free), None)
    if point is None:
        point = next((name for name, stem, level in marked if not stem and level == MEDIAN), None)
    if point is None:
        levels = {one for one, _, _ in marked}
        plain = [name for name in free if name not in levels and _is_number(task, name)]
        if plain and not marked and not any(sheet.ids):
            return Parts(tuple(plain), {}, wide=True)
        point = _only(sheet, plain)
    stems = {"", point, point.removesuffix("-median")}
    quantiles: dict[float, str] = {}
    for name, stem, level in marked:
        if stem in stems and name != point:
            quantiles.setdefault(level, name)
    return Parts((point,), quantiles, wide=False)


def _only(sheet: Sheet, plain: Sequence[str]) -> str:
    """The one column that can be the point forecast."""
    if len(plain) == 1:
        return plain[0]
    line = sheet.task.table.header_line or None
    if not plain:
        raise DataError("there is no column of forecasts, such as y_hat", file=sheet.file, line=line,
                        mend="name it with --forecast-col")
    raise DataError(f"the columns {', '.join(map(repr, plain[:20]))} may all be forecasts", file=sheet.file, line=line,
                    mend="name one with --forecast-col")


def _is_number(task: Task, name: str) -> bool:
    """Whether most cells of a column are numbers."""
    tally = task.table.columns[name].tally(task.table.style.missing)
    return tally.numbers > tally.words + tally.moments


def _marked(names: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """The columns that say which quantile they are: name, what stands before it, level."""
    for name in names:
        found = QUANTILE.fullmatch(name)
        if found is None:
            continue
        if found["side"]:
            tail = 0.5 - float(found["level"]) / 200
            level = tail if found["side"] == "lo" else 1.0 - tail
        else:
            level = float(found["share"])
        if 0.0 < level < 1.0:
            yield name, found["stem"] or "", round(level, 9)
