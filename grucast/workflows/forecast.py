"""`grucast forecast`: the next values of each series, with intervals. Runs without torch and scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from grucast.artifacts.store import load
from grucast.core.arrays import Array, Stamps
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.results import Artifact, Forecast
from grucast.core.series import STAMP, Panel, Series
from grucast.data.reading import read_panel
from grucast.data.writing import format_stamps
from grucast.forecasting.predict import Forecaster, forecast_far, quantiles_at
from grucast.preprocessing.frequency import find_frequency
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.sources import Scales, clock_origin, length_known, make_source
from grucast.preprocessing.windows import flatten
from grucast.workflows.locate import find_data
from grucast.workflows.model_file import unpack

FAR_LEVEL = 100.0  # times off: another unit, not another week
TOGETHER = 2_000  # series forecast in one go


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """What to forecast: `source` None is the file that the model remembers, `horizon` None the one trained."""

    source: str | None
    model: Path
    read: ReadOptions
    horizon: int | None = None
    levels: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = ()
    cutoff: str | None = None
    append: Path | None = None
    future: str | None = None
    plot: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ForecastResult:
    """Forecasts ready to print: `rows` under `columns`, and the same by series for JSON."""

    model: str
    digest: str
    cutoff: str
    freq: str | None
    columns: tuple[str, ...]
    rows: list[list[object]]
    forecasts: list[dict[str, Any]]
    notes: tuple[str, ...]


def forecast(request: ForecastRequest) -> ForecastResult:
    """Forecast each series of the data with the model.

    Errors: ModelError (78) where data and model do not fit, DataError (65) where the data are bad or a
    whole context is missing, UsageError for levels that were not trained.
    """
    if request.plot is not None:
        from grucast.report.plots import plot_kind

        plot_kind(request.plot)  # before any work is done
    if request.future is not None:
        raise UsageError("--future is not built yet; put the covariates known ahead into rows at the end of DATA, "
                         "with empty targets")
    artifact = load(request.model)
    manifest = artifact.manifest
    source = find_data(request.source, manifest, request.model)
    reading = read_panel([source], request.read, layout=manifest.layout)
    panel = _on_the_grid(reading.panel, reading.file)
    if request.cutoff is not None:
        panel = _until(panel, request.cutoff, reading.file)
    forecaster, scales = unpack(artifact)
    check_level(panel, artifact, reading.file)
    horizon = request.horizon or manifest.window.horizon
    found = forecast_panel(panel, (forecaster, scales), horizon, manifest.data.first)
    _refuse_nothing(found, reading.file)
    notes = [*reading.notes, *_notes(panel, artifact, horizon)]
    result = _result(request, artifact, panel, found, tuple(dict.fromkeys(notes)))
    if request.append is not None:
        from grucast.workflows.history import append_forecasts

        columns, rows = _with_cutoff(found, result, panel)
        append_forecasts(request.append, columns, rows)
    if request.plot is not None:
        from grucast.workflows.picture import plot_forecasts

        left_out = plot_forecasts(request.plot, panel, found)
        result = replace(result, notes=(*result.notes, left_out) if left_out else result.notes)
    return result


def _with_cutoff(
    found: Sequence[Forecast], result: ForecastResult, panel: Panel
) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of a result with each row's cutoff behind its id."""
    cutoffs = [stamp for one in found for stamp in format_stamps(_one(one.cutoff), panel.tz) * len(panel.channels)]
    each = [stamp for stamp, one in zip(cutoffs, result.forecasts, strict=True) for _ in one["ds"]]
    rows = [[row[0], stamp, *row[1:]] for row, stamp in zip(result.rows, each, strict=True)]
    return [result.columns[0], "cutoff", *result.columns[1:]], rows


