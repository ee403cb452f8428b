"""Stamps as places on a regular grid, and back: the calendar arithmetic, on whole arrays.

Steps below a day are steps between instants. From a day on the clock on the wall steps, so that a
day has 23 or 25 hours when clocks change. All arithmetic is on integers: microseconds and days
since 1970.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grucast.core.arrays import Ints, Mask, Stamps
from grucast.core.errors import DataError, ModelError
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.alias import DAY, HOUR, SECOND, Frequency, parse_frequency
from grucast.preprocessing.zones import instants, local_stamps, written

_MICROSECOND = np.timedelta64(1, "us")
_NUMERIC = ("elapsed", "index", "row")
_ROUNDING = 0.1  # of a step: how far a number on a numeric axis may lie from its place
_WEEK_SLACK = 1  # days: the market closed on Friday, the week's stamp is Thursday's
_MONTH_SLACK = 3  # days: first and last *trading* days of a month differ from business days by holidays


def is_numeric(clock: Clock) -> bool:
    """Whether the axis is a number and not a date."""
    return clock.kind in _NUMERIC


def rewritten(stored: str, clock: Clock) -> str:
    """A stamp as a model file stores it, an instant to the microsecond, for people; a number stays as it is.

    ModelError where it is neither.
    """
    try:
        stamp: Any = float(stored) if is_numeric(clock) else np.datetime64(stored, "us")
    except ValueError:
        stamp = np.nan
    if not np.isfinite(stamp):
        raise ModelError(f"damaged: manifest: {stored[:40]!r} is no stamp")
    return stored if is_numeric(clock) else written(stamp, clock)


def numeric_step(clock: Clock) -> float:
    """One step of a numeric axis in its own units; seconds on an elapsed axis with a frequency."""
    if clock.kind == "elapsed" and clock.freq:
        return parse_frequency(clock.freq).microseconds / SECOND
    return clock.step


def positions(ds: Stamps, clock: Clock) -> Ints:
    """The place of each stamp (T,) on the grid of `clock`, counted from the first stamp, which has 0.

    Stamps without a frequency are taken in order. A stamp off the grid, or a second one on one
    place, is a DataError that names the row (from 1). What counts as on the grid: see `locate`.
    """
    places, off = locate(ds, clock)
    if off >= 0:
        raise DataError(f"row {off + 1}: {off_grid(ds, off, clock)}")
    return places


def off_grid(ds: Stamps, row: int, clock: Clock) -> str:
    """What is wrong with the stamp of `row`, in words."""
    step = repr(clock.freq) if clock.freq else f"step {numeric_step(clock):.6g}"
    return f"stamp {written(ds[row], clock)} is not on the grid of {step} that begins at {written(ds[0], clock)}"


def locate(ds: Stamps, clock: Clock) -> tuple[Ints, int]:
    """The places (T,) of the stamps and the first row that is off the grid, -1 when none is.

    Forgiven: rounding on numeric axes; up to two hours from a day on, and one hour for steps of
    three hours or more where `ds` are instants (a local clock that was changed); one day for weeks,
    three for the first or last business day of a month. A weekend is off a grid of business days.
    """
    if len(ds) == 0:
        return np.zeros(0, dtype=np.int64), -1
    places, off = _nearest(ds, clock)
    off[1:] |= np.diff(places) <= 0
    return places, int(np.argmax(off)) if off.any() else -1


def steps_between(last: Any, stamp: Any, clock: Clock) -> int:
    """The rows of the grid from `last` to `stamp`: 1 for the next row, 0 for the same, below 0 for a late one.

    The grid begins at the earlier of the two. Stamps without a frequency are rows in order: 1, 0 or
    -1. Off the grid (what is on it: see `locate`) is a ValueError that names `stamp`.
    """
    if is_numeric(clock):
        exact = (float(stamp) - float(last)) / numeric_step(clock)
        count = round(exact)
        return _on_grid(count, abs(exact - count) <= _ROUNDING, last, stamp, clock)
    since = int((stamp - last) // _MICROSECOND)
    if not clock.freq:
        return (since > 0) - (since < 0)
    frequency = parse_frequency(clock.freq)
    if frequency.unit == "time":
        count = (abs(since) + frequency.count // 2) // frequency.count
        off = abs(abs(since) - count * frequency.count)
        return _on_grid(count if since > 0 else -count, off <= _slack(frequency, clock), last, stamp, clock)
    places, bad = _nearest(np.array([min(last, stamp), max(last, stamp)], dtype=STAMP), clock)
    return _on_grid(int(places[1]) if since > 0 else -int(places[1]), not bad.any(), last, stamp, clock)


def _on_grid(count: int, good: bool, last: Any, stamp: Any, clock: Clock) -> int:
    """`count`, or a ValueError that says which stamp is off which grid."""
    if not good:
        raise ValueError(off_grid(np.array([last, stamp]), 1, clock))
    return count


def _nearest(ds: Stamps, clock: Clock) -> tuple[Ints, Mask]:
    """The nearest place of each stamp (T,), in whatever order they stand, and whether it is too far away."""
    if is_numeric(clock):
        exact = (ds - ds[0]) / numeric_step(clock)
        places = np.rint(exact).astype(np.int64)
        return places, np.abs(exact - places) > _ROUNDING
    if not clock.freq:
        return np.arange(len(ds)), np.zeros(len(ds), dtype=bool)
    frequency = parse_frequency(clock.freq)
    if frequency.unit == "time":
        since = (ds - ds[0]).astype(np.int64)
        places = (since + frequency.count // 2) // frequency.count
        return places, np.abs(since - places * frequency.count) > _slack(frequency, clock)
    wall = local_stamps(ds, clock.tz).astype(STAMP).astype(np.int64)
    days = _days(wall, int(wall[0]))
    units = _units(days, frequency)
    places = (units - units[0]) // frequency.count
    nominal = _days_of(units, frequency, _own_day(int(days[0])))
    bad = np.abs(days - nominal) > _slack_days(frequency)
    bad |= (units - units[0]) % frequency.count != 0
    bad |= np.abs(wall - days * DAY - int(wall[0]) % DAY) > 2 * HOUR
    return places, bad


def nominal_share(ds: Stamps, clock: Clock) -> float:
    """The share of stamps that lie exactly on their place, on the grid that begins at the first one."""
    places, _ = locate(ds, clock)
    return float(np.mean(stamps_at(ds[0], places, clock) == ds)) if len(ds) else 1.0


def stamps_at(first: Any, positions: Ints, clock: Clock) -> Stamps:
    """The stamps (N,) at `positions` on the grid of `clock` that has the stamp `first` at 0.

    Months that start (MS, QS, YS) keep the day of `first` up to the 28th. Without a frequency the
    typical step of the axis, `clock.step`, is taken (seconds where stamps are dates).
    """
    places = np.asarray(positions, dtype=np.int64)
    if is_numeric(clock):
        step = numeric_step(clock)
        values: Stamps = float(first) + places * step
        return np.round(values, 9) if step >= 1e-6 else values  # 3 x 0.1 is written 0.3
    start = np.array([first], dtype=STAMP)
    if not clock.freq:
        return _later(start, np.rint(places * (clock.step * SECOND)).astype(np.int64))
    frequency = parse_frequency(clock.freq)
    if frequency.unit == "time":
        return _later(start, places * frequency.count)
    wall = local_stamps(start, clock.tz).astype(np.int64)
    day = _days(wall, int(wall[0]))
    units = _units(day, frequency)[0] + places * frequency.count
    days = _days_of(units, frequency, _own_day(int(day[0])))
    return instants((days * DAY + int(wall[0]) % DAY).astype(STAMP), clock.tz)


def stamps_after(last: Any, count: int, clock: Clock) -> Stamps:
    """The `count` stamps (count,) that follow `last` on the grid of `clock`."""
    return stamps_at(last, np.arange(1, count + 1), clock)


def _later(start: Stamps, microseconds: Ints) -> Stamps:
    stamps: Stamps = start + microseconds.astype("timedelta64[us]")
    return stamps


def _slack(frequency: Frequency, clock: Clock) -> int:
    """How far a stamp may lie from its place where steps are shorter than a day, in microseconds."""
    return HOUR if clock.tz and frequency.count >= 3 * HOUR else 0


def _slack_days(frequency: Frequency) -> int:
    if frequency.unit == "week":
        return _WEEK_SLACK
    return _MONTH_SLACK if frequency.rule.startswith("business") else 0


def _days(wall: Ints, first: int) -> Ints:
    """Days since 1970 of stamps that should show the time of day of `first`; the nearest such day."""
    return (wall - first % DAY + DAY // 2) // DAY


def _own_day(day: int) -> int:
    """The day of the month, from 0, that months which start keep: that of the first stamp."""
    stamp = np.datetime64(day, "D")
    return min(int((stamp - stamp.astype("datetime64[M]")).astype(np.int64)), 27)


def _units(days: Ints, frequency: Frequency) -> Ints:
    """The number of the unit since 1970 that each day belongs to: days, weeks, business days or months."""
    if frequency.unit == "day":
        return days
    since_monday = days + 3  # 1970-01-01 was a Thursday
    if frequency.unit == "week":
        return (since_monday - frequency.anchor + 3) // 7
    if frequency.unit == "business":
        return since_monday // 7 * 5 + np.minimum(since_monday % 7, 4)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (months - frequency.anchor) // frequency.cycle * frequency.cycle + frequency.anchor


def _days_of(units: Ints, frequency: Frequency, own_day: int) -> Ints:
    """The days since 1970 on which the stamps of these units lie."""
    if frequency.unit == "day":
        return units
    if frequency.unit == "week":
        return units * 7 + frequency.anchor - 3
    if frequency.unit == "business":
        return units // 5 * 7 + units % 5 - 3
    if frequency.rule == "start":
        return _month_start(units) + own_day
    if frequency.rule == "business start":
        first = _month_start(units)
        weekday = (first + 3) % 7
        return first + np.where(weekday > 4, 7 - weekday, 0)
    last = _month_start(units + 1) - 1
    if frequency.rule == "end":
        return last
    return last - np.maximum((last + 3) % 7 - 4, 0)


def _month_start(months: Ints) -> Ints:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
