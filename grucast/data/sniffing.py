"""Find how the bytes of a file become cells: comments, preamble, delimiter, header; never by guessing.

Only the head of the file is looked at. A delimiter is one under which the lines agree on a number
of fields; among several, the one whose fields look most like numbers and stamps.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grucast.core.config import FormatOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.series import FileFormat
from grucast.data.findings import Findings
from grucast.data.numbers import MISSING, PLAIN, SIGNED
from grucast.data.readers.csv import is_comment
from grucast.data.sources import Source
from grucast.data.stamp_formats import describe, describe_clock

HEAD_LINES = 200
HEAD_BYTES = 1 << 20
OPEN = re.compile(r'(?:^|[,;\t|])\s*"[^"]*$')  # a field in quotes that the line does not end
LONGEST = 20  # lines of one record
DELIMITERS = (",", ";", "\t", "|", "whitespace")
NAMES = {"\t": "tab", "whitespace": "whitespace"}


@dataclass(frozen=True, slots=True)
class Split:
    """The head of a file under one delimiter."""

    delimiter: str
    width: int  # fields of a row
    start: int  # place in the head of the first line that is no preamble
    share: float  # of the lines from `start` on that have `width` fields
    quality: float  # share of the cells below the first line that are numbers, stamps or missing


def sniff(source: Source, options: FormatOptions, findings: Findings) -> FileFormat:
    """The format of `source`, as far as the options leave it open. An empty file is a DataError."""
    skip = options.skip_rows or 0
    lines = _head(source, skip)
    comment = _find_comment([line for _, line in lines], options)
    body = [(number, line) for number, line in lines if line.strip() and not is_comment(line, comment)]
    if not body:
        raise DataError("the file is empty", file=source.file)
    if comment and not options.comment:
        findings.note(f"lines that begin with {comment} are comments")
    texts = [line for _, line in body]
    split = _find_split(texts, options)
    if split.start == 1 and _only_empty_beyond(texts, split):
        split = replace(split, start=0)
    if split.start and options.skip_rows is None:
        _refuse_short_header(texts, split, source.file, body[0][0])
        skip = body[split.start][0] - 1
        findings.note(f"{skip} lines before the table are skipped")
    if options.delimiter is None and split.delimiter != ",":
        findings.note(f"delimiter {NAMES.get(split.delimiter, repr(split.delimiter))} found")
    header = not options.no_header
    first = split_line(texts[split.start if options.skip_rows is None else 0], split.delimiter)
    if header and _is_data(first):
        header = False
        findings.note(f"no header found: the columns are called col1 to col{len(first)}" if len(first) > 1
                      else "no header found: the column is called col1")
    return FileFormat(delimiter=split.delimiter, encoding=source.encoding, na_values=options.na_value,
                      skip_rows=skip, comment=comment, header=header)


def _head(source: Source, skip: int) -> list[tuple[int, str]]:
    """The first lines after `skip`, each with its physical number; a line cut by the window is left out."""
    body = source.body[:HEAD_BYTES]
    if len(source.body) > HEAD_BYTES:
        body = body[: body.rfind(b"\n") + 1] or body
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = _joined(list(enumerate(text.split("\n"), 1))[skip:])
    plain = [line for _, line in lines if line.strip() and not line.lstrip(' "').startswith("#")]
    last = plain[HEAD_LINES] if len(plain) > HEAD_LINES else None
    if last is None:
        return lines
    return lines[: next(at for at, (_, line) in enumerate(lines) if line is last)]


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines, those of one record as one: a quote that opens a field may close on a later line."""
    out: list[tuple[int, str]] = []
    at = 0
    while at < len(lines):
        number, line = lines[at]
        at += 1
        if OPEN.search(line) and line.count('"') % 2:
            later = range(at, min(at + LONGEST, len(lines)))
            closes = next((end for end in later if lines[end][1].count('"') % 2), None)
            if closes is not None:
                line = "\n".join([line, *(more for _, more in lines[at : closes + 1])])
                at = closes + 1
        out.append((number, line))
    return out


def _find_comment(lines: Sequence[str], options: FormatOptions) -> str:
    if options.comment is not None:
        return options.comment
    marked = [is_comment(line, "#") for line in lines if line.strip()]
    return "#" if any(marked) and not all(marked) else ""


