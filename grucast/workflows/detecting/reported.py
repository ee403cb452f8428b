"""Which rows are told of: those since a stamp, the last ones, and none that are silenced.

Rows of `--exclude` and `--exclude-labelled` belong to no event, and events end there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array, Mask
from grucast.core.config import RowOptions
from grucast.core.errors import UsageError
from grucast.core.series import STAMP, Panel
from grucast.data.periods import read_periods
from grucast.detection.budget import SECONDS
from grucast.detection.events import Event, find_events
from grucast.preprocessing.alias import SECOND
from grucast.workflows.serving import on_axis

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", re.IGNORECASE)


def first_reported(panel: Panel, since: str | None, last: int | None) -> list[int]:
    """The first row of each series that is reported; what comes before is context.

    `since` is a point of the axis, or a duration that ends with the newest row of the panel; `last` counts the rows
    that the file has. UsageError where it is neither, or where rows have no stamps.
    """
    if last is not None:
        rows = [np.flatnonzero(one.line > 0) for one in panel.series]
        return [int(own[-last]) if len(own) >= last else 0 for own in rows]
    if since is None:
        return [0] * len(panel.series)
    duration = DURATION.fullmatch(since.strip())
    if duration is None:
        first = on_axis(since, panel, "--since")
        return [int(np.searchsorted(one.ds, first)) for one in panel.series]
    if panel.layout.clock.kind in ("row", "index"):
        raise UsageError(f"--since {since}: the rows have no stamps; say a row number, or --last N")
    seconds = float(duration[1]) * SECONDS[duration[2].lower()]
    newest = max(one.ds[-1] for one in panel.series)
    back = np.timedelta64(round(seconds * SECOND), "us") if newest.dtype.kind == "M" else seconds
    return [int(np.searchsorted(one.ds, newest - back, side="right")) for one in panel.series]


def silenced(panel: Panel, asked: RowOptions) -> Iterator[Mask]:
    """The rows (T,) of each series that are silenced; their values are masked already, when they are read."""
    periods = read_periods(asked.exclude, panel.layout.clock) if asked.exclude else np.empty((0, 2))
    for one in panel.series:
        axis = one.ds.astype(np.int64) if one.ds.dtype == STAMP else one.ds
        silent = np.zeros(len(one), dtype=bool)
        for first, last in periods:
            silent |= (axis >= first) & (axis <= last)
        if asked.exclude_labelled and one.label is not None:
            silent |= one.label != 0
        yield silent


def events_between(score: Array, threshold: Array, silent: Mask, min_gap: int, min_rows: int) -> list[Event]:
    """The events of each stretch between `silent` rows, all (T,); see `find_events`. Only the last can be open."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], silent, [True]])))
    events: list[Event] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        found = find_events(score[start:stop], threshold[start:stop], min_gap=min_gap, min_rows=min_rows)
        events += [replace(one, start=one.start + start, stop=one.stop + start, peak=one.peak + start,
                           open=one.open and stop == len(score)) for one in found]
    return events
