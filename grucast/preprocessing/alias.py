"""Frequencies by their pandas aliases: what "h", "15min", "B", "W-FRI", "MS" or "QE-NOV" mean.

A frequency is a unit, how many units one step has and where in the week, the month or the year its
stamps lie. To add an alias, add one line to `_TIMES` or `_MONTHS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from grucast.core.errors import UsageError
from grucast.core.registry import did_you_mean

SECOND = 1_000_000  # microseconds
HOUR = 3600 * SECOND
DAY = 24 * HOUR
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_LENGTH = 30.436875 * DAY  # the Gregorian mean
_TIMES = {"us": 1, "ms": 1000, "s": SECOND, "min": 60 * SECOND, "h": HOUR}
_MONTHS = {  # months of the cycle, which day of the month, the month the cycle hangs on when none is named
    "MS": (1, "start", 0), "QS": (3, "start", 0), "YS": (12, "start", 0),
    "ME": (1, "end", 0), "QE": (3, "end", 11), "YE": (12, "end", 11),
    "BMS": (1, "business start", 0), "BQS": (3, "business start", 0), "BYS": (12, "business start", 0),
    "BME": (1, "business end", 0), "BQE": (3, "business end", 11), "BYE": (12, "business end", 11),
}  # fmt: skip
_OLD = {"H": "h", "T": "min", "m": "min", "S": "s", "L": "ms", "U": "us", "M": "ME", "Q": "QE", "A": "YE", "Y": "YE",
        "AS": "YS", "BM": "BME", "d": "D", "w": "W", "b": "B", "hour": "h", "hourly": "h", "day": "D", "daily": "D",
        "week": "W", "weekly": "W", "month": "MS", "monthly": "MS", "quarter": "QS", "quarterly": "QS",
        "year": "YS", "yearly": "YS", "minute": "min", "second": "s", "sec": "s"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frequency:
    """One step of a time axis.

    `unit` is time (microseconds), day, business (Monday to Friday), week or month; `count` units
    make a step. `anchor` is the weekday (Monday 0) of a week, or the first month (January 0) of the
    `cycle` months after which the months of a quarter or a year return. `rule` says which day of
    its month a stamp is. "24h" is 24 hours, "D" a day of the calendar, of 23 or 25 hours when clocks change.
    """

    alias: str
    unit: str
    count: int
    rule: str = "start"
    anchor: int = 0
    cycle: int = 1

    @property
    def microseconds(self) -> float:
        """The length of a step, on average."""
        if self.unit == "time":
            return float(self.count)
        if self.unit == "month":
            return self.count * _MONTH_LENGTH
        return self.count * {"day": 1.0, "business": 1.4, "week": 7.0}[self.unit] * DAY


@lru_cache(maxsize=256)
def follows_calendar(freq: str) -> bool:
    """Whether steps of `freq` are of a second or more: a clock or a calendar can say what repeats. "" is none."""
    if not freq:
        return False
    frequency = parse_frequency(freq)
    return frequency.unit != "time" or frequency.count >= SECOND


def parse_frequency(alias: str) -> Frequency:
    """The frequency behind a pandas alias, with or without a count ("15min", "2W-SUN").

    An alias that is not known is a UsageError that says which was probably meant.
    """
    match = re.fullmatch(r"(\d{0,6})([A-Za-z]+)(?:-([A-Za-z]{3}))?", alias)
    if not match:
        raise UsageError(f"frequency {alias!r} is not known; there are h, 15min, D, B, W-SUN, MS, ME, QS, YS and more")
    number, unit, anchor = int(match[1] or 1), match[2], match[3]
    if number == 0:
        raise UsageError(f"frequency {alias!r} has no length")
    if unit in _TIMES and anchor is None:
        return Frequency(alias, "time", number * _TIMES[unit])
    if unit == "D" and anchor is None:
        return Frequency(alias, "day", number)
    if unit == "B" and anchor is None:
        return Frequency(alias, "business", number)
    if unit == "W" and (anchor or "SUN") in WEEKDAYS:
        return Frequency(alias, "week", number, anchor=WEEKDAYS.index(anchor or "SUN"))
    if unit in _MONTHS and (anchor is None or (_MONTHS[unit][0] > 1 and anchor in MONTHS)):
        cycle, rule, usual = _MONTHS[unit]
        month = usual if anchor is None else MONTHS.index(anchor)
        return Frequency(alias, "month", number * cycle, rule, month % cycle, cycle)
    raise UsageError(f"frequency {alias!r} is not known{_meant(match[1], unit, anchor)}")


def time_alias(microseconds: int) -> str:
    """The shortest alias of a fixed step: 900,000,000 gives "15min"."""
    unit = max((unit for unit, size in _TIMES.items() if microseconds % size == 0), key=_TIMES.__getitem__)
    count = microseconds // _TIMES[unit]
    return unit if count == 1 else f"{count}{unit}"


def month_alias(months: int, rule: str, month: int) -> str:
    """The alias of a step of `months` months whose stamps lie in `month` (January 0), by `rule`."""
    cycle = 12 if months % 12 == 0 else 3 if months % 3 == 0 else 1
    unit = next(unit for unit, (length, day, _) in _MONTHS.items() if (length, day) == (cycle, rule))
    usual = _MONTHS[unit][2]
    anchor = "" if cycle == 1 or (month - usual) % cycle == 0 else f"-{MONTHS[_anchor(cycle, rule, month)]}"
    return (unit if months == cycle else f"{months // cycle}{unit}") + anchor


def _anchor(cycle: int, rule: str, month: int) -> int:
    """The month that names the cycle: the first of the year where it starts, the last where it ends."""
    return month % cycle if rule.endswith("start") else 12 - cycle + month % cycle


def _meant(number: str, unit: str, anchor: str | None) -> str:
    """`, did you mean ...?` for old, long and misspelt units."""
    if anchor is not None and (unit == "W" or unit in _MONTHS):
        names = WEEKDAYS if unit == "W" else MONTHS
        return did_you_mean(f"{unit}-{anchor.upper()}", [f"{unit}-{name}" for name in names])
    old = _OLD.get(unit) or _OLD.get(unit.lower())
    return f", did you mean {number + old!r}?" if old else did_you_mean(unit, [*_TIMES, "D", "B", "W", *_MONTHS])
