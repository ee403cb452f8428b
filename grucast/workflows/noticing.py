"""What is worth saying about values that are in order."""

from __future__ import annotations

import numpy as np

from grucast.core.series import Clock, Panel, Series
from grucast.preprocessing.sources import length_passed
from grucast.preprocessing.zones import written


def constant_columns(panel: Panel) -> list[str]:
    """A note for each channel that never moves, in any series."""
    notes = []
    for channel, name in enumerate(panel.channels):
        seen = [one.y[one.observed[:, channel], channel] for one in panel.series]
        if any(len(one) for one in seen) and not any(len(one) and np.ptp(one) for one in seen):
            value = next(float(one[0]) for one in seen if len(one))
            notes.append(f"{name} is always {value:g}" if all(one[0] == value for one in seen if len(one)) else
                         f"{name} never changes within a series")
    return notes


def without_logarithm(panel: Panel, context: int) -> list[str]:
    """A note on values that are not above zero in the last `context` rows of any series: a model of logs masks them.

    `panel` is gridded. Training refuses such values; these came later.
    """
    count, first = 0, ""
    for one in panel.series:
        stop = length_passed(one)
        part = one.rows(max(0, stop - context), stop)
        wrong = part.observed & ~(part.y > 0)
        count += int(wrong.sum())
        first = first or (_place(part, int(np.argmax(wrong.any(axis=1))), panel.layout.clock) if wrong.any() else "")
    if not count:
        return []
    many = "1 value is not above zero," if count == 1 else f"{count} values are not above zero, the first"
    return [f"{many} {first}: without a logarithm, masked"]


def _place(series: Series, row: int, clock: Clock) -> str:
    """`in line 812 (2024-01-20T12:00:00, series 'b')`."""
    series_id = f", series {series.unique_id!r}" if series.unique_id else ""
    return f"in line {series.line[row]} ({written(series.ds[row], clock)}{series_id})"