def forecast_panel(panel: Panel, model: tuple[Forecaster, Scales], horizon: int, first: str) -> list[Forecast]:
    """The forecasts of all series of a gridded panel; `first` is the stamp of the first row trained on."""
    forecaster, scales = model
    levels, clock = forecaster.model.quantile_levels, panel.layout.clock
    kind = panel.series[0].ds.dtype
    origin: Any = np.datetime64(first, "us") if kind == STAMP else float(first)
    out: list[Forecast] = []
    for start in range(0, len(panel.series), TOGETHER):
        some = panel.series[start : start + TOGETHER]
        sources = [make_source(one, scales, clock_origin(one, origin, clock)) for one in some]
        if horizon <= forecaster.window.horizon:
            streams = flatten(sources)
            every = np.arange(len(streams.start))
            found = quantiles_at(forecaster, streams, (every, streams.length))
            each = found.reshape(len(some), -1, *found.shape[1:]).transpose(0, 2, 1, 3)[:, :horizon]
        else:
            each = np.stack([forecast_far(forecaster, one, len(one.z), horizon) for one in sources])
        for one, quantiles in zip(some, each, strict=True):
            cutoff = one.ds[max(length_known(one) - 1, 0)]
            out.append(Forecast(one.unique_id, cutoff, stamps_after(cutoff, horizon, clock), quantiles, levels))
    return out


def _on_the_grid(panel: Panel, file: str) -> Panel:
    """The panel on the model's grid; ModelError where the data have another frequency."""
    clock = panel.layout.clock
    if clock.freq:
        found, _ = find_frequency(panel.series, replace(clock, freq=""))
        if found and found != clock.freq:
            raise ModelError(f"{file}: the rows come every {found!r}, the model was trained on {clock.freq!r}; "
                             "train a model on them")
    return regularise(panel, file=file)[0]


def _until(panel: Panel, cutoff: str, file: str) -> Panel:
    """The panel without the rows after the stamp `cutoff`."""
    numeric = panel.series[0].ds.dtype != STAMP
    try:
        stop: Any = float(cutoff) if numeric else _instant(cutoff)
    except ValueError as error:
        raise UsageError(f"--cutoff {cutoff!r} is not a stamp such as 2024-01-20T12:00:00") from error
    kept = [(one, int(np.searchsorted(one.ds, stop, side="right"))) for one in panel.series]
    series = tuple(_cut(one, rows) for one, rows in kept if rows and one.observed[:rows].any())
    if not series:
        raise DataError(f"no row up to --cutoff {cutoff}", file=file)
    return Panel(series, panel.layout)


def _cut(one: Series, rows: int) -> Series:
    """The first rows with targets; known covariates of later rows are kept, as they were known."""
    if not one.known.shape[1]:
        return one.rows(0, rows)
    later = np.arange(len(one)) >= rows
    return replace(one, y=np.where(later[:, None], np.nan, one.y), observed=one.observed & ~later[:, None])


def _instant(text: str) -> np.datetime64:
    """A stamp as given on the command line; with an offset, the instant in UTC."""
    from datetime import UTC, datetime

    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is not None:
        stamp = stamp.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(stamp, "us")


def check_level(panel: Panel, artifact: Artifact, file: str) -> None:
    """ModelError where a series lies at another order of magnitude than the one trained on: another unit.

    Not where the trained series never moved, and not while the file still begins with the rows trained on.
    """
    tensors, length = artifact.tensors, artifact.manifest.window.context_length
    head = tensors["drift.head"]
    one = panel.series[0]
    if len(one) >= len(head) and np.array_equal(np.nan_to_num(one.y[: len(head)]), head):
        return
    ids = {name: row for row, name in enumerate(tensors["series.ids"].tobytes().decode().split("\0"))}
    for one in panel.series:
        row = ids.get(one.unique_id)
        if row is None:
            continue
        for channel, name in enumerate(panel.channels):
            before = float(tensors["drift.level"][row, channel])
            late = one.y[-10 * length :, channel]
            seen = late[np.isfinite(late)]
            if not len(seen) or before == 0.0 or tensors["scale.series"][row, channel] == 0.0:
                continue
            now = float(np.median(np.abs(seen)))
            if now > FAR_LEVEL * before or now * FAR_LEVEL < before:
                raise ModelError(f"{file}: column {name!r} is about {now:.3g}, the model was trained on values "
                                 f"about {before:.3g}; another unit? train a model on them")


