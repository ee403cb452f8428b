"""Contributions as rows and as JSON: gathered by segment and lag, and each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.core.series import Panel
from grucast.data.writing import format_stamps
from grucast.forecasting.attribution import Attribution
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.holidays import HOLIDAY
from grucast.workflows.explaining.choose import Chosen

COLUMNS = ("input", "start", "end", "lag", "rows", "contribution", "share")
CALENDAR, HOLIDAYS, AHEAD, OTHERS = "calendar", "holidays", " ahead", "all others"


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """One input over its rows: of the context, or of the rows ahead. `ds` and `contribution` are (T,)."""

    name: str
    ds: Stamps
    contribution: Array
    ahead: bool = False

    def groups(self, width: int, context: int) -> Iterator[tuple[int, int, int | None]]:
        """First row, stop and lag of its newest row of each segment, the newest first; rows ahead have no lag."""
        rows = len(self.ds)
        if self.ahead:
            yield from ((start, min(start + width, rows), None) for start in range(0, rows, width))
            return
        for back in range(0, min(context, rows), width):
            yield max(rows - back - width, 0), rows - back, back + 1


def strands(found: Attribution, chosen: Chosen, panel: Panel, calendar: Sequence[str]) -> list[Strand]:
    """Every input that has rows: past values, then covariates; calendar features together as one.

    Rows before the begin of the series are left out: nothing was observed there.
    """
    length, ahead = len(found.x), len(found.known) - len(found.x)
    first = max(length - chosen.cutoff, 0)  # of the context
    behind = chosen.series.ds[max(chosen.cutoff - length, 0) : chosen.cutoff]
    later = stamps_after(behind[-1], ahead, panel.layout.clock)
    columns = panel.layout.columns
    out = [Strand(panel.channels[chosen.channel], behind, found.x[first:])]
    out += [Strand(name, behind, found.past[first:, k]) for k, name in enumerate(columns.past)]
    for name, both in _known(found.known, columns.known, calendar):
        out += [Strand(name, behind, both[first:length]), Strand(name + AHEAD, later, both[length:], ahead=True)]
    return out


def _known(known: Array, names: Sequence[str], calendar: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """Each covariate known ahead (L + H,), the features of the calendar added up, and those of holidays."""
    yield from ((name, known[:, k]) for k, name in enumerate(names))
    off = np.array([name == HOLIDAY for name in calendar], dtype=bool)
    for name, some in ((CALENDAR, ~off), (HOLIDAYS, off)):
        if some.any():
            yield name, known[:, len(names) :][:, some].sum(axis=1)


def gathered(parts: Sequence[Strand], static: dict[str, float], width: int, tz: str) -> list[dict[str, Any]]:
    """One object for each segment of each input under the names of `COLUMNS`, the largest contribution first."""
    rows: list[dict[str, Any]] = []
    for one in parts:
        stamps = format_stamps(one.ds, tz)
        for start, stop, lag in one.groups(width, len(one.ds)):
            rows.append({"input": one.name, "start": stamps[start], "end": stamps[stop - 1], "lag": lag,
                         "rows": stop - start, "contribution": float(one.contribution[start:stop].sum())})
    rows += [{"input": name, "start": None, "end": None, "lag": None, "rows": None, "contribution": value}
             for name, value in static.items()]
    size = sum(abs(row["contribution"]) for row in rows)
    for row in rows:
        row["share"] = abs(row["contribution"]) / size if size > 0 else 0.0
    return sorted(rows, key=lambda row: -abs(row["contribution"]))


def table(rows: Sequence[dict[str, Any]], top: int) -> list[list[object]]:
    """The `top` largest rows under `COLUMNS`, and one of all others, so that it sums to the whole."""
    shown = [[row[name] for name in COLUMNS] for row in rows[:top]]
    rest = rows[top:]
    if rest:
        shown.append([OTHERS, None, None, None, sum(row["rows"] or 0 for row in rest),
                      sum(row["contribution"] for row in rest), sum(row["share"] for row in rest)])
    return shown


def documents(parts: Sequence[Strand], chosen: Chosen, tz: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Past values row by row with their contributions, and the same of each covariate."""
    first, *others = parts
    stop = chosen.cutoff
    y = chosen.series.y[stop - len(first.ds) : stop, chosen.channel]
    values = {"ds": format_stamps(first.ds, tz), "y": y.tolist(), "contribution": first.contribution.tolist()}
    return values, [{"input": one.name, "ds": format_stamps(one.ds, tz), "contribution": one.contribution.tolist()}
                    for one in others]


def steps_of(chosen: Chosen, length: int, width: int) -> Stamps:
    """The first row of each step, `width` rows long, in which a network reads a context of `length` rows.

    Steps are counted from the end; the first may be shorter, or lie before the begin of the series.
    """
    rows = chosen.cutoff - np.arange(-(-length // width), 0, -1) * width
    return np.asarray(chosen.series.ds[np.maximum(rows, max(chosen.cutoff - length, 0))])
