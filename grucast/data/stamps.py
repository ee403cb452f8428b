"""Cells to instants: a stamp format, compiled once, read into microseconds since 1970.

Formats are those of strptime (numbers need no leading zeros), with %q for a quarter; "" is ISO 8601.
Cells of one width, the usual case, are read as one table of digits; others go through the format's
regular expression one by one. Years 1 to 9999, leap years and all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from grucast.core.arrays import Ints, Mask
from grucast.core.errors import UsageError

NO_OFFSET = -32768  # in `Moments.offset`: this stamp has none
DAY, HOUR, MINUTE, SECOND = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
OFFSET = r"Z|z|UTC|GMT|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"  # less than a day: another is no offset
DIRECTIVES = {
    "Y": "[0-9]{1,4}", "y": "[0-9]{2}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}",
    "M": "[0-9]{1,2}", "S": "[0-9]{1,2}", "f": "[0-9]{1,9}", "j": "[0-9]{1,3}", "q": "[1-4]", "p": "[AaPp][Mm]",
    "G": "[0-9]{4}", "V": "[0-9]{1,2}", "u": "[1-7]", "z": OFFSET, "b": "[A-Za-z]{3,9}", "B": "[A-Za-z]{3,9}",
    "a": "[A-Za-z]{2,9}", "A": "[A-Za-z]{3,9}",
}
ISO = re.compile(
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})(?:-(?P<d>[0-9]{2})(?:[T ](?P<H>[0-9]{2})(?::?(?P<M>[0-9]{2})"
    rf"(?::?(?P<S>[0-9]{{2}})(?:[.,](?P<f>[0-9]{{1,9}}))?)?)?)?(?: ?(?P<z>{OFFSET}))?)?"
)
NUMBERS = frozenset("YymdHIMSjqGVu")


@dataclass(frozen=True, slots=True)
class Moments:
    """Stamps (T,): microseconds as written, `ok` where they could be read, offsets in minutes or None."""

    us: Ints
    ok: Mask
    offset: Ints | None = None


@lru_cache(maxsize=64)
def compile_format(text: str) -> re.Pattern[str]:
    """The regular expression of a format; a directive that is not known is a UsageError."""
    if not text:
        return ISO
    parts: list[str] = []
    seen: set[str] = set()
    for piece in re.findall(r"%.|[^%]+|%$", text):
        name = piece[1:]
        if piece[0] != "%" or piece == "%%":
            parts.append(re.sub(r"(\\ )+", r"\\s+", re.escape("%" if piece == "%%" else piece)))
        elif name not in DIRECTIVES or name in seen:
            raise UsageError(f"time format {text!r}: {piece} is not known or stands twice")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{DIRECTIVES[name]})")
    return re.compile("".join(parts))


def parse_cells(cells: Sequence[str], text: str) -> Moments:
    """The stamps of `cells` in the format `text`; a cell that is not one is not `ok`."""
    pattern = compile_format(text)
    fast = _parse_table(cells, pattern) if len(cells) > 1 else None
    return _parse_each(cells, pattern) if fast is None else fast


def parse_iso_chunk(cells: Sequence[str]) -> Moments | None:
    """ISO stamps of one width (T,), or None when any cell needs a closer look."""
    found = _parse_table(cells, ISO)
    return found if found is not None and found.ok.all() else None


def _parse_table(cells: Sequence[str], pattern: re.Pattern[str]) -> Moments | None:
    """All cells at once when each has the shape of the first: digits where it has digits, else the same letters."""
    first = pattern.fullmatch(cells[0])
    if first is None or not cells[0].isascii():
        return None
    spans = {name: first.span(name) for name in pattern.groupindex if first.group(name) is not None}
    if not all(name in NUMBERS or name in "fz" for name in spans):
        return None
    width = len(cells[0])
    try:
        table = np.array(cells, dtype=f"S{width + 1}").view(np.uint8).reshape(len(cells), width + 1)
    except UnicodeEncodeError:
        return None
    digits = np.array([at for at in range(width) if cells[0][at].isdigit()])
    signs = [at for at in range(*spans.get("z", (0, 0))) if cells[0][at] in "+-"]
    fixed = np.array([at for at in range(width + 1) if at not in digits and at not in signs])
    values = table - np.uint8(48)
    same = (table[:, fixed] == table[0, fixed]).all() and (values[:, digits] <= 9).all()
    if not same or not all(np.isin(table[:, at], (43, 45)).all() for at in signs):
        return None
    fields = {name: _digits(values, *span) for name, span in spans.items() if name in NUMBERS}
    if "f" in spans:
        fields["f"] = _fraction(_digits(values, *spans["f"]), spans["f"][1] - spans["f"][0])
    us, ok = assemble(fields)
    if "z" not in spans:
        return Moments(us, ok)
    if not signs:
        return Moments(us, ok, np.zeros(len(cells), np.int64))
    at, end = signs[0], spans["z"][1]
    hours, rest = _digits(values, at + 1, at + 3), _digits(values, end - 2, end) if end - at > 3 else np.zeros_like(us)
    minutes = 60 * hours + rest
    return Moments(us, ok & (hours < 24) & (rest < 60), np.where(table[:, at] == 45, -minutes, minutes))


def _digits(values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], start: int, stop: int) -> Ints:
    """The number in columns start to stop."""
    total: Ints = np.zeros(len(values), np.int64)
    for at in range(start, stop):
        total = total * 10 + values[:, at]
    return total


def _fraction(value: Ints, width: int) -> Ints:
    """Digits after the decimal sign as microseconds; what is finer is cut off."""
    micro: Ints = value * 10 ** (6 - width) if width <= 6 else value // 10 ** (width - 6)
    return micro


def _parse_each(cells: Sequence[str], pattern: re.Pattern[str]) -> Moments:
    """One cell after the other."""
    ok = np.zeros(len(cells), bool)
    found = []
    for row, cell in enumerate(cells):
        match = pattern.fullmatch(cell.strip())
        if match is not None:
            ok[row] = True
            found.append(match.groups())
    us, offset = np.zeros(len(cells), np.int64), np.full(len(cells), NO_OFFSET, np.int64)
    if found:
        columns = dict(zip(pattern.groupindex, zip(*found, strict=True), strict=True))
        names = {name: texts for name, texts in columns.items() if name not in "aA"}
        us[ok], good = assemble({name: _field(name, texts) for name, texts in names.items() if name != "z"})
        if "z" in columns:
            offset[ok] = [_minutes(text) for text in columns["z"]]
        ok[ok] = good
    has = offset != NO_OFFSET
    return Moments(us, ok, offset if has.any() else None)


def _field(name: str, texts: Sequence[str | None]) -> Ints:
    """One field as numbers; an optional one that is not there is its smallest value."""
    if name in "bB":
        return np.array([MONTHS.index(text[:3].lower()) + 1 if text and text[:3].lower() in MONTHS else 0
                         for text in texts])
    if name == "p":
        return np.array([int((text or "a").lower() == "pm") for text in texts])
    if name == "f":
        return np.array([int(((text or "") + "000000")[:6]) for text in texts])
    default = 1 if name in "md" else 0
    return np.array([int(text) if text else default for text in texts], dtype=np.int64)


def _minutes(text: str | None) -> int:
    """An offset such as +05:30 in minutes east."""
    if not text:
        return NO_OFFSET
    if text[0] not in "+-":
        return 0
    value = int(text[1:3]) * 60 + int(text[3:].lstrip(":") or 0)
    return -value if text[0] == "-" else value


def assemble(fields: dict[str, Ints]) -> tuple[Ints, Mask]:
    """Microseconds since 1970 from fields (T,), and where they are a date and a time of day.

    Names are the letters of the directives. A day is counted to the end of 24:00.
    """
    rows = len(next(iter(fields.values())))
    zero, one = np.zeros(rows, np.int64), np.ones(rows, np.int64)
    hour, minute, second = fields.get("H", zero), fields.get("M", zero), fields.get("S", zero)
    ok = (minute < 60) & (second < 60)
    if "I" in fields:
        ok &= (fields["I"] >= 1) & (fields["I"] <= 12)
        hour = fields["I"] % 12 + 12 * fields.get("p", zero)
    days, good = _week_days(fields, one) if "V" in fields else _civil_days(fields, one)
    micro = fields.get("f", zero)
    ok &= good & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0) & (micro == 0)))
    return days * DAY + hour * HOUR + minute * MINUTE + second * SECOND + micro, ok


def _civil_days(fields: dict[str, Ints], one: Ints) -> tuple[Ints, Mask]:
    """Days since 1970 from year, month and day (or quarter, or day of the year)."""
    year = fields.get("Y", 1970 * one)
    if "y" in fields:
        year = fields["y"] + np.where(fields["y"] < 69, 2000, 1900)
    month = fields.get("m", fields.get("b", fields.get("B", one)))
    if "q" in fields:
        month = 3 * fields["q"] - 2
    day = fields.get("j", fields.get("d", one))
    ok = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970) * 12 + np.where(ok, month, 1) - 1
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = 12 if "j" in fields else 1
    stop = (months + after).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return start + day - 1, ok & (start + day <= stop)


def _week_days(fields: dict[str, Ints], one: Ints) -> tuple[Ints, Mask]:
    """Days since 1970 from ISO year, week and day of the week (Monday when not given)."""
    year, week, day = fields.get("G", fields.get("Y", one)), fields["V"], fields.get("u", one)
    fourth = _civil_days({"Y": year, "d": 4 * one}, one)[0]  # January 4 is always in week 1
    monday = fourth - (fourth + 3) % 7
    return monday + (week - 1) * 7 + day - 1, (week >= 1) & (week <= 53)
