"""What the calendar knows about a stamp: the time of day, the day of the week, the time of the year."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.alias import DAY, SECOND, parse_frequency
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.zones import local_stamps

__all__ = ["calendar_features", "calendar_names", "local_stamps"]

_YEAR = 365.2425 * DAY


def calendar_names(clock: Clock) -> tuple[str, ...]:
    """Names of the K features that make sense at the frequency of `clock`; none for numeric axes and no frequency.

    A cycle needs at least three steps (a quarter of a year has none of its days) and steps of a
    second or more: within less, no calendar moves.
    """
    if is_numeric(clock) or not clock.freq:
        return ()
    frequency = parse_frequency(clock.freq)
    step = frequency.microseconds
    if step < SECOND:
        return ()
    names: tuple[str, ...] = ()
    if step <= DAY / 3:
        names += ("day_sin", "day_cos")
    if step <= 1.5 * DAY:  # business days too
        names += ("week_sin", "week_cos")
    if step <= DAY and frequency.unit != "business":
        names += ("weekend",)
    if step <= _YEAR / 3:
        names += ("year_sin", "year_cos")
    return names


def calendar_features(ds: Stamps, clock: Clock) -> tuple[Array, tuple[str, ...]]:
    """Features (T, K) in [-0.5, 0.5] of the clock on the wall at `ds` (T,), and their K names.

    The phases of day, week (from Monday) and year as sine and cosine, halved, and `weekend`, 0.5 on
    Saturday and Sunday and -0.5 else.
    """
    names = calendar_names(clock)
    if not names:
        return np.zeros((len(ds), 0)), ()
    wall = local_stamps(ds, clock.tz).astype(STAMP)
    micros = wall.astype(np.int64)
    monday = micros + 3 * DAY  # 1970-01-01 was a Thursday
    years = wall.astype("datetime64[Y]")
    this_year = years.astype(STAMP).astype(np.int64)
    next_year = (years + 1).astype(STAMP).astype(np.int64)
    phases = {
        "day": (micros % DAY) / DAY,
        "week": (monday % (7 * DAY)) / (7 * DAY),
        "year": (micros - this_year) / (next_year - this_year),
    }
    columns: list[Array] = []
    for name in names:
        if name == "weekend":
            columns.append(np.where(monday // DAY % 7 >= 5, 0.5, -0.5))
        else:
            cycle, wave = name.split("_")
            angle = 2 * np.pi * phases[cycle]
            columns.append(0.5 * (np.sin(angle) if wave == "sin" else np.cos(angle)))
    return np.stack(columns, axis=1), names
