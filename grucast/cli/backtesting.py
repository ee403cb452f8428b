"""`grucast backtest`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import (
    OutputOptions,
    Table,
    TalkOptions,
    aligned,
    chosen,
    deliver,
    emit,
    progress,
    tell,
    tell_notes,
)
from grucast.core.config import ReadOptions, TrainOptions, option
from grucast.report.tables import accuracy_table, verdict

REFITS = ("never", "each")
MODEL = "grucast"


@dataclass(frozen=True, slots=True)
class BacktestWords:
    """What `backtest` asks for beside the data and the settings of a training."""

    sources: tuple[str, ...] = option((), "CSV, TSV, text or Parquet files, read as one; - is standard input",
                                      argument=True, required=True, metavar="DATA")
    model: Path | None = option(None, "judge this model, on rows later than it was trained on", short="-m")
    splits: str | None = option(None, "rows for train, validation and test, such as 8640:2880:2880; as train does",
                                metavar="A:B:C")
    step: int | None = option(None, "rows from one origin to the next; 1, or the horizon with --refit each", low=1)
    refit: str = option("never", "train once, or anew for each origin", choices=REFITS)
    jobs: int | None = option(None, "processes for --refit each; all cores, at most 4", low=1, high=1024)
    standardize_metrics: bool = option(False, "errors on values less the training part's mean, over its deviation")
    forecasts: Path | None = option(None, "write every forecast made, and what came, to FILE", panel="Output")
    resume: bool = option(False, "go on with a run that was killed")
    config: Path | None = option(None, "settings in TOML, by the names of these options", metavar="FILE.toml")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "backtest", example="grucast backtest energy.csv --step 24 --json -o accuracy.json")(backtest)


def backtest(words: BacktestWords, output: OutputOptions, options: TrainOptions, read: ReadOptions,
             talk: TalkOptions) -> None:
    """Measure forecasts from many origins, beside those of simple methods.

    Rows are forecast by what was trained on earlier ones; contexts reach back over the border and no
    window is left out. A line for each forecaster; --json has them by series and by step too.
    """
    from grucast.evaluation.folds import parse_splits
    from grucast.workflows.backtest import backtest as run
    from grucast.workflows.backtesting.folds import Rolling
    from grucast.workflows.backtesting.trial import BacktestRequest

    kind = chosen(output.choice, terminal=output.output is None and sys.stdout.isatty())
    splits = None if words.splits is None else parse_splits(words.splits)
    request = BacktestRequest(
        sources=words.sources, read=read, options=options, rolling=Rolling(splits, words.step, words.refit),
        model=words.model, standardise=words.standardize_metrics, forecasts=words.forecasts, output=output.output,
        resume=words.resume, jobs=words.jobs, config=words.config)
    with progress(talk) as bar:
        result = run(request, bar)
    tell_notes(result.notes, talk)
    tell(summary(result.report), talk)
    if kind == "table":
        found = accuracy_table(result.report["metrics"], corner="forecaster")
        deliver(aligned(Table(found.columns, found.rows, words=True)), output.output)
    else:
        emit(result.report, lines(result.report), output.choice, output.output)


def summary(report: Mapping[str, Any]) -> str:
    """What was done, and the skill, in a line each."""
    protocol, windows = report["protocol"], report["windows"]
    beside = {name: one for name, one in report["metrics"].items() if name != MODEL}
    folds = f", trained {protocol['folds']:,} times" if protocol["folds"] > 1 else ""
    return (f"{windows:,} window{'s' * (windows != 1)} of {protocol['horizon']} rows, last rows known from "
            f"{protocol['first_cutoff']} to {protocol['last_cutoff']}{folds}\n{verdict(report['skill'], beside)}\n")


def lines(report: Mapping[str, Any]) -> Table:
    """A line for each forecaster, a column for each metric."""
    metrics = report["metrics"]
    columns = [name for name, value in metrics[MODEL].items() if not isinstance(value, Mapping)]
    levels = list(metrics[MODEL]["coverage"])
    return Table(("forecaster", *columns, *(f"coverage-{level}" for level in levels)),
                 [[name, *(one[column] for column in columns), *(one["coverage"][level] for level in levels)]
                  for name, one in metrics.items()])
