"""Draw forecasts after the end of their histories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grucast.core.files import publish
from grucast.core.results import Forecast
from grucast.core.series import Panel
from grucast.preprocessing.sources import length_known
from grucast.report.plots import pictures, plot_kind, render

SHOWN = 4  # horizons of history before the forecast
AT_LEAST = 60  # rows of history


def plot_forecasts(path: Path, panel: Panel, found: Sequence[Forecast]) -> str:
    """Write the plot of all forecasts; a note on what was left out, "" mostly."""
    shown = []
    for one, forecast in zip(panel.series, found, strict=True):
        stop = length_known(one)
        part = one.rows(max(0, stop - max(SHOWN * len(forecast.ds), AT_LEAST)), stop)
        shown += pictures(part.ds, part.y, forecast, channels=panel.channels)
    content, note = render(shown, plot_kind(path))
    publish(path, content)
    return note
