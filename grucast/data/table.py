"""Columns as they come out of a file: numbers, stamps or words, a chunk of rows at a time.

A cell is looked at once. A chunk of plain numbers is kept as float64, one of ISO stamps as
microseconds, anything else as codes into the column's distinct words, which keeps the text that
an error has to quote. So a plain file costs 8 bytes a cell and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Ints, Mask
from grucast.core.series import Lines
from grucast.data.numbers import NumberStyle, parse_chunk, parse_number
from grucast.data.stamps import NO_OFFSET, Moments, parse_cells, parse_iso_chunk


@dataclass(frozen=True, slots=True)
class Words:
    """Rows as places in the column's list of distinct words."""

    codes: npt.NDArray[np.int32]


Chunk = Array | Moments | Words


def chunk_rows(chunk: Chunk) -> int:
    """The rows of a chunk."""
    if isinstance(chunk, Words):
        return len(chunk.codes)
    return len(chunk.us if isinstance(chunk, Moments) else chunk)


@dataclass(slots=True)
class Column:
    """One column of T rows. With `text` its cells are kept as words whatever they look like."""

    name: str
    text: bool = False
    chunks: list[Chunk] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # word -> code, in order of first appearance
    marks: set[str] = field(default_factory=set)  # missing marks met, other than an empty cell
    _words: list[str] = field(default_factory=list)

    def add(self, cells: Sequence[str], style: NumberStyle) -> None:
        """Take in the next rows."""
        if not self.text:
            values = parse_chunk(cells, style)
            if values is not None:
                if np.isnan(values).any():
                    self.marks.update(style.missing.intersection(cells) - {""})
                self.chunks.append(values)
                return
            moments = parse_iso_chunk(cells)
            if moments is not None:
                self.chunks.append(moments)
                return
        places = self.places
        codes = np.fromiter((places.setdefault(cell, len(places)) for cell in cells), np.int32, len(cells))
        self.marks.update(style.missing.intersection(places) - {""})
        self.chunks.append(Words(codes))

    @property
    def words(self) -> list[str]:
        """The distinct words, as they stand in the file; a word's place is its code."""
        if len(self._words) != len(self.places):
            self._words = list(self.places)
        return self._words

    def tally(self, missing: frozenset[str]) -> Tally:
        """How many cells are numbers, stamps, words or missing."""
        found = Tally()
        for chunk in self.chunks:
            if isinstance(chunk, Moments):
                found.moments += len(chunk.us)
            elif not isinstance(chunk, Words):
                gaps = int(np.isnan(chunk).sum())
                found.missing += gaps
                found.numbers += len(chunk) - gaps
        counts = self.word_counts()
        for word, count in zip(self.places, counts.tolist(), strict=True):
            if word.strip() in missing:
                found.missing += count
            else:
                found.words += count
        return found

    def word_counts(self) -> Ints:
        """Rows of each distinct word."""
        total = np.zeros(len(self.places), np.int64)
        for chunk in self.chunks:
            if isinstance(chunk, Words):
                total += np.bincount(chunk.codes, minlength=len(total))
        return total

    def numbers(self, style: NumberStyle) -> tuple[Array, Mask]:
        """The values (T,), NaN where missing, and where a cell is neither a number nor missing."""
        table = np.array([_value(word, style) for word in self.places], dtype=np.float64).reshape(-1, 2)
        values: list[Array] = []
        wrong: list[Mask] = []
        for chunk in self.chunks:
            if isinstance(chunk, Words):
                values.append(table[chunk.codes, 0])
                wrong.append(table[chunk.codes, 1] > 0)
            elif isinstance(chunk, Moments):
                values.append(np.full(len(chunk.us), np.nan))
                wrong.append(np.ones(len(chunk.us), bool))
            else:
                values.append(chunk)
                wrong.append(np.zeros(len(chunk), bool))
        return np.concatenate(values or [np.zeros(0)]), np.concatenate(wrong or [np.zeros(0, bool)])

    def moments(self, form: str) -> Moments:
        """The stamps (T,) in format `form`; a missing or wrong cell is not `ok`."""
        words = word_moments(self.words or [""], form)
        us, ok, offset = [], [], []
        for chunk in self.chunks:
            if isinstance(chunk, Words):
                part = Moments(words.us[chunk.codes], words.ok[chunk.codes],
                               None if words.offset is None else words.offset[chunk.codes])
            elif isinstance(chunk, Moments):
                part = chunk
            else:
                part = _numeric_moments(chunk, form)
            us.append(part.us)
            ok.append(part.ok)
            offset.append(np.full(len(part.us), NO_OFFSET, np.int64) if part.offset is None else part.offset)
        where = np.concatenate(offset) if any((one != NO_OFFSET).any() for one in offset) else None
        return Moments(np.concatenate(us), np.concatenate(ok), where)

    def cell(self, row: int) -> str:
        """What stands in `row`: the word itself, or the number or stamp that was read from it."""
        for chunk in self.chunks:
            if row < chunk_rows(chunk):
                break
            row -= chunk_rows(chunk)
        if isinstance(chunk, Words):
            return self.words[int(chunk.codes[row])]
        if isinstance(chunk, Moments):
            return str(np.datetime64(int(chunk.us[row]), "us"))
        return "" if np.isnan(chunk[row]) else f"{chunk[row]:.15g}"

    def codes(self) -> tuple[Ints, list[str]]:
        """Each row's place (T,) among the distinct words; for a column read as text."""
        parts = [chunk.codes for chunk in self.chunks if isinstance(chunk, Words)]
        return np.concatenate(parts or [np.zeros(0, np.int32)]).astype(np.int64), self.words


