"""Which forecast is explained: of which series and channel, from which row on, at which steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.errors import DataError, UsageError
from grucast.core.registry import did_you_mean
from grucast.core.series import Panel, Series
from grucast.forecasting.errors import stride_of
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.sources import length_passed
from grucast.preprocessing.zones import written
from grucast.workflows.predicting.table import names_of
from grucast.workflows.serving import on_axis

EVENT_ID = re.compile(r"e[0-9a-f]{12}")
NAMED = 10  # series that an error lists


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The forecast of one channel of one series of the grid, made when `cutoff` rows were known, at `steps` (n,)."""

    series: Series
    channel: int
    name: str
    cutoff: int
    steps: Ints  # counted from 0
    event: dict[str, Any] | None = None  # as `detect-anomalies` tells it, where an event is explained


def newest(panel: Panel, asked: str | None, step: int | None, horizon: int) -> Chosen:
    """The newest forecast of the series `asked`: of its `step`, or of all steps together."""
    series, channel, name = find_series(panel, asked)
    steps = np.arange(horizon) if step is None else np.array([step - 1])
    return Chosen(series, channel, name, length_passed(series), steps)


def find_series(panel: Panel, asked: str | None) -> tuple[Series, int, str]:
    """Series, channel and name that `forecast` calls `asked`; the first where None. UsageError for none of them."""
    found = [(one, channel, name) for one in panel.series for channel, name in enumerate(names_of(one, panel))]
    for one in found:
        if asked is None or one[2] == asked:
            return one
    names = [name for _, _, name in found]
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    raise UsageError(f"--series {asked!r} is not known{did_you_mean(str(asked), names)}; there are {shown}")


def count_of(panel: Panel) -> int:
    """How many forecasts there are at once."""
    return len(panel.series) * len(panel.channels)


# ---- an event ------------------------------------------------------------------------------------


def at_event(panel: Panel, words: tuple[str, str | None], forecaster: Forecaster,
             detected: Callable[[], Sequence[dict[str, Any]]]) -> Chosen:
    """The forecast that made the expected value of an event's peak row.

    `words` is what --event (an id, or a stamp) and --series say; a stamp inside of no event is itself the row.
    `detected` finds all events. Errors: UsageError where there is no such event or stamp; DataError for a row before
    which no whole context lies.
    """
    asked, named = words
    events = detected()
    event = _by_id(asked, events) if EVENT_ID.fullmatch(asked) else _around(asked, panel, named, events)
    if event is None:
        series, channel, name = find_series(panel, named)
        row = _row(series, on_axis(asked, panel, "--event"), asked)
    else:
        series, channel, name = _led_by(event, panel, named)
        row = _row(series, on_axis(event["peak"], panel, "--event"), event["peak"])
    cutoff, step = _judged_by(row, forecaster)
    if cutoff < forecaster.window.context_length:
        raise DataError(f"nothing was expected at {written(series.ds[row], panel.layout.clock)}: "
                        f"{forecaster.window.context_length} rows must come before it", mend="name a later --event")
    return Chosen(series, channel, name, cutoff, np.array([step]), event)


def _by_id(asked: str, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The event of this id."""
    for one in events:
        if one["event_id"] == asked:
            return one
    shown = ", ".join(one["event_id"] for one in events[:NAMED]) + (", ..." if len(events) > NAMED else "")
    raise UsageError(f"--event {asked}: no such event with the default rule and budget; "
                     f"{f'there are {shown}' if shown else 'there is none'}; or name the stamp of a row")


def _around(asked: str, panel: Panel, named: str | None, events: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The first event that holds the stamp, in the series `named` or any; None where there is none."""
    at = on_axis(asked, panel, "--event")
    for one in events:
        begin = on_axis(one["start"], panel, "--event")
        end = None if one["end"] is None else on_axis(one["end"], panel, "--event")
        if begin <= at and (end is None or at <= end) and named in (None, _led_by(one, panel, None)[2]):
            return one
    return None


def _led_by(event: dict[str, Any], panel: Panel, named: str | None) -> tuple[Series, int, str]:
    """Series, channel and name of what led an event, or of the series `named`."""
    if named is not None:
        return find_series(panel, named)
    series = next(one for one in panel.series if one.unique_id == event["unique_id"])
    channel = panel.channels.index(event["channels"][0])
    return series, channel, names_of(series, panel)[channel]


def _row(series: Series, at: Any, words: str) -> int:
    """The row of a series at a point of its axis. UsageError where it has none."""
    row = int(np.searchsorted(series.ds, at))
    if row == len(series) or series.ds[row] != at:
        raise UsageError(f"--event {words!r}: there is neither an event nor a row at this stamp")
    return row


def _judged_by(row: int, forecaster: Forecaster) -> tuple[int, int]:
    """Cutoff and step of the forecast that a row is held against in detection (`forecasting/errors.py`)."""
    stride = stride_of(forecaster)
    return row // stride * stride, row % stride
