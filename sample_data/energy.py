"""The hourly load of an invented small town, with its temperature, clock changes, gaps and labelled faults."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sample_data.table import (
    SEED,
    Fault,
    Floats,
    Ints,
    Sample,
    labels,
    recursion,
    rounded,
    scattered,
    sizes_for,
    slow_noise,
    stream,
)

ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2023, 1, 1)
DAYS = 821  # to 2025-03-31: five clock changes, and a last tenth without public holidays
FAULT_SIZES = (4.0, 6.0, 9.0)
LATITUDE = 52.0  # degrees north
LONGITUDE_HOURS = 0.7  # the sun is that far ahead of UTC at about 10.5 degrees east

# What happens to the readings: kind, column, rows. One event falls in each of as many equal slots, in random order.
FAULTS = (
    *(("spike", "load", 1) for _ in range(12)),
    *(("spike", "temperature", 1) for _ in range(3)),
    *(("stuck", "load", rows) for rows in (8, 12, 18, 30)),
    *(("shift", "load", rows) for rows in (5, 8, 12, 18, 24)),
)
GAPS = (
    *(("missing", "*", rows) for rows in (1, 2, 3, 8, 26)),
    *(("blank", "load", rows) for rows in (1, 4)),
    *(("blank", "temperature", rows) for rows in (2, 6)),
)

# Mean load by local hour, relative to a plain working hour.
PROFILES = np.array(
    [
        # midnight to noon, noon to midnight of a working day
        [0.66, 0.62, 0.60, 0.59, 0.60, 0.66, 0.80, 0.96, 1.04, 1.08, 1.10, 1.13],
        [1.15, 1.11, 1.07, 1.05, 1.07, 1.14, 1.20, 1.19, 1.11, 1.00, 0.88, 0.76],
        # of a Saturday
        [0.70, 0.65, 0.62, 0.60, 0.60, 0.61, 0.66, 0.76, 0.88, 0.97, 1.02, 1.04],
        [1.04, 0.99, 0.95, 0.93, 0.95, 1.02, 1.09, 1.08, 1.01, 0.93, 0.84, 0.75],
        # of a Sunday or holiday
        [0.68, 0.63, 0.60, 0.58, 0.57, 0.57, 0.59, 0.65, 0.76, 0.86, 0.94, 1.01],
        [1.04, 0.96, 0.89, 0.86, 0.88, 0.95, 1.04, 1.06, 1.01, 0.93, 0.83, 0.73],
    ]
).reshape(3, 24)


@dataclass(frozen=True)
class Clock:
    """The hours of the sample: as written, and as the sun and the people of the town see them."""

    stamps: NDArray[np.str_]  # (T,) local, with offset
    hour: Ints  # (T,) local hour
    day_kind: Ints  # (T,) row of PROFILES
    on_leave: NDArray[np.bool_]  # (T,) between Christmas and Epiphany
    solar_hour: Floats  # (T,) hours of the sun, not wrapped
    season: Floats  # (T,) angle of the year, 0 at its beginning


def energy(
    seed: int = SEED, *, days: int = DAYS, fault_sizes: Sequence[float] = FAULT_SIZES, gaps: bool = True
) -> Sample:
    """Give hourly `time,load,temperature,label` of `days` local days (load in kW, temperature in degrees Celsius).

    load = mean(t) * (1 + disturbance(t)); see `expected_load`, `weather` and `disturbance` for the three parts.
    Faults take `fault_sizes` in turn, up or down: `spike` adds a size for one row, `shift` for some hours, `stuck`
    repeats the reading before it. One deviation is that of the load's disturbance in kW (of the weather for a
    temperature spike). No sizes: no faults, and every other reading as it is with them. `gaps=False` leaves out
    the missing rows and empty cells.
    """
    clock = read_clock(days)
    rows = len(clock.hour)
    rng = stream(seed, "energy")
    usual = usual_temperature(clock)
    temperature = usual + weather(rng, rows)
    expected = expected_load(clock, temperature)
    load = expected * (1.0 + disturbance(rng, rows))
    columns = {"load": rounded(load, 1), "temperature": rounded(temperature, 1)}
    units = {"load": float(np.std(load - expected)), "temperature": float(np.std(temperature - usual))}
    faults, dropped = _events(stream(seed, "energy faults"), rows, fault_sizes)
    for fault in faults:
        columns[fault.column] = _planted(columns[fault.column], fault, units[fault.column])
    kept = np.ones(rows, dtype=bool)
    for gap in dropped if gaps else ():
        if gap.kind == "missing":
            kept[gap.start : gap.stop] = False
        else:
            columns[gap.column][gap.start : gap.stop] = np.nan
    table = {"time": clock.stamps, **columns, "label": labels(rows, faults)}
    row = np.cumsum(kept) - kept  # rows before this one that are kept
    moved = tuple(replace(fault, start=int(row[fault.start]), stop=int(row[fault.stop])) for fault in faults)
    formats = {"load": ".1f", "temperature": ".1f"}
    return Sample({name: column[kept] for name, column in table.items()}, formats, moved)


def _events(rng: np.random.Generator, rows: int, fault_sizes: Sequence[float]) -> tuple[list[Fault], list[Fault]]:
    """Give the faults and the gaps; the gaps lie where they lie whatever the sizes."""
    plans = FAULTS + GAPS
    order = rng.permutation(len(plans))
    starts = scattered(rng, len(plans), (rows // 12, rows - 24), room=48)
    sizes = sizes_for(rng, len(plans), fault_sizes or (0.0,))
    events = [
        Fault(kind, column, int(start), int(start) + length, float(size) if kind in ("spike", "shift") else 0.0)
        for (kind, column, length), start, size in zip((plans[i] for i in order), starts, sizes, strict=True)
    ]
    gaps = [event for event in events if event.kind in ("missing", "blank")]
    return [event for event in events if event not in gaps] if fault_sizes else [], gaps


def _planted(column: Floats, fault: Fault, unit: float) -> Floats:
    """Give a copy of the column (T,) with the fault in it."""
    faulty = column.copy()
    if fault.kind == "stuck":
        faulty[fault.start : fault.stop] = column[fault.start - 1]
    else:
        faulty[fault.start : fault.stop] += fault.size * unit
    return rounded(faulty, 1)


def expected_load(clock: Clock, temperature: Floats) -> Floats:
    """Give the load (T,) in kW that the town would have without chance, at this temperature (T,).

        people   = 4200 * profile(kind of day, hour) * (0.92 on leave) * (1 - 0.05 in the summer holidays)
        light    = 420 * awake(hour) / (1 + exp(elevation of the sun / 4 degrees))
        heating  = 48 * softplus(15 - felt, 1.5) * (0.75 at night, 1.15 from 6 to 9, else 1)
        cooling  = 75 * softplus(temperature - 23, 1) * (1 from 10 to 19, else 0.4)

    with felt[t] = felt[t-1] + (temperature[t] - felt[t-1]) / 18, the inertia of walls, and
    softplus(x, w) = w * log(1 + exp(x / w)), so that heating and cooling set in gradually.
    """
    summer = np.exp(-(((clock.season / (2 * np.pi) * 365.25 - 217.0) / 18.0) ** 2))  # centred on 5 August
    people = 4200.0 * PROFILES[clock.day_kind, clock.hour] * np.where(clock.on_leave, 0.92, 1.0) * (1 - 0.05 * summer)
    awake = np.where((clock.hour >= 6) & (clock.hour < 23), 1.0, 0.35)
    light = 420.0 * awake / (1.0 + np.exp(_sun_elevation(clock) / 4.0))
    drive = temperature / 18.0
    drive[0] = temperature[0]
    felt = recursion(drive, 1.0 - 1.0 / 18.0)
    at_home = np.where(clock.hour < 6, 0.75, np.where(clock.hour < 9, 1.15, 1.0))
    heating = 48.0 * _softplus(15.0 - felt, 1.5) * at_home
    cooling = 75.0 * _softplus(temperature - 23.0, 1.0) * np.where((clock.hour >= 10) & (clock.hour < 19), 1.0, 0.4)
    return people + light + heating + cooling


def disturbance(rng: np.random.Generator, rows: int) -> Floats:
    """Give what nobody can know (rows,), a share of the load: hours (1.8 %), days (1.5 %) and a meter's 0.7 %."""
    hours = slow_noise(rng, rows, 8.0, 0.018)
    days = slow_noise(rng, rows, 72.0, 0.015)
    return hours + days + 0.007 * rng.standard_normal(rows)


