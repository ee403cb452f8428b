"""What is written where: data on standard output or in a file, talk on standard error.

Data are a table on a terminal and CSV elsewhere, unless --format or --json say otherwise. Rich is
imported for a progress bar on a terminal and for nothing else.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from grucast.cli.boundary import Hangup, say
from grucast.core.config import option
from grucast.core.errors import UsageError
from grucast.core.files import write_whole
from grucast.core.progress import Progress, silent

FORMATS = ("table", "csv", "json", "jsonl")


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """How much is said."""

    quiet: bool = option(False, "no notes, no report, no progress", short="-q", panel="Output")
    verbose: bool = option(False, "say more", short="-v", panel="Output")
    debug: bool = option(False, "show the traceback of an error", panel="Output")


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """How data are written."""

    format: str | None = option(None, "a table on a terminal, else csv", choices=FORMATS, panel="Output")
    json: bool = option(False, "the same as --format json", panel="Output")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How and where data are written."""

    choice: FormatChoice
    output: Path | None = option(None, "write the data to FILE, whole or not at all", short="-o", panel="Output")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain values: texts, numbers, None. With `words` numbers are written already, in all columns but one."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    words: bool = False


# ---- data ----------------------------------------------------------------------------------------


def emit(document: Mapping[str, Any], table: Table, choice: FormatChoice, output: Path | None = None) -> None:
    """Write `document` where JSON was asked for, else `table`, to `output` or standard output."""
    kind = chosen(choice, terminal=output is None and sys.stdout.isatty())
    if kind == "json":
        text = json_text(document)
    elif kind == "jsonl":
        text = "".join(json_text(dict(zip(table.columns, row, strict=True))) for row in table.rows)
    elif kind == "csv":
        from grucast.data.writing import render_csv

        text = render_csv(table.columns, table.rows)
    else:
        text = aligned(table, bold=output is None and colour(sys.stdout))
    deliver(text, output)


def chosen(choice: FormatChoice, *, terminal: bool) -> str:
    """The format that was asked for, or the one that fits."""
    if choice.json and choice.format not in (None, "json"):
        raise UsageError(f"--json and --format {choice.format} do not go together; name one of them")
    return "json" if choice.json else choice.format or ("table" if terminal else "csv")


def deliver(text: str, output: Path | None = None) -> None:
    """Write `text` to standard output, or to `output` whole or not at all."""
    if output is not None:
        write_whole(output, text.encode("utf-8", "surrogateescape"))
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise Hangup from error


def json_text(value: Any) -> str:
    """`value` as one line of JSON; a number that is not finite is null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# ---- tables --------------------------------------------------------------------------------------


def aligned(table: Table, *, bold: bool = False) -> str:
    """`table` in columns, numbers to the right; the header in bold where the terminal shows it."""
    rows = [list(row) for row in table.rows]
    cells = [list(map(shown, row)) for row in rows]
    right = [at > 0 if table.words else any(isinstance(row[at], (int, float)) for row in rows)
             for at in range(len(table.columns))]
    widths = [max(map(_width, [name, *(row[at] for row in cells)])) for at, name in enumerate(table.columns)]
    lines = ["  ".join(_pad(cell, width, end) for cell, width, end in zip(row, widths, right, strict=True)).rstrip()
             for row in [list(table.columns), *cells]]
    if bold:
        lines[0] = f"\033[1m{lines[0]}\033[0m"
    return "".join(f"{line}\n" for line in lines if line)


def shown(value: object) -> str:
    """A value for people: six digits, nothing where there is no number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"
    return "".join(one if one.isprintable() else "�" for one in str(value))


def _width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    if text.isascii():
        return len(text)
    return sum((unicodedata.east_asian_width(one) in "WF") + (not unicodedata.combining(one)) for one in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def colour(stream: TextIO) -> bool:
    """Whether `stream` shows bold and colour: NO_COLOR and FORCE_COLOR decide, else the terminal does."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


# ---- talk ----------------------------------------------------------------------------------------


def tell_notes(notes: Iterable[str], talk: TalkOptions) -> None:
    """Say each of `notes` on standard error, unless it should be quiet."""
    if not talk.quiet:
        for note in notes:
            say(f"grucast: note: {note}")


def tell(text: str, talk: TalkOptions) -> None:
    """Say `text`, lines of a report, on standard error, unless it should be quiet."""
    if not talk.quiet:
        for line in text.splitlines():
            say(line)


def _spoken() -> Progress:
    """Progress as lines, for a log: the first of each stage, then one for each tenth of it."""
    told: dict[str, int] = {}

    def report(stage: str, done: int, total: int, text: str = "") -> None:
        tenth = 10 * done // max(total, 1)
        if told.get(stage) != tenth:
            told[stage] = tenth
            say(f"grucast: {stage} {done}/{total} {text}".rstrip())

    return report


@contextlib.contextmanager
def progress(talk: TalkOptions) -> Iterator[Progress]:
    """Somebody to report progress to: a bar on a terminal, nobody elsewhere."""
    if talk.quiet or not sys.stderr.isatty():
        yield _spoken() if talk.verbose and not talk.quiet else silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[text]}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int, text: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, text=text)
            bars.update(tasks[stage], completed=done, total=total, text=text)

        yield report
