"""Instants and the clock on the wall: offsets of a zone for whole arrays at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from grucast.core.arrays import Ints, Stamps
from grucast.core.errors import UsageError
from grucast.core.registry import did_you_mean
from grucast.core.series import STAMP, Clock

_SECOND = 1_000_000
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = 2, 9998  # years in which a zone can be asked without leaving the calendar of datetime


def local_stamps(ds: Stamps, tz: str) -> Stamps:
    """The clock on the wall, datetime64[us], at the instants `ds` (T,).

    `tz` is an IANA name, an offset like "+02:00", or "" for stamps that are local already.
    A zone that is not known is a UsageError.
    """
    if not tz or not len(ds):
        return ds
    return ds + _microseconds(_offsets(ds, tz))


def instants(wall: Stamps, tz: str) -> Stamps:
    """The instants, datetime64[us], at which the clock on the wall shows `wall` (T,).

    A time that comes twice in autumn is the first one; one that spring leaves out is read with the
    offset before it (02:30 becomes 03:30), as Python's `fold=0` has it.
    """
    if not tz or not len(wall):
        return wall
    before = wall - _microseconds(_offsets(wall - np.timedelta64(1, "D"), tz))
    after = wall - _microseconds(_offsets(wall + np.timedelta64(1, "D"), tz))
    right_before = local_stamps(before, tz) == wall
    right_after = local_stamps(after, tz) == wall
    return np.where(right_after & ~right_before, after, before)


def written(stamp: object, clock: Clock) -> str:
    """A stamp for people: ISO 8601, with the offset where a zone is known; a plain number on a numeric axis."""
    if not isinstance(stamp, np.datetime64):
        return f"{float(stamp):.10g}"  # type: ignore[arg-type]
    one = np.array([stamp], dtype=STAMP)
    text = str(local_stamps(one, clock.tz)[0]).removesuffix(".000000")
    if not clock.tz:
        return text
    minutes = int(_offsets(one, clock.tz)[0]) // 60
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _microseconds(seconds: Ints) -> Stamps:
    return (seconds * _SECOND).astype("timedelta64[us]")


def _offsets(ds: Stamps, tz: str) -> Ints:
    """Seconds east of UTC at the instants `ds` (T,)."""
    fixed = re.fullmatch(r"([+-])(\d{2}):(\d{2})(?::(\d{2}))?", tz)
    if fixed:
        size = int(fixed[2]) * 3600 + int(fixed[3]) * 60 + int(fixed[4] or 0)
        return np.full(len(ds), -size if fixed[1] == "-" else size, dtype=np.int64)
    seconds = ds.astype(STAMP).astype(np.int64) // _SECOND
    years = np.clip(ds.astype("datetime64[Y]").astype(np.int64) + 1970, _FIRST, _LAST)
    changes, sizes = [], [_offset(_zone(tz), _start_of(int(years.min())))]
    for year in range(int(years.min()), int(years.max()) + 1):
        for moment, size in _changes(tz, year):
            changes.append(moment)
            sizes.append(size)
    return np.array(sizes, dtype=np.int64)[np.searchsorted(np.array(changes, dtype=np.int64), seconds, side="right")]


@lru_cache(maxsize=4096)
def _changes(tz: str, year: int) -> tuple[tuple[int, int], ...]:
    """The moments (seconds since 1970) of one year (UTC) from which another offset holds, and that offset."""
    zone, found = _zone(tz), []
    start, stop = _start_of(year), _start_of(year + 1)
    old = _offset(zone, start)
    for high in range(start + _DAY, stop + 1, _DAY):
        new = _offset(zone, high)
        if new != old:
            found.append((_first_after(zone, high - _DAY, high), new))
            old = new
    return tuple(found)


def _first_after(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second after `low`, up to `high`, at which the offset is no longer that of `low`."""
    old = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    return high


def _start_of(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


@lru_cache(maxsize=64)
def _zone(tz: str) -> ZoneInfo:
    """The zone of that name; anything else is a UsageError, path-like names included."""
    try:
        return ZoneInfo(tz)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        hint = did_you_mean(tz, available_timezones())
        known = "a name such as Europe/Berlin or an offset such as +02:00"
        raise UsageError(f"zone {tz!r} is not known{hint}; give {known}") from None
