"""Read delimited text: records with their physical lines, checked for their number of fields, into columns.

The standard library's `csv` module in its strict mode does the splitting, so that quotes and line
ends inside quotes are right; nothing is guessed here, the format is an argument.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from grucast.core.errors import DataError
from grucast.core.series import FileFormat
from grucast.data.findings import Finding, Findings
from grucast.data.sources import Source
from grucast.data.table import Table

CHUNK = 50_000  # rows converted at a time


Record: TypeAlias = tuple[int, Sequence[str]]  # the physical line on which it begins, its fields


def records(source: Source, format: FileFormat) -> Iterator[Record]:
    """The records of `source` that are neither blank nor comments.

    A blank line in a file of one column is a missing cell; the caller sees it as a record without fields.
    """
    text = io.TextIOWrapper(io.BytesIO(source.body), encoding="utf-8", newline="")
    lines: Iterator[str] = text
    for _ in range(format.skip_rows):
        next(lines, "")
    if format.comment:
        lines = _without_comments(lines, format.comment)
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
        wrong = "a quote is not closed" if "unexpected end" in str(error) else str(error)
        raise DataError(f"this is not delimited text: {wrong}", file=source.file, line=format.skip_rows + last + 1,
                        mend="mend the quotes or say --delimiter") from None


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
    stream = records(source, format)
    if format.header:
        next((fields for _, fields in stream if fields), None)
    table.files.append((source.file, table.rows))
    rows: list[Sequence[str]] = []
    lines: list[int] = []
    blank: list[int] = []  # of a file with one column: missing cells, unless only blank lines follow
    width = len(table.columns)
    for line, fields in stream:
        if len(fields) != width:
            if fields:
                findings.add(_ragged((line, fields), width, source.file, format))
            elif width == 1 and not format.comment:
                blank.append(line)
            continue
        if blank:
            rows.extend([("",)] * len(blank))
            lines.extend(blank)
            blank = []
        rows.append(fields)
        lines.append(line)
        if len(rows) >= CHUNK:
            _flush(table, rows, lines)
            rows, lines = [], []
    _flush(table, rows, lines)


def _flush(table: Table, rows: list[Sequence[str]], lines: list[int]) -> None:
    """Convert the rows gathered so far."""
    if not rows:
        return
    for column, cells in zip(table.columns.values(), zip(*rows, strict=True), strict=True):
        column.add(cells, table.style)
    table.lines.append(np.array(lines, dtype=np.int64))
    table.rows += len(rows)


def _ragged(record: Record, width: int, file: str, format: FileFormat) -> Finding:
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