@dataclass(slots=True)
class Tally:
    """What the cells of a column are."""

    numbers: int = 0
    moments: int = 0
    words: int = 0
    missing: int = 0


def _value(word: str, style: NumberStyle) -> tuple[float, int]:
    """A word's number, and 1 when it is none."""
    if word.strip() in style.missing:
        return np.nan, 0
    value = parse_number(word, style)
    if value is None or np.isinf(value):
        return np.nan, 1
    return (np.nan if value in style.absent else value), 0


def word_moments(words: Sequence[str], form: str) -> Moments:
    """Stamps in a format; one that was written as a decimal number, such as 20240131.0, is its digits."""
    found = parse_cells(words, form)
    for at in np.flatnonzero(~found.ok).tolist() if form else ():
        value = parse_number(words[at], NumberStyle())
        if value is not None:
            digits = parse_cells([f"{value:.15g}"], form)
            found.us[at], found.ok[at] = digits.us[0], digits.ok[0]
    return found


def _numeric_moments(values: Array, form: str) -> Moments:
    """Stamps that look like numbers, such as 20240131."""
    cells = ["" if np.isnan(value) else f"{value:.15g}" for value in values]
    return parse_cells(cells, form)


@dataclass(slots=True)
class Table:
    """The columns of one file or several, and where each row stands."""

    columns: dict[str, Column]
    style: NumberStyle
    files: list[tuple[str, int]] = field(default_factory=list)  # file, its first row
    lines: list[Ints] = field(default_factory=list)
    rows: int = 0
    header_line: int = 1  # 0 without a header
    nameless: frozenset[str] = frozenset()  # columns whose names were made up

    def line(self) -> Lines:
        """The physical line of each row (T,), as int32 where that holds it: it is kept as long as the values."""
        last = max((int(part[-1]) for part in self.lines if len(part)), default=0)
        kind = np.int64 if last > np.iinfo(np.int32).max else np.int32
        return np.concatenate(self.lines or [np.zeros(0, np.int64)], dtype=kind, casting="same_kind")

    def where(self, row: int) -> tuple[str, int]:
        """File and line of a row."""
        file = next((name for name, first in reversed(self.files) if first <= row), "")
        for part in self.lines:
            if row < len(part):
                return file, int(part[row])
            row -= len(part)
        return file, 0
