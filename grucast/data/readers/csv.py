"""Read delimited text: records with their physical lines, checked for their number of fields, into columns.

The standard library's `csv` module in its strict mode does the splitting, so that quotes and line
ends inside quotes are right; nothing is guessed here, the format is an argument.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.errors import DataError
from grucast.core.series import FileFormat
from grucast.data.findings import Finding, Findings
from grucast.data.sources import Source
from grucast.data.table import Table

CHUNK = 20_000  # rows converted at a time


Record: TypeAlias = tuple[int, Sequence[str]]  # the physical line on which it begins, its fields


def records(source: Source, format: FileFormat) -> Iterator[Record]:
    """The records of `source`, one by one; blank lines and comments have no fields."""
    lines = _lines(source, format)
    if format.delimiter == "whitespace":
        for number, line in enumerate(lines, format.skip_rows + 1):
            yield number, line.split()
        return
    reader = csv.reader(lines, delimiter=format.delimiter, strict=True, skipinitialspace=True)
    last = 0
    try:
        for fields in reader:
            yield format.skip_rows + last + 1, fields
            last = reader.line_num
    except csv.Error as error:
        raise broken(error, source.file, format.skip_rows + last + 1) from None


def broken(error: csv.Error, file: str, line: int) -> DataError:
    """What is said of text that cannot be split into fields."""
    wrong = "a quote is not closed" if "unexpected end" in str(error) else str(error)
    return DataError(f"this is not delimited text: {wrong}", file=file, line=line,
                     mend="mend the quotes or say --delimiter")


def _lines(source: Source, format: FileFormat) -> Iterator[str]:
    """The lines of `source` below those that are skipped, comments blanked."""
    text = io.TextIOWrapper(io.BytesIO(source.body), encoding="utf-8", newline="")
    lines: Iterator[str] = text
    for _ in islice(lines, format.skip_rows):  # ends with the file, however large the number
        pass
    return _without_comments(lines, format.comment) if format.comment else lines


def _blocks(source: Source, format: FileFormat) -> Iterator[tuple[Ints, list[list[str]]]]:
    """The same records many at a time: the line on which each begins, and their fields."""
    lines = _lines(source, format)
    first = format.skip_rows + 1
    rows: list[list[str]]
    if format.delimiter == "whitespace":
        while rows := [line.split() for line in islice(lines, CHUNK)]:
            yield np.arange(first, first + len(rows), dtype=np.int64), rows
            first += len(rows)
        return
    reader = csv.reader(lines, delimiter=format.delimiter, strict=True, skipinitialspace=True)
    last = 0
    try:
        while rows := list(islice(reader, CHUNK)):
            begins = np.arange(first + last, first + last + len(rows), dtype=np.int64)
            if reader.line_num - last != len(rows):  # line ends in quotes make records longer than a line
                longer = [sum(cell.count("\n") or cell.count("\r") for cell in row) for row in rows]
                begins[1:] += np.cumsum(longer[:-1])
            yield begins, rows
            last = reader.line_num
    except csv.Error:
        for _ in records(source, format):  # finds the line and says it
            pass
        raise


def _without_comments(lines: Iterator[str], comment: str) -> Iterator[str]:
    """Comment lines as blank ones, so that the count of lines stays right."""
    for line in lines:
        yield "\n" if is_comment(line, comment) else line


def is_comment(line: str, comment: str) -> bool:
    """Whether a line is a comment; some programs put quotes around them."""
    return bool(comment) and line.lstrip(' "').startswith(comment)


def read_header(source: Source, format: FileFormat) -> tuple[list[str], int]:
    """The names of the columns (stripped; col1, col2 … without a header) and the line they stand on."""
    for line, fields in records(source, format):
        if fields:
            if format.header:
                return [name.strip() for name in fields], line
            return [f"col{at}" for at in range(1, len(fields) + 1)], 0
    return [], 0


def read_rows(source: Source, format: FileFormat, table: Table, findings: Findings) -> None:
    """Add every row of `source` to the columns of `table`; a row with too many or too few fields is an error."""
    table.files.append((source.file, table.rows))
    header, width = format.header, len(table.columns)
    held: tuple[list[int], list[list[str]]] = ([], [])  # blank lines that may be missing cells
    for lines, rows in _blocks(source, format):
        if header:
            at = next((at for at, fields in enumerate(rows) if fields), None)
            if at is None:
                continue
            lines, rows, header = lines[at + 1:], rows[at + 1:], False
        if format.comment:  # comments have become blank lines
            lines, rows = lines[[bool(fields) for fields in rows]], [fields for fields in rows if fields]
        if set(map(len, rows)) != {width} or held[0]:
            lines, rows = _fitting(lines, rows, width, held, lambda record: findings.add(
                ragged(record, width, source.file, format)))
        _convert(table, lines, rows)


def _fitting(lines: Ints, rows: list[list[str]], width: int, held: tuple[list[int], list[list[str]]],
             report: Callable[[Record], None]) -> tuple[Ints, list[list[str]]]:
    """The rows that have `width` fields; others are reported, blank lines dropped.

    A blank line in a file of one column is a missing cell, unless only blank lines follow: it is `held`
    until a row comes.
    """
    kept_lines: list[int] = []
    kept_rows: list[list[str]] = []
    for line, fields in zip(lines.tolist(), rows, strict=True):
        if len(fields) == width:
            kept_lines += [*held[0], line]
            kept_rows += [*held[1], fields]
            held[0].clear()
            held[1].clear()
        elif fields:
            report((line, fields))
        elif width == 1:
            held[0].append(line)
            held[1].append([""])
    return np.array(kept_lines, dtype=np.int64), kept_rows


def _convert(table: Table, lines: Ints, rows: list[list[str]]) -> None:
    """Add rows of the right length to the columns."""
    if not rows:
        return
    for column, cells in zip(table.columns.values(), zip(*rows, strict=True), strict=True):
        column.add(cells, table.style)
    table.lines.append(lines)
    table.rows += len(rows)


def ragged(record: Record, width: int, file: str, format: FileFormat) -> Finding:
    """What is said of a row with the wrong number of fields."""
    line, cells = record
    count = len(cells)
    mend = "mend the line"
    first = cells[0].lstrip()[:1]
    if first and not first.isalnum() and first in "#%;!/":
        mend = f"add --comment {first!r}" if first in ";!" else f"add --comment {first}"
    elif format.delimiter == "," and not any("." in cell for cell in cells[1:]) and count > width:
        mend = "mend the line, or write the file with ';' between fields if its decimals have commas"
    fields = "1 field" if count == 1 else f"{count} fields"
    return Finding("error", f"{fields} where the header has {width}", line, mend=mend, file=file)
