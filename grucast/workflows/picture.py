"""Draw forecasts after the end of their histories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from grucast.core.files import write_whole
from grucast.core.results import Forecast
from grucast.core.series import Panel
from grucast.preprocessing.sources import length_passed
from grucast.report.panel import PlotOptions
from grucast.report.plots import pictures, plot_kind, render

SHOWN = 4  # horizons of history before the forecast
AT_LEAST = 60  # rows of history


def plot_forecasts(path: Path, panel: Panel, found: Sequence[Forecast], levels: Sequence[int]) -> str:
    """Write the plot of all forecasts with the intervals `levels` (per cent); a note on what was left out, "" mostly.

    Stamps are drawn in the zone of the panel. Errors: UsageError where matplotlib is missing; those of writing.
    """
    shown = []
    for one, forecast in zip(panel.series, found, strict=True):
        stop = length_passed(one)
        part = one.rows(max(0, stop - max(SHOWN * len(forecast.ds), AT_LEAST)), stop)
        drawn = pictures(part.ds, part.y, forecast, channels=panel.channels)
        shown += [picture for picture in drawn if np.isfinite(picture.quantiles).all()]  # else nothing was forecast
    options = PlotOptions(levels=tuple(sorted(levels)), tz=zone_of(panel.tz))
    content, note = render(shown, plot_kind(path), options)
    write_whole(path, content)
    return note


def zone_of(tz: str) -> tzinfo | None:
    """The zone of a panel: None where it is not known, a fixed offset for "+02:00"."""
    if tz[:1] in ("+", "-"):
        return datetime.fromisoformat(f"2000-01-01T00:00:00{tz}").tzinfo
    return ZoneInfo(tz) if tz else None
