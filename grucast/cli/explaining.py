"""`grucast explain`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import typer

from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, aligned, chosen, emit, tell, tell_notes
from grucast.core.config import ReadOptions, option


@dataclass(frozen=True, slots=True)
class ExplainWords:
    """What `explain` asks for beside the data."""

    source: str | None = option(None, "the data; the file the model was trained on, as it is now", argument=True,
                                metavar="DATA")
    model: Path | None = option(None, "the model; the one *.grucast in this folder", short="-m")
    series: str | None = option(None, "the series, as forecast calls it; the first", metavar="ID")
    cutoff: str | None = option(None, "explain the forecast from this row on, as if it were the last", metavar="STAMP")
    step: int | None = option(None, "one value of the forecast, counted from 1; all of them, summed", low=1,
                              high=100_000)
    event: str | None = option(None, "explain what was expected at the peak of this event, or at this row",
                               metavar="ID|STAMP")
    future: str | None = option(None, "covariates known ahead, a row for each value to forecast", metavar="FILE")
    top: int = option(12, "rows of the table, the largest contributions; the others are one row more", low=1,
                      high=1_000_000)
    plot: Path | None = option(None, "draw contributions, gates and attention: .png, .svg or .html", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "explain", example="grucast explain energy.csv -m energy.grucast --step 1 --json")(explain)


def explain(words: ExplainWords, output: OutputOptions, read: ReadOptions, talk: TalkOptions) -> None:
    """Say which past values and covariates made a forecast, or what was expected of an event.

    Contributions are integrated gradients against a flat window: every past value as the last one, covariates at
    their mean. They sum to the forecast less that of the flat window; how nearly is printed.
    Columns: input, start, end, lag (rows before the forecast, of the newest), rows, contribution, share.
    """
    from grucast.workflows.explain import Asked, ExplainRequest
    from grucast.workflows.explain import explain as run
    from grucast.workflows.locate import find_model

    chosen(output.choice, terminal=False)  # two formats are refused before any work is done
    result = run(ExplainRequest(
        words.source, find_model(words.model, os.environ, Path()), read,
        Asked(words.series, words.cutoff, words.step, words.event, words.future), words.top, words.plot,
        output.output))
    tell_notes(result.notes, talk)
    tell(aligned(Table(("", ""), result.report)), talk)
    emit(result.document, Table(result.columns, result.rows), output.choice, output.output)
