"""What the commands share that use a trained model: opening it, reading data as it learned to, points of its axis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.results import Artifact, Manifest
from grucast.core.series import STAMP, Layout, Panel
from grucast.data.reading import Reading, read_panel
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.sources import Scales
from grucast.preprocessing.zones import instants
from grucast.workflows.drift import check_frequency
from grucast.workflows.learning.model_file import series_ids, unpack


def unpacked(artifact: Artifact, path: Path) -> tuple[Forecaster, Scales]:
    """What `unpack` gives; a ModelError names the file."""
    try:
        return unpack(artifact)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def read_gridded(source: str, options: ReadOptions, layout: Layout) -> tuple[Reading, Panel, list[str]]:
    """The data of `source`, read as the model's were, their panel on its grid, and notes on what is missing there.

    The reading has that same panel: rows are not held twice.

    Errors: DataError for bad data, ModelError where columns or frequency are others.
    """
    return gridded(read_panel([source], options, layout=layout), options)


def gridded(reading: Reading, options: ReadOptions) -> tuple[Reading, Panel, list[str]]:
    """The same of data that were read. Errors: ModelError where the frequency is another; those of the grid."""
    check_frequency(reading.panel, reading.file)
    panel, missing = regularise(reading.panel, gaps=options.rows.gaps, file=reading.file)
    return replace(reading, panel=panel), panel, missing


def whole_bins(panel: Panel) -> Panel:
    """The panel without the last bin that --resample gathered in each series: rows of it may still come."""
    if not panel.layout.resample:
        return panel
    return replace(panel, series=tuple(one.rows(0, len(one) - 1) for one in panel.series if len(one) > 1))


def refuse_none_whole(panel: Panel, file: str) -> None:
    """DataError where no bin of any series was whole."""
    if not panel.series:
        raise DataError(f"no {panel.layout.resample} has passed: the rows are all of the one that still goes on",
                        file=file, mend="run again when there are more")


def first_row(manifest: Manifest) -> Any:
    """The stamp of the first row trained on, as a value of the axis; ModelError where it is none."""
    first = manifest.data.first
    try:
        found = float(first) if is_numeric(manifest.layout.clock) else np.datetime64(first, "us")
    except ValueError as error:
        raise ModelError(f"damaged: manifest: data.first is {first[:40]!r}, no stamp") from error
    if not np.isfinite(found):
        raise ModelError(f"damaged: manifest: data.first is {first[:40]!r}, no stamp")
    return found


def last_row(manifest: Manifest) -> Any:
    """The stamp of the last row trained on, as a value of the axis."""
    last = manifest.data.last
    return float(last) if is_numeric(manifest.layout.clock) else np.datetime64(last, "us")


def on_axis(text: str, panel: Panel, option: str) -> Any:
    """A point of the axis that `option` names: a number, or the instant of a stamp; local time without an offset."""
    try:
        if panel.series[0].ds.dtype != STAMP:
            return float(text)
        stamp = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is not a stamp such as 2024-01-20T12:00:00") from error
    if stamp.tzinfo is None:
        return instants(np.array([stamp], STAMP), panel.tz)[0]
    if not panel.tz:
        raise UsageError(f"{option} {text} has an offset, the stamps of the data have none; leave it out")
    return np.datetime64(stamp.astimezone(UTC).replace(tzinfo=None), "us")


def new_series(panel: Panel, artifact: Artifact, consequence: str) -> list[str]:
    """A note on series that the model was not trained on, and what follows for them."""
    known = set(series_ids(artifact.tensors))
    new = [one.unique_id for one in panel.series if one.unique_id not in known]
    if not new:
        return []
    return [f"{len(new)} series not trained on ({', '.join(new[:3])}{', ...' if len(new) > 3 else ''}): {consequence}"]
