"""`grucast tune`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from grucast.cli.options import offer
from grucast.cli.output import (
    FormatChoice,
    Table,
    TalkOptions,
    chosen,
    deliver,
    emit,
    json_text,
    progress,
    tell,
    tell_notes,
)
from grucast.core.config import ReadOptions, TrainOptions, option
from grucast.core.errors import UsageError

if TYPE_CHECKING:
    from grucast.workflows.tune import TuneRequest


@dataclass(frozen=True, slots=True)
class TuneWords:
    """What `tune` asks for beside the data and the settings of a training."""

    sources: tuple[str, ...] = option((), "CSV, TSV, text or Parquet files, read as one; - is standard input",
                                      argument=True, required=True, metavar="DATA")
    trials: int | None = option(None, "trials in all, those of earlier runs with --storage included; 40", low=1,
                                high=100_000)
    origins: int = option(2, "origins, a part apart, that each trial is validated at", low=1, high=10)
    jobs: int = option(1, "processes that run trials", low=1, high=1024)
    storage: Path | None = option(None, "keep trials in this file of SQLite, and go on with those in it")
    compare_cells: bool = option(False, "a table of all cells instead, each with the same budget")
    config: Path | None = option(None, "settings in TOML, by the names of these options", metavar="FILE.toml")
    output: Path | None = option(None, "write the best settings, or the table, to FILE", short="-o", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "tune", example="grucast tune energy.csv --storage energy.db --max-seconds 3600 -o best.toml")(tune)


def tune(words: TuneWords, choice: FormatChoice, options: TrainOptions, read: ReadOptions, talk: TalkOptions) -> None:
    """Search for better settings, and print them as TOML that `train --config` takes.

    Options of train that are given are not searched; --max-seconds bounds the whole search. Trials are
    validated on rows before those that train reports on. The first trial is the defaults, and they are
    given out unless one of the best is better at further origins too, by more than noise.
    """
    from grucast.workflows.tune import TuneRequest

    if words.compare_cells and words.trials is not None:
        raise UsageError("--trials would change nothing with --compare-cells: each cell is one; leave one of them out")
    if not words.compare_cells and choice.format not in (None, "json"):
        raise UsageError(f"--format {choice.format} goes with --compare-cells; settings are TOML, or JSON with --json")
    kind = chosen(choice, terminal=words.output is None and sys.stdout.isatty())
    request = TuneRequest(sources=words.sources, read=read, options=options, trials=words.trials or 40,
                          origins=words.origins, jobs=words.jobs, storage=words.storage, output=words.output,
                          config=words.config)
    if words.compare_cells:
        compare(request, choice, talk)
        return
    from grucast.workflows.tune import summary
    from grucast.workflows.tune import tune as run

    with progress(talk) as bar:
        result = run(request, bar)
    tell(f"{summary(result.report)}\n", talk)
    tell_notes(result.notes, talk)
    if words.output is not None or kind != "json":
        deliver(result.toml, words.output)
    if kind == "json":
        deliver(json_text(result.report))


def compare(request: TuneRequest, choice: FormatChoice, talk: TalkOptions) -> None:
    """Print the table of cells."""
    from grucast.workflows.tuning.compare import COLUMNS, compare_cells

    with progress(talk) as bar:
        report = compare_cells(request, bar)
    tell_notes(report["notes"], talk)
    table = Table(COLUMNS, [[one[name] for name in COLUMNS] for one in report["cells"]])
    emit(report, table, choice, request.output)