def _refuse_nothing(found: Sequence[Forecast], file: str) -> None:
    """DataError for a series whose whole context is missing: there is nothing to forecast from."""
    for one in found:
        if not np.isfinite(one.quantiles).all():
            name = f" of series {one.unique_id!r}" if one.unique_id else ""
            raise DataError(f"the whole context{name} is missing: nothing to forecast from", file=file,
                            mend="give newer rows")


def _notes(panel: Panel, artifact: Artifact, horizon: int) -> list[str]:
    """What a reader of the forecast should know."""
    manifest, notes = artifact.manifest, list(artifact.manifest.accuracy.get("notes", []))
    trained = manifest.window.horizon
    if horizon > trained:
        notes.append(f"horizon {horizon} is longer than the {trained} trained: forecasts are fed back, "
                     "and their intervals are not calibrated")
    known = set(artifact.tensors["series.ids"].tobytes().decode().split("\0"))
    new = [one.unique_id for one in panel.series if one.unique_id not in known]
    if new:
        notes.append(f"{len(new)} series not trained on ({', '.join(new[:3])}{', ...' if len(new) > 3 else ''}): "
                     "their intervals are those of the others")
    short = [one for one in panel.series if length_known(one) < manifest.window.context_length]
    if short:
        rows = min(length_known(one) for one in short)
        notes.append(f"fewer rows ({rows}) than the context of {manifest.window.context_length}: "
                     "what is missing is masked")
    return notes


def _result(
    request: ForecastRequest, artifact: Artifact, panel: Panel, found: Sequence[Forecast], notes: tuple[str, ...]
) -> ForecastResult:
    """The forecasts as rows and as JSON."""
    named = _named_levels(request, artifact)
    channels, wide = panel.channels, panel.layout.columns.shape == "wide"
    rows: list[list[object]] = []
    forecasts: list[dict[str, Any]] = []
    for one in found:
        stamps = format_stamps(one.ds, panel.tz)
        columns = {"y_hat": one.y_hat} | {name: one.level(level) for name, level in named}
        for channel, name in enumerate(channels):
            unique_id = name if wide else (f"{one.unique_id}/{name}" if len(channels) > 1 else one.unique_id)
            values = {key: _floats(value[:, channel]) for key, value in columns.items()}
            forecasts.append({"unique_id": unique_id, "ds": stamps, **values})
            rows += [[unique_id, stamp, *row] for stamp, *row in zip(stamps, *values.values(), strict=True)]
    newest = max((one.cutoff for one in found), default=None)
    return ForecastResult(
        model=str(request.model),
        digest=artifact.digest,
        cutoff=format_stamps(_one(newest), panel.tz)[0],
        freq=panel.freq or None,
        columns=("unique_id", "ds", "y_hat", *(name for name, _ in named)),
        rows=rows,
        forecasts=forecasts,
        notes=notes,
    )


def _one(stamp: Any) -> Stamps:
    return np.array([stamp])


def _floats(values: Array) -> list[float]:
    return [float(value) for value in values]


def _named_levels(request: ForecastRequest, artifact: Artifact) -> list[tuple[str, float]]:
    """Column names and the quantile behind each, as asked for or as trained."""
    trained = artifact.manifest.model.quantile_levels
    if request.quantiles:
        named = [(f"q-{level:g}", level) for level in request.quantiles]
    else:
        asked = request.levels or tuple(artifact.manifest.values.get("levels", (80, 95)))
        named = [(f"{side}-{level}", 0.5 + sign * level / 200)
                 for level in asked for side, sign in (("lo", -1), ("hi", 1))]
    for name, level in named:
        if not trained[0] - 1e-9 <= level <= trained[-1] + 1e-9:
            raise UsageError(f"{name}: quantiles from {trained[0]:g} to {trained[-1]:g} are trained, levels up to "
                             f"{100 - 200 * trained[0]:g}")
    return named