def usual_temperature(clock: Clock) -> Floats:
    """Give the climate (T,): a year of 10 +- 9 degrees, coldest on 20 January, a day warmest at 15 h of the sun."""
    year = -np.cos(clock.season - 2 * np.pi * 20.0 / 365.25)
    day = np.cos(2 * np.pi * (clock.solar_hour - 15.0) / 24.0)
    return 10.0 + 9.0 * year + (3.2 + 1.8 * year) * day


def weather(rng: np.random.Generator, rows: int) -> Floats:
    """Give the departure from the climate (rows,): fronts that last four days (3.2 degrees), clouds of six (0.7)."""
    return slow_noise(rng, rows, 96.0, 3.2) + slow_noise(rng, rows, 6.0, 0.7)


def _sun_elevation(clock: Clock) -> Floats:
    """Give the height of the sun (T,) in degrees (Cooper's declination, accurate to half a degree)."""
    declination = np.radians(23.45) * np.sin(clock.season + 2 * np.pi * 284.0 / 365.0)
    angle = 2 * np.pi * (clock.solar_hour - 12.0) / 24.0
    latitude = np.radians(LATITUDE)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    elevation: Floats = np.degrees(np.arcsin(height))
    return elevation


def _softplus(x: Floats, width: float) -> Floats:
    gradual: Floats = width * np.logaddexp(0.0, x / width)
    return gradual


