"""`grucast explain`: which past values and covariates made a forecast, or what was expected of an event.

Runs without torch: the gradients are those of the networks in NumPy (`inference/tape.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.data.writing import format_stamps
from grucast.forecasting.attribution import attribute, parts, unit_of
from grucast.forecasting.errors import precise
from grucast.forecasting.predict import Forecaster
from grucast.forecasting.workings import workings
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.sources import Scales, Setting, make_source
from grucast.preprocessing.windows import flatten, gather
from grucast.workflows.drift import check_level
from grucast.workflows.explaining.choose import Chosen, at_event, count_of, newest
from grucast.workflows.explaining.table import COLUMNS, documents, gathered, steps_of, strands, table
from grucast.workflows.explaining.words import Explained, notes_on, report_of
from grucast.workflows.forecast import ForecastRequest, check_future, until, with_ahead
from grucast.workflows.locate import check_outputs, find_data
from grucast.workflows.predicting.far import far_cells
from grucast.workflows.serving import first_row, read_gridded, unpacked


@dataclass(frozen=True, slots=True)
class Asked:
    """Which forecast: all None is the newest one, of the first series, all steps together."""

    series: str | None = None
    cutoff: str | None = None
    step: int | None = None
    event: str | None = None
    future: str | None = None


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What to explain: `source` None is the file that the model remembers."""

    source: str | None
    model: Path
    read: ReadOptions
    asked: Asked = Asked()
    top: int = 12
    plot: Path | None = None
    output: Path | None = None  # where the rows will be written, so that it is neither the model nor the data


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The largest contributions as `rows` under `columns`, all of them in `document`, the whole in words: `report`."""

    columns: tuple[str, ...]
    rows: list[list[object]]
    document: dict[str, Any]
    report: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def explain(request: ExplainRequest) -> Explanation:
    """Say which inputs made a forecast of the model.

    Errors: ModelError (78) where data and model do not fit, DataError (65) where the data are bad or the whole context
    is missing, UsageError for a series, a step or an event that is not there.
    """
    asked = request.asked
    artifact = load(request.model)
    manifest = artifact.manifest
    _refuse_early(request, artifact)
    model = unpacked(artifact, request.model)
    source = find_data(request.source, manifest, request.model)
    check_outputs({"-o": request.output, "--plot": request.plot},
                  (source, request.model, asked.future, request.read.rows.exclude))
    reading, panel, _ = read_gridded(source, request.read, manifest.layout)
    if asked.event is None:
        panel, told = _as_forecast(panel, request, artifact, source, reading.file)
        chosen = newest(panel, asked.series, asked.step, manifest.window.horizon)
    else:
        told = []
        chosen = at_event(panel, (asked.event, asked.series), model[0], lambda: _events(request, source))
    explained = _explained(panel, artifact, model, chosen, (reading.file, asked.future or reading.file))
    notes = [*reading.notes, *told, *notes_on(explained, model[0], asked_event=asked.event)]
    many = count_of(panel)
    if asked.series is None and asked.event is None and many > 1:
        notes.append(f"one of {many} forecasts is explained, that of {chosen.name}; name another with --series")
    document = _document(request, artifact, panel, explained)
    if request.plot is not None:
        from grucast.workflows.explaining.picture import plot_explanation  # only where something is drawn

        plot_explanation(request.plot, explained, panel)
    document["notes"] = list(dict.fromkeys(notes))
    return Explanation(COLUMNS, table(document["inputs"], request.top), document,
                       tuple(report_of(explained, document)), tuple(document["notes"]))


def _refuse_early(request: ExplainRequest, artifact: Artifact) -> None:
    """UsageError, before any row is read, for what cannot be done; ModelError for a model that forecasts nothing."""
    asked, horizon = request.asked, artifact.manifest.window.horizon
    if request.plot is not None:
        from grucast.report.plots import plot_kind  # only where something is drawn

        plot_kind(request.plot)
    for name, value in (("--cutoff", asked.cutoff), ("--step", asked.step), ("--future", asked.future)):
        if asked.event is not None and value is not None:
            raise UsageError(f"--event and {name} do not go together: what was expected of an event has one step")
    if asked.step is not None and asked.step > horizon:
        raise UsageError(f"--step {asked.step} is beyond the horizon of {horizon} that was trained")
    if artifact.manifest.model.objective == "reconstruct":
        raise ModelError(f"{request.model}: trained to rebuild the window only; to explain forecasts, train with "
                         "--objective both")


def _as_forecast(panel: Panel, request: ExplainRequest, artifact: Artifact, source: str,
                 file: str) -> tuple[Panel, list[str]]:
    """The panel as `forecast` takes it, and notes on what is known ahead."""
    asked = request.asked
    wanted = ForecastRequest(source, request.model, request.read, cutoff=asked.cutoff, future=asked.future)
    check_future(wanted, source, artifact.manifest)
    if asked.cutoff is not None:
        panel = until(panel, asked.cutoff, file)
    check_level(panel, artifact, file)
    return with_ahead(panel, wanted, artifact.manifest, file, fixed=True)


def _events(request: ExplainRequest, source: str) -> list[dict[str, Any]]:
    """The events of the data as `detect-anomalies` tells them without options."""
    from grucast.workflows.detect import DetectRequest, detect  # only where an event is explained

    return detect(DetectRequest(source, request.model, request.read)).events


def _explained(panel: Panel, artifact: Artifact, model: tuple[Forecaster, Scales], chosen: Chosen,
               files: tuple[str, str]) -> Explained:
    """Contributions, parts and workings of the forecast that was chosen."""
    forecaster, scales = precise(model[0]), model[1]
    spec, config = forecaster.window, forecaster.model
    setting = Setting(panel.layout.clock, first_row(artifact.manifest), spec.horizon, config.calendar)
    streams = flatten([make_source(chosen.series, scales, setting, stop=chosen.cutoff)])
    window = gather(streams, spec, np.array([chosen.channel]), np.array([chosen.cutoff]))
    if not window.mask.any():
        raise DataError(f"{chosen.name}: the whole context is missing: nothing was forecast from it", file=files[0],
                        mend="name an earlier --cutoff or another --series")
    unit = unit_of(forecaster, window, float(streams.scale[chosen.channel]))
    far = far_cells(replace(panel, series=(chosen.series,)), scales, artifact.manifest, files)
    try:
        found = attribute(forecaster, window, unit, chosen.steps)
    except OverflowError as error:
        if far:
            raise far[0].error() from error
        raise ModelError(f"{chosen.name}: {error}: the values are far from those learned from") from error
    width = spec.segment if config.network == "segment" else 1
    static = dict(zip(panel.layout.columns.static, found.static.tolist(), strict=True))
    return Explained(chosen, found, parts(forecaster, window, unit), workings(forecaster, window),
                     strands(found, chosen, panel, config.calendar), static,
                     steps_of(chosen, spec.context_length, width))


def _document(request: ExplainRequest, artifact: Artifact, panel: Panel, explained: Explained) -> dict[str, Any]:
    """Every number, for JSON."""
    chosen, found, spec = explained.chosen, explained.found, artifact.manifest.window
    values, covariates = documents(explained.strands, chosen, panel.tz)
    cutoff = chosen.series.ds[chosen.cutoff - 1]
    ahead = stamps_after(cutoff, spec.horizon, panel.layout.clock)[chosen.steps]
    last = int(np.flatnonzero(chosen.series.observed[: chosen.cutoff, chosen.channel])[-1])
    return {
        "model": str(request.model), "digest": artifact.digest, "unique_id": chosen.name,
        "cutoff": format_stamps(np.array([cutoff]), panel.tz)[0], "ds": format_stamps(ahead, panel.tz),
        "event": chosen.event, "forecast": found.forecast, "baseline": found.baseline,
        "last": float(chosen.series.y[last, chosen.channel]),
        "completeness": {"sum": found.total, "error": found.error, "points": found.points},
        "parts": {name: float(one[chosen.steps].sum()) for name, one in explained.parts.items()},
        "inputs": gathered(explained.strands, explained.static, spec.segment, panel.tz),
        "values": values, "covariates": covariates, "static": explained.static,
        "steps": format_stamps(explained.steps, panel.tz),
        "gates": [{"layer": one.layer, "gate": one.name, "by_step": one.by_step.tolist()}
                  for one in explained.inside.gates],
        "attention": None if explained.inside.attention is None else explained.inside.attention.tolist(),
    }
