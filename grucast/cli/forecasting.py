"""`grucast forecast`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import typer

from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, chosen, emit, tell, tell_notes
from grucast.core.config import MonitorOptions, ReadOptions, StateOptions, option


@dataclass(frozen=True, slots=True)
class ForecastWords:
    """What `forecast` asks for beside the data."""

    source: str | None = option(None, "the data; the file the model was trained on, as it is now", argument=True,
                                metavar="DATA")
    model: Path | None = option(None, "the model; the one *.grucast in this folder", short="-m")
    horizon: int | None = option(None, "values to forecast; as trained", low=1, high=100_000)
    levels: tuple[int, ...] = option((), "interval levels in per cent; as trained", comma=True, low=1, high=99)
    quantiles: tuple[float, ...] = option((), "quantiles instead of intervals, such as 0.1,0.5", comma=True, low=0.0,
                                          high=1.0)
    cutoff: str | None = option(None, "forecast from this row on, as if it were the last", metavar="STAMP")
    append: Path | None = option(None, "a file of all forecasts, added to once for each cutoff")
    future: str | None = option(None, "covariates known ahead, a row for each value to forecast", metavar="FILE")
    verify: bool = option(False, "read the whole file, not only what was appended")
    plot: Path | None = option(None, "draw history and forecast: .png, .svg or .html", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "forecast", example="grucast forecast energy.csv -m energy.grucast --horizon 24 -o next.csv")(forecast)


def forecast(words: ForecastWords, state: StateOptions, monitor: MonitorOptions, output: OutputOptions,
             read: ReadOptions, talk: TalkOptions) -> None:
    """Forecast the next values of each series.

    Without options: with the one model in this folder, from the file it was trained on, as that is now.
    Columns: unique_id, ds, y_hat (the median), then lo- and hi- for each interval level.
    With --state forecasts are set against what comes true, and intervals follow that.
    """
    from grucast.workflows.forecast import ForecastRequest
    from grucast.workflows.forecast import forecast as run
    from grucast.workflows.locate import find_model
    from grucast.workflows.monitoring.duty import Duty

    chosen(output.choice, terminal=False)  # two formats are refused before any work is done
    result = run(ForecastRequest(
        source=words.source, model=find_model(words.model, os.environ, Path()), read=read, horizon=words.horizon,
        levels=words.levels, quantiles=words.quantiles, cutoff=words.cutoff, append=words.append, future=words.future,
        verify=words.verify, plot=words.plot, output=output.output, duty=Duty(state, monitor)))
    document: dict[str, object] = {
        "model": result.model, "digest": result.digest, "cutoff": result.cutoff, "freq": result.freq,
        "forecasts": result.forecasts, "notes": list(result.notes)}
    if result.flags:
        document["flags"] = list(result.flags)
    if result.standing is not None:
        from grucast.workflows.monitoring.standing import as_document

        document["ledger"] = as_document(result.standing)
    if talk.verbose:
        tell(f"grucast: {result.model} ({result.digest[:12]}) from {result.cutoff}, frequency {result.freq or 'none'}",
             talk)
    tell_notes(result.notes, talk)
    emit(document, Table(result.columns, result.rows), output.choice, output.output)
