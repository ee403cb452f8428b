"""`grucast inspect`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, aligned, chosen, deliver, emit
from grucast.cli.training import accuracy
from grucast.core.config import option


@dataclass(frozen=True, slots=True)
class InspectWords:
    """Which model."""

    model: Path | None = option(None, "the model; the one *.grucast in this folder", argument=True, metavar="MODEL")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "inspect", example="grucast inspect energy.grucast --json")(inspect)


def inspect(words: InspectWords, output: OutputOptions, talk: TalkOptions) -> None:
    """Show what is in a model file.

    That is: the data it was trained on, its settings (all of them with -v or --json), its accuracy
    beside the baselines, the coverage of its intervals, its digest.
    """
    from grucast.workflows.inspect import inspect as run
    from grucast.workflows.locate import check_outputs, find_model

    model = find_model(words.model, os.environ, Path())
    check_outputs({"-o": output.output}, (model,))
    facts = run(model)
    if chosen(output.choice, terminal=output.output is None and sys.stdout.isatty()) == "table":
        deliver(page(facts, verbose=talk.verbose), output.output)
    else:
        emit(facts, Table(("name", "value"), list(flattened(facts))), output.choice, output.output)


def page(facts: Mapping[str, Any], *, verbose: bool = False) -> str:
    """The facts of a model for people; `verbose` adds every setting."""
    data, network = facts["data"], facts["settings"]["network"]
    rows = [
        ("model", facts["model"]), ("digest", facts["digest"]),
        ("made by", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
        ("data", f"{data['path'] or 'path not kept'}, {data['rows']:,} rows, {data['series']:,} series"),
        ("from, to", f"{data['first']}, {data['last']}"),
        *(("left out", left_out) for left_out in [_left_out(data)] if left_out),
        *((f"{role} columns", ", ".join(names)) for role, names in facts["columns"].items()
          if isinstance(names, list) and names),
        ("frequency", f"{facts['freq'] or 'none'}{', ' + facts['tz'] if facts['tz'] else ''}"),
        ("season", ", ".join(map(str, facts["season"])) or "none"),
        ("horizon", str(facts["horizon"])), ("context", str(facts["context_length"])),
        ("network", f"{network['network']} of {network['cell']}, {network['hidden']} wide, "
                    f"{facts['parameters']:,} parameters" + (f", {facts['members']} members" * (facts["members"] > 1))),
    ]
    if verbose:
        rows += [(name, str(value)) for name, value in flattened(facts["settings"])]
    report = facts["accuracy"]
    several = len(facts["columns"]["target"]) > 1  # of one column the sentence on the skill says all
    notes = "".join(f"note: {note}\n" for note in (report.get("notes") or () if several else ()))
    return f"{aligned(Table(('', ''), rows))}\n{accuracy(report)}{notes}"


def _left_out(data: Mapping[str, Any]) -> str:
    """What the training was told to leave out, for people; "" for nothing."""
    periods = ", ".join(data.get("excluded", ()))
    return ", ".join(filter(None, [periods, "labelled rows" if data.get("excluded_labelled") else ""]))


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Names with dots and the values they stand for; lists joined by commas."""
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from flattened(one, f"{prefix}{key}.")
        else:
            yield prefix + key, ",".join(map(str, one)) if isinstance(one, (list, tuple)) else one
