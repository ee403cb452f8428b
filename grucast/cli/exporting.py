"""`grucast export`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import FormatChoice, Table, TalkOptions, chosen, emit, tell, tell_notes
from grucast.core.config import ReadOptions, option


@dataclass(frozen=True, slots=True)
class ExportWords:
    """What is exported, and where to."""

    model: Path | None = option(None, "the model; the one *.grucast in this folder", argument=True, metavar="MODEL")
    output: Path | None = option(None, "the file to write; NAME.onnx in this folder", short="-o")
    data: str | None = option(None, "data to compare on; the file the model was trained on", metavar="FILE")
    int8: bool = option(False, "weights of 8 bits; what that costs is measured")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "export", example="grucast export energy.grucast -o energy.onnx --int8")(export)


def export(words: ExportWords, choice: FormatChoice, read: ReadOptions, talk: TalkOptions) -> None:
    """Write the network as ONNX, compared with our own output first.

    The file takes one normalised window and gives its calibrated quantiles; its metadata hold scales, levels and
    window. It is written only where onnxruntime gives what grucast gives, to 1e-5. Needs the extra `onnx`.
    """
    from grucast.workflows.export import ExportRequest, refuse_early
    from grucast.workflows.export import export as run
    from grucast.workflows.locate import find_model

    kind = chosen(choice, terminal=True)
    request = ExportRequest(Path(), read, words.data, words.output, words.int8)
    refuse_early(request)
    facts = run(ExportRequest(find_model(words.model, os.environ, Path()), read, words.data, words.output, words.int8))
    tell_notes(facts["notes"], talk)
    if kind != "table":
        rows = [(name, str(value)) for name, value in facts.items()]
        emit(facts, Table(("name", "value"), rows), choice)
        return
    tell("\n".join(sentences(facts)), talk)


def sentences(facts: Mapping[str, Any]) -> list[str]:
    """The facts of an export for people."""
    windows, int8 = facts["windows"], facts["int8"]
    compared = f"{windows['random']} random and {windows['real']} real window{'s' * (windows['real'] != 1)}"
    told = [f"{facts['output']}: {facts['bytes']:,} bytes, inputs {', '.join(facts['inputs'])}",
            f"differs from grucast by at most {facts['largest_difference']:.2g} on {compared}"]
    if int8 is not None:
        errors = "" if int8["mae"] is None else (f"; mean absolute error {int8['mae']:.4g} before, "
                                                 f"{int8['mae_int8']:.4g} now")
        told.append(f"8 bits: {int8['bytes_before']:,} bytes before; forecasts moved by {int8['moved']:.3g} in the "
                    f"mean{errors} (in scales of the series)")
    return told
