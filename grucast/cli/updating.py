"""`grucast update`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import TalkOptions, deliver, json_text, progress, tell, tell_notes
from grucast.cli.training import accuracy
from grucast.core.config import ReadOptions, option


@dataclass(frozen=True, slots=True)
class UpdateWords:
    """What `update` asks for beside the data."""

    source: str | None = option(None, "the data with the rows that came; the file the model was trained on, as it is "
                                "now", argument=True, metavar="DATA")
    model: Path | None = option(None, "the model; the one *.grucast in this folder", short="-m")
    full: bool = option(False, "train anew on all rows, with the settings of the model")
    wait: bool = option(False, "wait for another run that writes the model, instead of ending with 75")
    device: str = option("auto", "where to compute", choices=("auto", "cpu", "cuda"), panel="Training")
    threads: int | None = option(None, "threads; as for train", low=1, high=1024, panel="Training")
    max_seconds: float | None = option(None, "end after this time, with the model as it was or with the best so far",
                                       low=0.0, panel="Training")
    json: bool = option(False, "print the report as JSON", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "update", example="grucast update energy.csv -m energy.grucast")(update)


def update(words: UpdateWords, read: ReadOptions, talk: TalkOptions) -> None:
    """Let a model learn from the rows that came since it was trained.

    It trains on for a moment, on new rows and old ones, and is judged beside the old model on the newest
    rows, which neither has seen. Where it is not as good, the old model stays: exit code 78.
    """
    from grucast.workflows.locate import find_model
    from grucast.workflows.update import UpdateRequest
    from grucast.workflows.update import update as run

    request = UpdateRequest(
        source=words.source, model=find_model(words.model, os.environ, Path()), read=read, full=words.full,
        wait=words.wait, device=words.device, threads=words.threads, max_seconds=words.max_seconds)
    with progress(talk) as bar:
        result = run(request, bar)
    if result.report["updated"]:
        tell(summary(result.report), talk)
    tell_notes(result.notes, talk)
    if words.json:
        deliver(json_text(result.report))


def summary(report: Mapping[str, Any]) -> str:
    """What came of it, for people."""
    head = f"{report['model']}: {report['new_rows']:,} new rows learned in {report['seconds']:.0f} s"
    if report["error"] is not None:
        head += (f"; error on the newest {report['held_rows']:,} rows {report['error']:.4g}, "
                 f"{report['error_before']:.4g} before")
    return f"{head}\n\n{accuracy(report)}"
