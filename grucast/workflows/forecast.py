"""`grucast forecast`: the next values of each series, with intervals. Runs without torch and scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grucast.artifacts.store import load
from grucast.core.arrays import Array
from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.results import Artifact, Forecast, Manifest, Visit
from grucast.core.series import Panel, Series
from grucast.forecasting.predict import Forecaster, forecast_far, quantiles_at
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.sources import Scales, Setting, length_passed, make_source
from grucast.preprocessing.windows import Source, flatten
from grucast.preprocessing.zones import written
from grucast.workflows.drift import check_level
from grucast.workflows.locate import check_outputs, find_data
from grucast.workflows.monitoring.ages import visit_of
from grucast.workflows.monitoring.duty import Duty
from grucast.workflows.noticing import without_logarithm
from grucast.workflows.predicting.doubts import doubt, sightless
from grucast.workflows.predicting.far import FarCell, far_cells, far_notes, refuse_overflow
from grucast.workflows.predicting.table import ForecastTable, interval_levels, lay_out, named_levels, with_cutoffs
from grucast.workflows.predicting.taken import Taken
from grucast.workflows.serving import first_row, new_series, on_axis, read_gridded, unpacked

if TYPE_CHECKING:
    from grucast.workflows.monitoring.standing import Standing

LOW = "low_confidence"
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
    verify: bool = False  # read all of the data, not only what was appended
    plot: Path | None = None
    output: Path | None = None  # where the rows will be written, so that it is neither the model nor the data
    duty: Duty = field(default_factory=Duty)


@dataclass(frozen=True, slots=True, eq=False)
class ForecastResult:
    """Forecasts ready to print: `rows` under `columns`, and the same by series for JSON.

    `standing` is how the forecasts before them did; None without a state. `flags`: `low_confidence`.
    """

    model: str
    digest: str
    cutoff: str
    freq: str | None
    columns: tuple[str, ...]
    rows: list[list[object]]
    forecasts: list[dict[str, Any]]
    notes: tuple[str, ...]
    standing: Standing | None = None
    flags: tuple[str, ...] = ()


def forecast(request: ForecastRequest) -> ForecastResult:
    """Forecast each series of the data with the model.

    Errors: ModelError (78) where data and model do not fit, DataError (65) where the data are bad or a
    whole context is missing, UsageError for levels that were not trained.
    """
    _refuse_early(request)
    artifact, now = load(request.model), request.duty.clock()
    manifest = artifact.manifest
    request.duty.refuse_old_model(manifest, request.model, now)
    if manifest.model.objective == "reconstruct":
        raise ModelError(f"{request.model}: trained to rebuild the window only; forecasts need --objective both")
    horizon = request.horizon or manifest.window.horizon
    levels = interval_levels(request.levels, manifest)
    named = named_levels(levels, request.quantiles, manifest)
    model = unpacked(artifact, request.model)
    source = find_data(request.source, manifest, request.model)
    check_outputs({"-o": request.output, "--append": request.append, "--plot": request.plot, **request.duty.written},
                  (source, request.model, request.future, request.read.rows.exclude))
    check_future(request, source, manifest)
    taken = _take_rows(request, source, artifact, horizon)
    panel, file = taken.panel, taken.file
    visit = visit_of(request.duty.state.job or "", "forecast", panel, now, steps=horizon)
    request.duty.refuse_old_data(visit, file)
    panel = panel if request.cutoff is None else until(panel, request.cutoff, file)
    if not taken.begins:
        check_level(panel, artifact, file)
    panel, told = with_ahead(panel, request, manifest, file)
    far = far_cells(panel, model[1], manifest, (file, request.future or file))
    found = forecast_panel(panel, model, horizon, first_row(manifest), far)
    found, standing, doubts = _kept(found, (panel, taken), (artifact, model[0]), request.duty, visit)
    doubts = [*far_notes(far), *(sightless(panel, manifest) or doubts or doubt(panel, model, manifest))]
    table = lay_out(found, panel, named, file)
    masked = without_logarithm(panel, manifest.window.context_length) if model[1].transform.kind == "log" else []
    notes = [*taken.notes, *told, *masked, *_notes(panel, artifact, horizon), *table.notes, *doubts]
    notes += _write_beside(request, panel, found, table, levels)
    figures = {"forecast_series": float(len(table.forecasts)), "forecast_steps": float(horizon),
               "low_confidence": float(bool(doubts))}
    request.duty.tell(visit, (request.model, artifact), figures, standing)
    return ForecastResult(str(request.model), artifact.digest, table.cutoff, panel.freq or None, table.columns,
                          table.rows, table.forecasts, tuple(dict.fromkeys(notes)), standing, (LOW,) * bool(doubts))


def _take_rows(request: ForecastRequest, source: str, artifact: Artifact, horizon: int) -> Taken:
    """The rows of the data; with a state those that came since the last run, and what it kept. Errors of reading."""
    read, layout, state = request.read, artifact.manifest.layout, request.duty.state
    if state.state is None:
        reading, panel, _ = read_gridded(source, read, layout)
        return Taken(panel, reading.file, reading.notes, begins=False)
    from grucast.workflows.detecting.reading_on import Wanted  # only where there is a state
    from grucast.workflows.predicting.rows import take_rows

    return take_rows(Wanted(source, read, layout, request.verify or request.plot is not None), artifact, state, horizon)


def _refuse_early(request: ForecastRequest) -> None:
    """UsageError, before any work is done, for what cannot be done."""
    if request.plot is not None:
        from grucast.report.plots import plot_kind  # only where something is drawn

        plot_kind(request.plot)
    if request.levels and request.quantiles:
        raise UsageError("--levels and --quantiles do not go together; name one of them")
    request.duty.refuse_early()
    if request.verify and request.duty.state.state is None:
        raise UsageError("--verify would change nothing without --state FILE")
    if request.cutoff is not None and request.duty.state.state is not None:
        raise UsageError("--cutoff and --state do not go together: a ledger holds forecasts made before their truth")


def forecast_panel(panel: Panel, model: tuple[Forecaster, Scales], horizon: int, first: Any,
                   cells: Sequence[FarCell] = ()) -> list[Forecast]:
    """The forecasts of all series of a gridded panel; `first` is the first row trained on, a value of the axis.

    The quantiles of a channel whose whole context is missing are NaN. Where others are not finite, DataError for a
    series that has one of `cells`, else ModelError.
    """
    forecaster, scales = model
    clock, far = panel.layout.clock, horizon > forecaster.window.horizon
    setting = Setting(clock, first, max(horizon, forecaster.window.horizon), forecaster.model.calendar)
    out: list[Forecast] = []
    for start in range(0, len(panel.series), TOGETHER):
        some = panel.series[start : start + TOGETHER]
        sources = [make_source(one, scales, setting, stop=length_passed(one)) for one in some]
        each = [forecast_far(forecaster, one, len(one.z), horizon) for one in sources] if far else \
            _near(forecaster, sources, horizon)
        for one, source, quantiles in zip(some, sources, each, strict=True):
            cutoff = one.ds[len(source.z) - 1]
            stamps = stamps_after(cutoff, horizon, clock)
            out.append(Forecast(one.unique_id, cutoff, stamps, quantiles, forecaster.model.quantile_levels))
            refuse_overflow(one.unique_id, quantiles, cells)
            _refuse_infinite(quantiles)
    return out


def _refuse_infinite(quantiles: Array) -> None:
    """ModelError where `quantiles` (H, C, Q) are no numbers, but not all of them for a channel."""
    none = np.isnan(quantiles)
    if np.isinf(quantiles).any() or (none.any(axis=(0, 2)) & ~none.all(axis=(0, 2))).any():
        raise ModelError("the forecast is no finite number: the model is damaged, or the values are far from those "
                         "that it learned from; train a model on them")


def _kept(found: list[Forecast], rows: tuple[Panel, Taken], model: tuple[Artifact, Forecaster], duty: Duty,
          visit: Visit) -> tuple[list[Forecast], Standing | None, list[str]]:
    """The forecasts as they are given out, how those before did, and a note where that was far worse than expected.

    Without a ledger nothing is known of those before.
    """
    if duty.state.state is None:
        return found, None, []
    from grucast.workflows.predicting.ledger import keep  # only where there is a state

    entered = keep(found, rows, model, duty.state, visit)
    return entered.forecasts, entered.standing, list(entered.doubt)


def _write_beside(request: ForecastRequest, panel: Panel, found: list[Forecast], table: ForecastTable,
                  levels: tuple[int, ...]) -> list[str]:
    """Draw and append, where that is asked for; notes on it."""
    notes: list[str] = []
    if request.plot is not None:
        from grucast.workflows.picture import plot_forecasts  # only where something is drawn

        notes += filter(None, [plot_forecasts(request.plot, panel, found, levels)])
    if request.append is not None:
        from grucast.workflows.predicting.history import append_forecasts

        append_forecasts(request.append, *with_cutoffs(table))
    return notes


def _near(forecaster: Forecaster, sources: list[Source], horizon: int) -> list[Any]:
    """Quantiles (horizon, C, Q) of each source, none further than trained."""
    streams = flatten(sources)
    found = quantiles_at(forecaster, streams, (np.arange(len(streams.start)), streams.length))
    return list(found.reshape(len(sources), -1, *found.shape[1:]).transpose(0, 2, 1, 3)[:, :horizon])


def check_future(request: ForecastRequest, source: str, manifest: Manifest) -> None:
    """UsageError for a --future that would change nothing."""
    if request.future is None:
        return
    if not manifest.layout.columns.known:
        raise UsageError(f"--future would change nothing: {request.model} has no covariates known ahead; leave it out, "
                         "or train with --known-col")
    if request.future == source:
        raise UsageError(f"--future {source} is DATA itself, whose last rows are read without it; leave it out")


def with_ahead(panel: Panel, request: ForecastRequest, manifest: Manifest, file: str, *,
               fixed: bool = False) -> tuple[Panel, list[str]]:
    """The panel with what is known ahead, for every row of the horizon, and notes on a file of its own.

    `fixed`: whoever asked cannot ask for a shorter horizon, so that no error says so.
    """
    horizon = request.horizon or manifest.window.horizon
    if request.future is None:
        _check_ahead(panel, horizon, file, "name an earlier --cutoff" if fixed else "say a shorter --horizon")
        return panel, []
    from grucast.workflows.predicting.future import Reach, lay_behind, read_ahead  # only where there is such a file

    ahead = read_ahead(request.future, request.read, manifest.layout)
    panel, notes = lay_behind(panel, ahead, Reach(horizon, max(horizon, manifest.window.horizon), fixed))
    return panel, [*ahead.notes, *notes]


def _check_ahead(panel: Panel, horizon: int, file: str, mend: str) -> None:
    """DataError where covariates known ahead are not there for every row of the horizon; `mend`: what else helps."""
    names = panel.layout.columns.known
    for one in panel.series if names else ():
        there = np.isfinite(one.known[length_passed(one):]).any(axis=1)
        rows = int(np.argmin(np.append(there, False)))  # up to the first that tells nothing
        if rows < horizon:
            name = f" of series {one.unique_id!r}" if one.unique_id else ""
            raise DataError(f"{', '.join(names)}{name} must be known for {horizon} rows ahead, and {rows} are there",
                            file=file, mend="add rows with empty targets and filled known columns, give them with "
                            f"--future FILE, or {mend}")


# ---- an earlier cutoff ---------------------------------------------------------------------------


def until(panel: Panel, cutoff: str, file: str) -> Panel:
    """The panel without the rows after the stamp `cutoff`. DataError where it lies before or after all of them."""
    stop = on_axis(cutoff, panel, "--cutoff")
    ends = [one.ds[length_passed(one) - 1] for one in panel.series if length_passed(one)]
    last = max(ends, default=None)
    if ends and stop >= stamps_after(last, 1, panel.layout.clock)[0]:  # before the next row the last is the newest
        raise DataError(f"no row as late as --cutoff {cutoff}: the last is at {written(last, panel.layout.clock)}",
                        file=file, mend="leave the option out to forecast from there")
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


# ---- words ---------------------------------------------------------------------------------------


def _notes(panel: Panel, artifact: Artifact, horizon: int) -> list[str]:
    """What a reader of the forecast should know."""
    manifest, notes = artifact.manifest, list(artifact.manifest.accuracy.get("notes", []))
    trained, context = manifest.window.horizon, manifest.window.context_length
    if horizon > trained:
        notes.append(f"horizon {horizon} is longer than the {trained} trained: forecasts are fed back, "
                     "and their intervals are not calibrated")
    notes += new_series(panel, artifact, "their intervals are those of the others")
    short = min(length_passed(one) for one in panel.series)
    if short < context:
        notes.append(f"fewer rows ({short}) than the context of {context}: what is missing is masked")
    unseen = max(_unseen(one) for one in panel.series)
    if unseen:
        notes.append(f"the last {unseen} rows have no value: masked, the forecast begins after them"
                     if unseen > 1 else "the last row has no value: masked, the forecast begins after it")
    return notes


def _unseen(one: Series) -> int:
    """Passed rows after the last one with a value."""
    seen = np.flatnonzero(one.observed.any(axis=1))
    return length_passed(one) - int(seen[-1]) - 1 if len(seen) else 0