def _find_split(lines: Sequence[str], options: FormatOptions) -> Split:
    """The best delimiter, and what it makes of the lines."""
    if options.delimiter is not None:
        return judge(lines, named_delimiter(options.delimiter))
    names = [name for name in DELIMITERS if not (name == "," and options.decimal == "," and not _quoted(lines))]
    splits = [judge(lines, name) for name in names]
    splits = [one for one in splits if one.width > 1 and one.share > 0.5]
    if not splits:
        return judge(lines, "\t" if options.decimal == "," else ",")
    # whitespace only where no other delimiter does: stamps and texts have blanks in them
    strong = [one for one in splits if one.delimiter != "whitespace" and one.quality >= 0.3] or splits
    whitespace = [one for one in splits if one.delimiter == "whitespace"]
    best = max(strong, key=_rank)
    if whitespace and whitespace[0].share == 1.0 and whitespace[0].quality > best.quality + 0.2:
        return whitespace[0]
    return best


def _rank(split: Split) -> tuple[float, float, int]:
    return round(split.share - 0.5 * (split.start == 1), 2), split.quality, split.width


def _quoted(lines: Sequence[str]) -> bool:
    """Whether fields stand in quotes, so that a comma can be both delimiter and decimal sign."""
    return sum('"' in line for line in lines) > len(lines) / 2


def named_delimiter(name: str) -> str:
    r"""The delimiter that an option names: one character, "tab", "\t" or "whitespace"."""
    known = {"tab": "\t", "\\t": "\t", "whitespace": "whitespace", "comma": ",", "semicolon": ";"}
    delimiter = known.get(name.lower(), name)
    if delimiter != "whitespace" and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UsageError(f"--delimiter {name!r} is not one character, tab or whitespace")
    return delimiter


def split_line(line: str, delimiter: str) -> list[str]:
    """The fields of one line."""
    if delimiter == "whitespace":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return [line]


def judge(lines: Sequence[str], delimiter: str) -> Split:
    """What `delimiter` makes of the head of a file."""
    rows = [split_line(line, delimiter) for line in lines]
    tail = rows[len(rows) // 2:] if len(rows) > 4 else rows[1:] or rows
    counts = Counter(map(len, tail))
    width = max(counts, key=lambda one: (counts[one], one))
    start = next((at for at, (row, after) in enumerate(zip(rows, [*rows[1:], rows[-1]], strict=True))
                  if len(row) == len(after) == width), 0)
    below = rows[start:]
    share = sum(len(row) == width for row in below) / len(below)
    cells = [cell for row in below[1:] or below for cell in row if len(row) == width]
    quality = sum(map(looks_like_data, cells)) / max(len(cells), 1)
    return Split(delimiter, width, start if width > 1 else 0, share, quality)


def looks_like_data(cell: str) -> bool:
    """Whether a cell is a number, a stamp or missing."""
    text = cell.strip()
    return text in MISSING or bool(SIGNED.fullmatch(text)) or bool(describe(text)) or bool(describe_clock(text))


def _is_data(cells: Sequence[str]) -> bool:
    """Whether a first line holds values, not names: at least one number or stamp, and nothing else."""
    texts = [cell.strip() for cell in cells if cell.strip() not in MISSING]
    return bool(texts) and all(PLAIN.fullmatch(text) or describe(text) or describe_clock(text)
                               or (SIGNED.fullmatch(text) and not text.isalpha()) for text in texts)


def _only_empty_beyond(lines: Sequence[str], split: Split) -> bool:
    """Whether the rows have more fields than the header and nothing in them: a delimiter ends each line."""
    names = len(split_line(lines[0], split.delimiter))
    return all(not any(split_line(line, split.delimiter)[names:]) for line in lines[1:])


def _refuse_short_header(lines: Sequence[str], split: Split, file: str, line: int) -> None:
    """One line before the table that looks like names is a header with too few fields, not a preamble."""
    names = split_line(lines[0], split.delimiter)
    if split.start == 1 and not _is_data(names) and (len(names) > 1 or len(lines[0].split()) == 1):
        count = "1 field" if len(names) == 1 else f"{len(names)} fields"
        raise DataError(f"the header has {count}, the rows have {split.width}", file=file, line=line,
                        mend="mend the header, or say --delimiter or --decimal")
