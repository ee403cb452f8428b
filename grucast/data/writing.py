"""Rows as CSV and stamps as text: what the commands write."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from grucast.data.stamps import MINUTE, SECOND
from grucast.data.zones import offset_minutes

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run when a text cell begins with it


def render_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV: numbers in their shortest exact form, NaN and None empty, no cell that a spreadsheet runs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([escape(name) for name in header])
    writer.writerows([cell_text(value) for value in row] for row in rows)
    return text.getvalue()


def cell_text(value: object) -> str:
    """One value as a cell."""
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return "" if math.isnan(value) else repr(float(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return escape(str(value))


def escape(text: str) -> str:
    """Text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def format_stamps(ds: Sequence[object] | npt.NDArray[np.generic], tz: str) -> list[str]:
    """Stamps as 2024-01-20T12:00:00, with the offset of `tz` when it is known; numbers as numbers.

    `ds` (T,) is datetime64 (UTC instants where `tz` is known) or float64. Microseconds are written
    for all when any has them; a whole number has no ".0".
    """
    values = np.asarray(ds)
    if values.dtype.kind != "M":
        return [str(int(one)) if float(one).is_integer() else repr(float(one)) for one in values.tolist()]
    us = values.astype("datetime64[us]").astype(np.int64)
    if not tz:
        return _texts(us)
    fixed = offset_minutes(tz)
    if fixed is not None:
        return [text + _offset(fixed) for text in _texts(us + fixed * MINUTE)]
    minutes = np.array(_offsets(us, tz), dtype=np.int64)
    local = _texts(us + minutes * MINUTE)
    return [text + _offset(one) for text, one in zip(local, minutes.tolist(), strict=True)]


def _texts(us: npt.NDArray[np.int64]) -> list[str]:
    exact = us.astype("datetime64[us]")
    texts = np.datetime_as_string(exact) if (us % SECOND != 0).any() else np.datetime_as_string(exact, unit="s")
    return [str(one) for one in texts.tolist()]


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _offsets(us: npt.NDArray[np.int64], tz: str) -> list[int]:
    """Minutes east of UTC in the zone `tz` at each instant; looked up once an hour of the clock."""
    zone, known = ZoneInfo(tz), dict[int, int]()
    quarter = 15 * MINUTE  # zones change at whole quarters of an hour
    found = []
    for one in (us // quarter).tolist():
        if one not in known:
            offset = (datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(minutes=15 * one)).astimezone(zone)
            delta = offset.utcoffset()
            known[one] = round(delta.total_seconds() / 60) if delta else 0
        found.append(known[one])
    return found


