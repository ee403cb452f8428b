"""Cells to numbers, exactly: decimal signs, thousands separators, missing marks, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array

MISSING = frozenset({"", "NA", "NaN", "nan", "null", "NULL", "None"})  # marks nobody uses for a value
PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
SIGNED = re.compile(r"[+-]?([0-9][0-9.,'\u2019 \u00a0\u202f]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
SPACES = " \u00a0\u202f"
THOUSANDS = ("'", "\u2019", *SPACES)
ALLOWED = b"0123456789+-.eE \n"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How numbers are written in a file. `missing` are the cells, `absent` the numbers, that mean "no value"."""

    decimal: str = "."
    thousands: str = ""
    missing: frozenset[str] = MISSING
    absent: tuple[float, ...] = ()


def parse_chunk(cells: Sequence[str], style: NumberStyle) -> Array | None:
    """The numbers of `cells` (T,), NaN where missing; None when any cell needs a closer look.

    This is the fast way for the plain case: characters are checked for the whole chunk at once
    (float() alone would take "1_000", "infinity" and digits of other scripts).
    """
    if style.thousands:
        return None
    joined = "\n".join(cells)
    if style.decimal == ",":
        if "." in joined:
            return None
        joined = joined.replace(",", ".")
        cells = joined.split("\n")
    if not joined.isascii():
        return None
    if joined.encode("ascii").translate(None, ALLOWED):
        cells = ["" if cell in style.missing else cell for cell in cells]
        if "".join(cells).encode("ascii").translate(None, ALLOWED):
            return None
    try:
        if "" in cells:
            values = np.array([float(cell) if cell else math.nan for cell in cells])
        else:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    if style.absent:
        values[np.isin(values, style.absent)] = math.nan
    return None if np.isinf(values).any() else values


def parse_number(cell: str, style: NumberStyle) -> float | None:
    """The number in one cell; None when it is not one. Overflow gives infinity.

    >>> parse_number("1.234,5", NumberStyle(",", "."))
    1234.5
    """
    text = cell.strip()
    if style.thousands and style.thousands in text:
        whole, _, rest = text.partition(style.decimal)
        if not _grouped(whole, style.thousands) or style.thousands in rest:
            return None
        text = whole.replace(style.thousands, "") + (style.decimal + rest if rest else "")
    if style.decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return float(text) if PLAIN.fullmatch(text) else None


def _grouped(whole: str, separator: str) -> bool:
    """Whether `separator` stands before every three digits and nowhere else."""
    first, *groups = whole.lstrip("+-").split(separator)
    return 1 <= len(first) <= 3 and all(len(group) == 3 for group in groups) and (first + "".join(groups)).isdigit()


@dataclass(slots=True)
class Evidence:
    """What cells say about the signs of a file: an example of each kind."""

    decimal_comma: str = ""
    decimal_point: str = ""
    thousands: str = ""  # an example
    separator: str = ""
    unclear: str = ""  # such as 1,234

    def see(self, cell: str) -> None:
        """Take in one cell that is no plain number."""
        text = cell.strip().lstrip("+-")
        for sign in THOUSANDS:
            if sign in text and _grouped(re.split("[.,]", text)[0], sign):
                self._group(cell, sign)
                text = text.replace(sign, "")
        comma, point = text.rfind(","), text.rfind(".")
        if comma >= 0 and point >= 0:
            self._both(cell, text, comma, point)
        elif comma >= 0:
            self._commas(cell, text)
        elif text.count(".") > 1 and _grouped(text, "."):
            self._group(cell, ".")
        elif point >= 0 and len(text) - point - 1 != 3:
            self.decimal_point = self.decimal_point or cell

    def _group(self, cell: str, sign: str) -> None:
        """The first example of a thousands separator."""
        if not self.separator:
            self.thousands, self.separator = cell, sign

    def _both(self, cell: str, text: str, comma: int, point: int) -> None:
        """The sign that comes last is the decimal one."""
        last, other = (",", ".") if comma > point else (".", ",")
        if text.count(last) == 1 and _grouped(text[: max(comma, point)], other):
            self._group(cell, other)
            if last == ",":
                self.decimal_comma = self.decimal_comma or cell
            else:
                self.decimal_point = self.decimal_point or cell

    def _commas(self, cell: str, text: str) -> None:
        """One comma is a decimal sign, unless exactly three digits follow; several are thousands."""
        if _grouped(text, ","):
            if text.count(",") > 1:
                self._group(cell, ",")
            elif text.startswith("0"):
                self.decimal_comma = self.decimal_comma or cell
            else:
                self.unclear = self.unclear or cell
        elif text.count(",") == 1:
            self.decimal_comma = self.decimal_comma or cell


class UnclearSigns(Exception):
    """The numbers can be read in two ways; `cell` is an example."""

    def __init__(self, cell: str, message: str, mend: str) -> None:
        super().__init__(message)
        self.cell, self.message, self.mend = cell, message, mend


def decide_signs(cells: Iterable[str], points: bool, decimal: str | None = None) -> tuple[str, str] | None:
    """(decimal, thousands) that `cells`, which are no plain numbers, are written with.

    `points` says that elsewhere in the file numbers are plain and have a decimal point; `decimal` is
    what the user said. None when the cells do not look like numbers at all. Two readings: UnclearSigns.
    """
    seen = Evidence()
    for cell in cells:
        if SIGNED.fullmatch(cell.strip()):
            seen.see(cell)
    if decimal == ",":
        return ",", "" if seen.separator == "," else seen.separator
    if decimal == ".":
        return ".", seen.separator or ("," if seen.unclear else "")
    if seen.decimal_comma and (seen.decimal_point or seen.separator == ","):
        raise UnclearSigns(seen.decimal_comma, f"{seen.decimal_comma!r} and {seen.decimal_point or seen.thousands!r} "
                           "do not agree on a decimal sign", "say which with --decimal , or --decimal .")
    if seen.decimal_comma or seen.separator == ".":
        return ",", seen.separator
    if seen.unclear and not (seen.decimal_point or points or seen.separator == ","):
        plain, fraction = seen.unclear.strip().replace(",", ""), seen.unclear.strip().replace(",", ".")
        raise UnclearSigns(seen.unclear, f"{seen.unclear!r} may be {plain} or {fraction}",
                           "add --thousands , or --decimal ,")
    if seen.separator or seen.unclear:
        return ".", seen.separator or ","
    return None