def read_clock(days: int) -> Clock:
    """Give the hours of `days` local days; the day of a clock change has 23 or 25."""
    last = FIRST_DAY + timedelta(days=days)
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC) for day in (FIRST_DAY, last))
    hours = int((end - begin).total_seconds()) // 3600
    universal = [begin + timedelta(hours=i) for i in range(hours)]
    local = [instant.astimezone(ZONE) for instant in universal]
    kinds = {day: _day_kind(day) for day in {instant.date() for instant in local}}
    elapsed: Floats = np.arange(hours, dtype=np.float64) + begin.hour + LONGITUDE_HOURS
    return Clock(
        stamps=np.array([instant.isoformat() for instant in local]),
        hour=np.array([instant.hour for instant in local]),
        day_kind=np.array([kinds[instant.date()] for instant in local]),
        on_leave=np.array([(instant.month, instant.day) >= (12, 24) or day_of_year(instant) <= 6 for instant in local]),
        solar_hour=elapsed,
        season=2 * np.pi * np.array([day_of_year(instant) - 1 for instant in universal]) / 365.25,
    )


def day_of_year(day: date) -> int:
    """Give 1 for 1 January."""
    return day.timetuple().tm_yday


def _day_kind(day: date) -> int:
    """Give 0 for a working day, 1 for a Saturday and the two half holidays of December, 2 for a Sunday or holiday."""
    if day.weekday() == 6 or day in holidays(day.year):
        return 2
    return 1 if day.weekday() == 5 or (day.month, day.day) in ((12, 24), (12, 31)) else 0


def holidays(year: int) -> frozenset[date]:
    """Give the nine public holidays that all of Germany shares."""
    fixed = (date(year, 1, 1), date(year, 5, 1), date(year, 10, 3), date(year, 12, 25), date(year, 12, 26))
    return frozenset((*fixed, *(easter(year) + timedelta(days=days) for days in (-2, 1, 39, 50))))


def easter(year: int) -> date:
    """Give Easter Sunday of a year from 1900 to 2099 (Gauss's rule, with that period's constants 24 and 5)."""
    moon = year % 19
    d = (19 * moon + 24) % 30
    e = (2 * (year % 4) + 4 * (year % 7) + 6 * d + 5) % 7
    too_late = e == 6 and (d == 29 or (d == 28 and moon > 10))
    return date(year, 3, 22) + timedelta(days=d + e - (7 if too_late else 0))
