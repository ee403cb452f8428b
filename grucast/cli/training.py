"""`grucast train`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import Table, TalkOptions, aligned, deliver, json_text, progress, tell, tell_notes
from grucast.core.config import ReadOptions, TrainOptions, option
from grucast.report.tables import report_table, verdict


@dataclass(frozen=True, slots=True)
class TrainWords:
    """What `train` asks for beside the data and the settings."""

    sources: tuple[str, ...] = option((), "CSV, TSV, text or Parquet files, read as one; - is standard input",
                                      argument=True, required=True, metavar="DATA")
    output: Path | None = option(None, "the model file, when it should have another name", short="-o")
    resume: bool = option(False, "go on with a run that was killed")
    wait: bool = option(False, "wait for another run that writes the model, instead of ending with 75")
    config: Path | None = option(None, "settings in TOML, by the names of these options", metavar="FILE.toml")
    json: bool = option(False, "print the report as JSON", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "train", example="grucast train energy.csv --target-col load --horizon 48")(train)


def train(words: TrainWords, options: TrainOptions, read: ReadOptions, talk: TalkOptions) -> None:
    """Train a model and measure it on data it did not see.

    The model goes to DATA's name with .grucast in this folder. How good it is, beside naive, seasonal
    naive and linear forecasts, is printed on standard error.
    """
    from grucast.workflows.train import TrainRequest
    from grucast.workflows.train import train as run

    request = TrainRequest(sources=words.sources, read=read, options=options, output=words.output, resume=words.resume,
                           wait=words.wait, config=words.config)
    with progress(talk) as bar:
        result = run(request, bar)
    tell(summary(result.report), talk)
    tell_notes(result.notes, talk)
    if words.json:
        deliver(json_text(result.report))


def summary(report: Mapping[str, Any]) -> str:
    """The report of `train` for people: what was learned, the accuracy table, the skill."""
    seasons = ", ".join(map(str, report["season"])) if isinstance(report["season"], (list, tuple)) else report["season"]
    head = (f"{report['model']}: {report['rows']:,} rows, {report['series']:,} series, "
            f"frequency {report['freq'] or 'none'}, season {seasons or 'none'}\n"
            f"horizon {report['horizon']}, context {report['context_length']}, {report['parameters']:,} parameters, "
            f"{report['epochs']} epoch{'s' * (report['epochs'] != 1)} in {report['seconds']:.0f} s\n")
    return f"{head}\n{accuracy(report)}"


def accuracy(report: Mapping[str, Any]) -> str:
    """Metrics of the model and of each baseline, a row each, and the skill in a sentence; nothing without metrics."""
    if not report.get("holdout"):
        return ""
    table = report_table(report)
    skill = verdict(report.get("skill"), report.get("baselines") or {})
    return f"{aligned(Table(table.columns, table.rows, words=True))}\n{skill}\n"
