"""Local clocks and instants: offsets taken off, zones applied, the hour that comes twice put in order."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from grucast.core.arrays import Ints, Mask
from grucast.core.errors import UsageError
from grucast.core.registry import did_you_mean
from grucast.data.stamps import DAY, HOUR, MINUTE, NO_OFFSET, Moments
from grucast.data.task import Task

FIXED = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")


def offset_minutes(tz: str) -> int | None:
    """Minutes east of UTC of a fixed offset such as "+05:30" (or "UTC"); None for a zone with a name."""
    if tz in ("UTC", "Z"):
        return 0
    match = FIXED.fullmatch(tz)
    if match is None:
        return None
    value = int(match[2]) * 60 + int(match[3])
    return -value if match[1] == "-" else value


def offset_name(minutes: int) -> str:
    """ "+05:30" for 330, "UTC" for 0."""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"


def check_zone(tz: str) -> str:
    """`tz` when it is a fixed offset or a zone that this machine knows, else a UsageError."""
    if offset_minutes(tz) is None:
        try:
            ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UsageError(f"--tz {tz}: there is no such zone{did_you_mean(tz, available_timezones())}") from None
    return tz


def to_axis(task: Task, moments: Moments, group: Ints, *, epoch: bool = False) -> tuple[Ints, str]:
    """(stamps (T,), tz): UTC instants where offsets or a zone say so, else local stamps and "".

    Rows that are not `ok` are not looked at. Offsets in some rows only: an error with the row.
    """
    tz = task.options.time.tz or (task.layout.clock.tz if task.layout else "")
    if tz:
        check_zone(tz)
    if epoch:
        return moments.us, tz or "UTC"
    if moments.offset is None:
        return (localize(task, moments, group, tz) if tz else moments.us), tz
    lacking = moments.ok & (moments.offset == NO_OFFSET)
    has = moments.ok & ~lacking
    if lacking.any():
        fewer = lacking if lacking.sum() <= has.sum() else has
        words = ("has no UTC offset, the others have one" if fewer is lacking
                 else "has a UTC offset, the others have none")
        for row in np.flatnonzero(fewer):
            task.fault(int(row), f"the stamp {words}", mend="write all stamps alike")
        moments.ok[fewer] = False
    if task.layout and not task.layout.clock.tz:
        raise task.refuse("the stamps have UTC offsets, those the model learned from had none",
                          mend="write local stamps, or train anew")
    kept = moments.offset[has]
    if not tz and len(kept):
        tz = offset_name(int(kept[-1]))
        if (kept != kept[-1]).any():
            task.findings.note(f"UTC offsets differ: times are written with the last one, {tz}, "
                               "unless --tz names the zone")
    return moments.us - np.where(has, moments.offset, 0) * MINUTE, tz


def localize(task: Task, moments: Moments, group: Ints, tz: str) -> Ints:
    """Local stamps as UTC instants in the zone `tz`.

    An hour that comes twice in autumn is told apart by the order of the rows; one that the clock
    skips in spring, or that stands once where the clock has it twice, is an error with the row.
    """
    fixed = offset_minutes(tz)
    if fixed is not None:
        return moments.us - fixed * MINUTE
    import pandas as pd

    index = pd.DatetimeIndex(moments.us.astype("datetime64[us]"))
    settled = index.tz_localize(tz, ambiguous=np.zeros(len(index), bool), nonexistent="NaT")
    skipped = np.asarray(settled.isna()) & moments.ok
    twice = np.asarray(index.tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward").isna()) & moments.ok
    for row in np.flatnonzero(skipped):
        stamp = np.datetime_as_string(index.values[row], unit="s")
        task.fault(int(row), f"{stamp} does not exist in {tz}: the clock skips it", mend="mend the stamp or --tz")
    moments.ok[skipped] = False
    summer = _summer(task, moments.us, group, twice, tz)
    placed = index.tz_localize(tz, ambiguous=summer, nonexistent="shift_forward")
    return np.asarray(placed.tz_convert("UTC").tz_localize(None).values.astype("datetime64[us]").astype(np.int64))


def _summer(task: Task, us: Ints, group: Ints, twice: Mask, tz: str) -> Mask:
    """For each row whether it is the earlier of the two instants that its local stamp can be."""
    summer = np.zeros(len(us), bool)
    rows = np.flatnonzero(twice)
    if us[0] > us[-1]:
        rows = rows[::-1]  # newest first
    pairs: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        pairs.setdefault((int(group[row]), int(us[row])), []).append(row)
    policy = task.options.rows.duplicates
    for (_, stamp), members in pairs.items():
        if len(members) == 1 and policy == "error":
            text = np.datetime_as_string(np.datetime64(stamp, "us"), unit="s")
            task.fault(members[0], f"{text} comes twice in {tz} and stands here once",
                       mend="write stamps with UTC offsets, or say which with --duplicates first or last")
        elif len(members) == 1:
            summer[members[0]] = policy != "last"
        elif len(members) == 2:
            summer[members[0]] = True
    return summer


def put_forward(us: int) -> bool:
    """Whether local clocks may skip the hour at `us`: a Sunday at night in the spring of either hemisphere."""
    month, day = _month_day(us)
    return _sunday_night(us) and ((month == 3 and day >= 8) or (month in (4, 10) and day <= 7)
                                  or (month == 9 and day >= 24))


def put_back(us: int) -> bool:
    """Whether local clocks may show the hour at `us` twice: a Sunday at night in the autumn of either hemisphere."""
    month, day = _month_day(us)
    return _sunday_night(us) and ((month in (3, 9, 10) and day >= 22) or (month in (4, 11) and day <= 7))


def _sunday_night(us: int) -> bool:
    return (us // DAY + 4) % 7 == 0 and us % DAY < 4 * HOUR


def _month_day(us: int) -> tuple[int, int]:
    day = np.datetime64(us // DAY, "D")
    month = day.astype("datetime64[M]")
    return int(month.astype(np.int64)) % 12 + 1, int((day - month.astype("datetime64[D]")).astype(np.int64)) + 1
