"""From bytes to one table of columns: format, header, last line, and the signs that numbers are written with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.series import FileFormat, Layout
from grucast.data import guards
from grucast.data.findings import Finding, Findings
from grucast.data.layout import ID_NAMES
from grucast.data.numbers import MISSING, SIGNED, NumberStyle, UnclearSigns, decide_signs, parse_number
from grucast.data.readers.csv import read_header, read_rows, records
from grucast.data.sniffing import named_delimiter, sniff, split_line
from grucast.data.sources import Source, decode
from grucast.data.stamp_formats import describe, describe_clock
from grucast.data.table import Column, Table
from grucast.data.task import Task

SAMPLE = 5000  # distinct words looked at for decimal signs


@dataclass(frozen=True, slots=True)
class Part:
    """One file, ready to be read."""

    source: Source
    format: FileFormat
    names: tuple[str, ...]
    nameless: frozenset[str]
    header_line: int


def open_table(loaded: Sequence[Source], options: ReadOptions, findings: Findings,
               layout: Layout | None) -> tuple[Task, FileFormat]:
    """A task with the table of all files in it, and their format with all that was found."""
    if loaded[0].file.endswith(".parquet") or loaded[0].body.startswith(b"PAR1"):
        return _open_parquet(loaded, options, findings, layout), FileFormat()
    parts = [_prepare(source, options, findings, layout) for source in loaded]
    _refuse_other_columns(parts)
    style, text = number_style(options, layout), _as_text(options, typed=False)
    task = Task(options, findings, read_parts(parts, style, text, findings), layout,
                lambda more, now: read_parts(parts, now, text | frozenset(more), Findings(collect=True)))
    drop_nameless(task)
    if layout is None and (found := _settle_signs(task)) != style:
        task.reread((), found)
        style = found
    if layout is None and parts[0].format.delimiter == ",":
        guards.refuse_split_decimals(task)
    return task, replace(parts[0].format, decimal=style.decimal, thousands=style.thousands)


def _open_parquet(loaded: Sequence[Source], options: ReadOptions, findings: Findings, layout: Layout | None) -> Task:
    """A task with the table of Parquet files, whose cells have types already."""
    from grucast.data.readers.parquet import read_parquet

    style, text = number_style(options, layout), _as_text(options, typed=True)
    return Task(options, findings, read_parquet(loaded, style, text), layout,
                lambda more, now: read_parquet(loaded, now, text | frozenset(more)), typed=True)


def _as_text(options: ReadOptions, *, typed: bool) -> frozenset[str]:
    """The columns whose cells are kept as they are written: ids, and times that are joined or have a format."""
    columns = options.columns
    joined = len(columns.time_col) > 1 or (options.time.time_format and not typed)
    return frozenset((*ID_NAMES, *columns.id_col, *(columns.time_col if joined else ())))


def number_style(options: ReadOptions, layout: Layout | None) -> NumberStyle:
    """How numbers are written, as far as it is known before they are read."""
    asked = options.format
    decimal, thousands = asked.decimal, asked.thousands or ""
    if layout is not None:
        decimal, thousands = decimal or layout.format.decimal, thousands or layout.format.thousands
    if decimal is None:
        decimal = "," if thousands == "." else "."
    if decimal == thousands:
        raise UsageError(f"--decimal and --thousands are both {decimal!r}")
    marks = frozenset(value.strip() for value in asked.na_value)
    style = NumberStyle(decimal, thousands, MISSING | marks)
    numbers = tuple(number for mark in marks if (number := parse_number(mark, style)) is not None)
    return replace(style, absent=numbers)  # -9999 also stands for -9999.0


def _prepare(source: Source, options: ReadOptions, findings: Findings, layout: Layout | None) -> Part:
    """Decode one file, find its format and header, and decide about its last line."""
    if not source.body.strip():
        raise DataError("the file is empty", file=source.file)
    asked = options.format
    if layout is not None:
        form = replace(layout.format, delimiter=named_delimiter(asked.delimiter or layout.format.delimiter))
        encoding = asked.encoding or ("" if form.encoding == "utf-8" else form.encoding)
        source = decode(source, encoding, Findings(collect=True))
    else:
        source = decode(source, asked.encoding or "", findings)
        form = sniff(source, asked, findings)
    names, line = read_header(source, form)
    names = _pad(names, source, form)
    source = _settle_last_line(source, form, len(names), options.rows.last_line, findings)
    full = [name or f"col{at}" for at, name in enumerate(names, 1)]
    double = next((name for name in full if full.count(name) > 1), None)
    if double is not None:
        raise DataError(f"two columns are called {double!r}", file=source.file, line=line or None, column=double,
                        mend="give each its own name")
    nameless = frozenset(full[at] for at, name in enumerate(names) if not name)
    return Part(source, form, tuple(full), nameless, line)


def _pad(names: list[str], source: Source, form: FileFormat) -> list[str]:
    """Names for the empty fields that rows have beyond the header when a delimiter ends each line."""
    if form.header:
        stream = (fields for _, fields in records(source, form) if fields)
        next(stream, None)
        first = next(stream, names)
        if len(first) > len(names) and not any(cell.strip() for cell in first[len(names):]):
            return [*names, *[""] * (len(first) - len(names))]
    return names


def _settle_last_line(source: Source, form: FileFormat, width: int, policy: str, findings: Findings) -> Source:
    """Take or leave a last line without a line end; a note either way."""
    body = source.body
    cut = max(body.rfind(b"\n"), body.rfind(b"\r")) + 1
    tail = body[cut:].decode("utf-8")
    if not tail or not body[:cut].strip():
        return source
    if not tail.strip():
        return replace(source, body=body[:cut])
    complete = len(split_line(tail, form.delimiter)) == width and tail.count('"') % 2 == 0
    line = body.count(b"\n") + 1
    if policy == "keep" or (policy == "auto" and complete and source.rested):
        findings.note("the last line has no line end and is taken", line=line)
        return source
    why = "" if policy == "drop" else ": it may be half written"
    findings.note(f"the last line (line {line}) has no line end and is left out{why}", line=line)
    return replace(source, body=body[:cut])


def _refuse_other_columns(parts: Sequence[Part]) -> None:
    """Several files are one only when their columns are the same."""
    for part in parts[1:]:
        if part.names != parts[0].names:
            other = sorted(set(part.names) ^ set(parts[0].names)) or list(part.names)
            raise DataError(f"the columns are not those of {parts[0].source.file}: {', '.join(map(repr, other[:5]))}",
                            file=part.source.file, line=part.header_line or None, mend="read it on its own")


def read_parts(parts: Sequence[Part], style: NumberStyle, text: frozenset[str], findings: Findings) -> Table:
    """The table of all files; the columns in `text` are kept as words."""
    first = parts[0]
    table = Table({name: Column(name, text=name in text) for name in first.names}, style,
                  header_line=first.header_line, nameless=first.nameless)
    for part in parts:
        read_rows(part.source, part.format, table, findings)
    return table


def drop_nameless(task: Task) -> None:
    """Leave out columns without a name and without a value, and say so."""
    table = task.table
    empty = [name for name in sorted(table.nameless)
             if table.rows and (tally := table.columns[name].tally(table.style.missing)).missing == table.rows
             and not tally.moments]
    if empty:
        for name in empty:
            del table.columns[name]
        task.findings.note("a nameless column is empty and is left out" if len(empty) == 1
                           else f"{len(empty)} nameless columns are empty and are left out")


def _settle_signs(task: Task) -> NumberStyle:
    """The decimal sign and the thousands separator that the numbers have; unclear ones are an error that asks."""
    style, asked = task.table.style, task.options.format
    if asked.thousands is not None:
        return style
    cells, points = [], False
    for column in task.table.columns.values():
        points = points or any(isinstance(chunk, np.ndarray) and (chunk % 1 > 0).any() for chunk in column.chunks)
        if not column.text:
            cells.extend(_sign_cells(column, style))
    try:
        found = decide_signs(cells, points, asked.decimal)
    except UnclearSigns as unclear:
        column = next(one for one in task.table.columns.values() if unclear.cell in one.places)
        file, line = task.table.where(task.first_row(column, unclear.cell))
        task.findings.add(Finding("error", unclear.message, line, column.name, unclear.mend, file))
        return style
    if found is None:
        return style
    if asked.decimal is None and found[0] == ",":
        task.findings.note("decimal sign ',' found")
    if found[1]:
        task.findings.note(f"thousands separator {found[1]!r} found")
    return replace(style, decimal=found[0], thousands=found[1])


def _sign_cells(column: Column, style: NumberStyle) -> list[str]:
    """The words of a column that look like numbers, when half of its cells do and it is no time."""
    tally = column.tally(style.missing)
    if not tally.words or tally.moments:
        return []
    counts = column.word_counts()
    alike = [bool(SIGNED.fullmatch(word.strip())) for word in column.places]
    known = tally.numbers + int(counts[np.array(alike)].sum())
    if 2 * known < tally.numbers + tally.words:
        return []
    words = [word for word, yes in zip(column.places, alike, strict=True) if yes]
    head = words[:20]
    if all(describe(word) or describe_clock(word) for word in head):
        return []
    step = max(1, len(words) // SAMPLE)
    return words[::step]
