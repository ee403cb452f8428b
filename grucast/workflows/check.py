"""The data doctor: what was understood of a file, what is wrong with it, and which option mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.core.series import Panel
from grucast.data.checking import examine
from grucast.data.findings import Finding
from grucast.data.writing import format_stamps
from grucast.preprocessing.frequency import default_horizon
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.seasons import find_seasons
from grucast.preprocessing.sources import length_known
from grucast.preprocessing.splits import split_by_time
from grucast.workflows.noticing import constant_columns


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """`readable`: whether `train` would read it; `understood` is empty where nothing could be read."""

    readable: bool
    understood: dict[str, Any]
    findings: tuple[Finding, ...]


def check(sources: Sequence[str], read: ReadOptions) -> CheckResult:
    """Read `sources` as `train` would and tell all that was found, the wrong and the assumed.

    Errors: those of files that cannot be opened, and of options that make no sense; what is wrong with
    the data is not raised but told.
    """
    examined = examine(sources, read)
    reading, told = examined.reading, list(examined.findings)
    understood: dict[str, Any] = {}
    if reading is not None:
        panel = reading.panel
        try:
            panel, notes = regularise(panel, gaps=read.rows.gaps, file=reading.file)
            told += [Finding("note", one) for one in (*notes, *constant_columns(panel))]
            told += _too_short(panel, reading.file)
        except DataError as error:
            told.append(Finding("error", error.message, error.line, error.column, error.mend, error.file))
        understood = _understood(panel, reading.rows)
    readable = reading is not None and not any(one.severity == "error" for one in told)
    return CheckResult(readable, understood, tuple(dict.fromkeys(told)))


def document(result: CheckResult) -> dict[str, Any]:
    """The result with the keys of `check --json`."""
    return {"readable": result.readable, **result.understood, "findings": [asdict(one) for one in result.findings]}


def _too_short(panel: Panel, file: str) -> list[Finding]:
    """An error where no series is long enough to learn from and to hold something out."""
    lengths = [length_known(one) for one in panel.series]
    horizon = default_horizon(panel.freq, find_seasons(panel), min((rows for rows in lengths if rows), default=1))
    splits = [split_by_time(rows, horizon, 1) for rows in lengths]
    if any(split.fit > horizon for split in splits if split):
        return []
    return [Finding("error", f"nothing can be learned from {max(lengths)} rows", mend="give more rows", file=file)]


def _understood(panel: Panel, rows: int) -> dict[str, Any]:
    """Rows, columns by part, clock, seasons and what is missing, as JSON values."""
    columns, clock = panel.layout.columns, panel.layout.clock
    here = [one for one in panel.series if len(one)]
    ends = [format_stamps(np.array([pick(one.ds[at] for one in here)]), panel.tz)[0] if here else ""
            for pick, at in ((min, 0), (max, -1))]
    return {
        "rows": rows,
        "series": len(panel.series),
        "shape": columns.shape,
        "columns": {part: list(getattr(columns, part)) for part in ("time", "id", "target", "known", "past", "static")}
        | {"label": [columns.label] if columns.label else []},
        "freq": clock.freq or None,
        "tz": clock.tz or None,
        "time": clock.kind,
        "first": ends[0],
        "last": ends[1],
        "season": list(find_seasons(panel)),
        "missing_rows": sum(int((one.line == 0).sum()) for one in panel.series),
        "missing_cells": sum(int((~one.observed[one.line > 0]).sum()) for one in panel.series),
        "format": asdict(panel.layout.format),
    }
