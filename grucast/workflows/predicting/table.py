"""Forecasts as rows and as JSON: the columns asked for, a block of rows for each series and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Stamps
from grucast.core.errors import DataError, UsageError
from grucast.core.results import Forecast, Manifest
from grucast.core.series import Panel, Series
from grucast.data.writing import format_stamps

SLACK = 1e-9  # of a quantile level such as 0.5 - 95 / 200
NAMED = 3  # series that a note names


@dataclass(frozen=True, slots=True, eq=False)
class ForecastTable:
    """Rows under `columns`, the same by series in `forecasts`; `cutoff` is the newest, `cutoffs` those of the rows."""

    columns: tuple[str, ...]
    rows: list[list[object]]
    forecasts: list[dict[str, Any]]
    cutoff: str
    cutoffs: list[str]
    notes: list[str]


def lay_out(found: Sequence[Forecast], panel: Panel, named: Sequence[tuple[str, float]], file: str) -> ForecastTable:
    """The forecasts with y_hat and the `named` quantiles; what is not finite is left out and said.

    DataError where nothing is left: the whole context is missing, everywhere.
    """
    rows: list[list[object]] = []
    forecasts: list[dict[str, Any]] = []
    cutoffs: list[str] = []
    empty: list[str] = []
    for one in found:
        stamps, cutoff = format_stamps(one.ds, panel.tz), _text(one.cutoff, panel)
        columns = {"y_hat": one.y_hat} | {name: one.level(level) for name, level in named}
        for channel, unique_id in enumerate(names_of(one, panel)):
            values = {key: [float(number) for number in column[:, channel]] for key, column in columns.items()}
            if not np.isfinite(one.quantiles[:, channel]).all():
                empty.append(unique_id)
                continue
            forecasts.append({"unique_id": unique_id, "ds": stamps, **values})
            rows += [[unique_id, stamp, *row] for stamp, *row in zip(stamps, *values.values(), strict=True)]
            cutoffs += [cutoff] * len(stamps)
    if not forecasts:
        raise DataError("the whole context is missing: nothing to forecast from", file=file,
                        mend="give newer rows, or forecast from earlier ones with --cutoff")
    names = ", ".join(empty[:NAMED]) + (", ..." if len(empty) > NAMED else "")
    notes = [f"no forecast for {names}: the whole context is missing"] if empty else []
    newest = _text(max(one.cutoff for one in found), panel)
    return ForecastTable(("unique_id", "ds", "y_hat", *(name for name, _ in named)), rows, forecasts, newest, cutoffs,
                         notes)


def with_cutoffs(table: ForecastTable) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of a table with the cutoff of each row behind its id."""
    rows = [[row[0], cutoff, *row[1:]] for row, cutoff in zip(table.rows, table.cutoffs, strict=True)]
    return [table.columns[0], "cutoff", *table.columns[1:]], rows


def interval_levels(asked: Sequence[int], manifest: Manifest) -> tuple[int, ...]:
    """The interval levels in per cent that were asked for, else those of the model, each once."""
    return tuple(dict.fromkeys(asked or manifest.values.get("levels", (80, 95))))


def named_levels(levels: Sequence[int], quantiles: Sequence[float], manifest: Manifest) -> list[tuple[str, float]]:
    """Column names, each once, and the quantile behind each. UsageError for levels outside of those trained."""
    trained = manifest.model.quantile_levels
    if quantiles:
        named = [(f"q-{level:g}", level) for level in quantiles]
    else:
        named = [(f"{side}-{level}", 0.5 + sign * level / 200)
                 for level in levels for side, sign in (("lo", -1), ("hi", 1))]
    for name, level in named:
        if not trained[0] - SLACK <= level <= trained[-1] + SLACK:
            raise UsageError(f"{name}: quantiles from {trained[0]:g} to {trained[-1]:g} are trained, levels up to "
                             f"{100 - 200 * trained[0]:g}")
    return list(dict(named).items())


def names_of(one: Forecast | Series, panel: Panel) -> list[str]:
    """What each channel is called: its column in a wide file, else its id, with the column where there are several."""
    if panel.layout.columns.shape == "wide":
        return list(panel.channels)
    return [f"{one.unique_id}/{name}" if len(panel.channels) > 1 else one.unique_id for name in panel.channels]


def _text(cutoff: Any, panel: Panel) -> str:
    stamp: Stamps = np.array([cutoff])
    return format_stamps(stamp, panel.tz)[0]
