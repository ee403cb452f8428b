"""`grucast check`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, aligned, chosen, deliver, emit, tell, tell_notes
from grucast.core.config import ReadOptions, option

if TYPE_CHECKING:
    from grucast.data.findings import Finding

_BAD = 65


@dataclass(frozen=True, slots=True)
class CheckWords:
    """Which data."""

    sources: tuple[str, ...] = option((), "CSV, TSV, text or Parquet files, read as one; - is standard input",
                                      argument=True, required=True, metavar="DATA")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "check", example="grucast check energy.csv --tz Europe/Berlin")(check)


def check(words: CheckWords, output: OutputOptions, read: ReadOptions, talk: TalkOptions) -> int:
    """Show how data are read and what is wrong with them.

    Every fault comes with its line and the option that mends it. The exit code is 0 when train would
    read the data, else 65.
    """
    from grucast.workflows.check import check as run
    from grucast.workflows.check import document
    from grucast.workflows.locate import check_outputs

    check_outputs({"-o": output.output}, (*words.sources, read.rows.exclude))
    result = run(words.sources, read)
    facts, code = summary(result.understood), 0 if result.readable else _BAD
    if chosen(output.choice, terminal=output.output is None and sys.stdout.isatty()) == "table":
        faults = "".join(f"{fault(one)}\n" for one in result.findings if one.severity != "note")
        deliver("\n".join(part for part in (facts, faults) if part), output.output)
        tell_notes((one.sentence() for one in result.findings if one.severity == "note"), talk)
    else:
        tell(facts, talk)
        emit(document(result), table(result.findings), output.choice, output.output)
    return code


def summary(understood: Mapping[str, Any]) -> str:
    """What was understood, for people."""
    if not understood:
        return ""
    parts = [(f"{part} columns", ", ".join(names)) for part, names in understood["columns"].items() if names]
    missing = ", ".join(f"{count:,} {word}{'s' * (count != 1)}" for word in ("row", "cell")
                        if (count := understood[f"missing_{word}s"]))
    return aligned(Table(("", ""), [
        ("rows", f"{understood['rows']:,} in {understood['series']:,} series, {understood['shape']}"), *parts,
        ("from, to", f"{understood['first']}, {understood['last']}"),
        ("frequency", f"{understood['freq'] or 'none'}, zone {understood['tz'] or 'not known'}"),
        ("seasons", ", ".join(map(str, understood["season"])) or "none"),
        ("missing", missing or "nothing")]))


def fault(finding: Finding) -> str:
    """`error: load.csv:12: column 'load': ...; add ...`."""
    return f"{finding.severity}: {finding.fault()}"


def table(findings: Sequence[Finding]) -> Table:
    """All findings, a row each."""
    return Table(("severity", "file", "line", "column", "message", "mend"),
                 [(one.severity, one.file, one.line, one.column, one.message, one.mend) for one in findings])
