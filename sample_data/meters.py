"""Fifty hourly meters in one long table: shared days and weeks, own mixtures, four orders of magnitude."""

import numpy as np
from numpy.typing import NDArray

from sample_data.table import SEED, Floats, Ints, Sample, rounded, slow_noise, stream

LAST_HOUR = "2024-03-24T23"  # a Sunday, a week before the clocks change
SERIES = 50
SHORTEST, LONGEST = 200, 1_600  # hours
SMALLEST, LARGEST = 0.4, 4_000.0  # mean kWh an hour

HOURS = np.arange(24)


def meters(seed: int = SEED, *, series: int = SERIES) -> Sample:
    """Give `unique_id,ds,y` (kWh in the hour) of meters that start at different hours and all end at the same one.

        y[t] = scale * (0.15 + 0.85 * sum over k of share_k * shape_k(hour[t] + shift, weekday[t]))
                     * exp(0.06 * cold[t] * share_home + noise[t])

    The four shapes (`shapes`) and the cold of the region are shared; scale (log-uniform, 0.4 to 4,000), shares
    (Dirichlet), shift (up to an hour and a half, normal) and noise (slow, 5 to 15 %) are each meter's own. Lengths
    are all different, log-uniform from 200 to 1,600. Four significant digits of the scale are kept.
    """
    rng = stream(seed, "meters")
    hours = np.arange(np.datetime64(LAST_HOUR, "h") - LONGEST + 1, np.datetime64(LAST_HOUR, "h") + 1)
    cold = slow_noise(rng, LONGEST, 72.0, 1.0)
    lengths = _lengths(rng, series)
    scales = np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST), series))
    scales[:2] = SMALLEST, LARGEST  # the ends are always there
    stamps = np.char.replace(hours.astype("datetime64[m]").astype(str), "T", " ")
    columns: tuple[list[str], list[str], list[float]] = ([], [], [])
    for number, (length, scale) in enumerate(zip(lengths.tolist(), scales.tolist(), strict=True), start=1):
        y = meter(rng, hours, cold, scale)[-length:]
        columns[0].extend([f"m{number:02d}"] * length)
        columns[1].extend(stamps[-length:].tolist())
        columns[2].extend(y.tolist())
    ids, ds, values = columns
    return Sample({"unique_id": np.array(ids), "ds": np.array(ds), "y": np.array(values)}, {"y": ".7g"})


def meter(rng: np.random.Generator, hours: NDArray[np.datetime64], cold: Floats, scale: float) -> Floats:
    """Give one meter's readings (T,) for all `hours`; the equation stands in `meters`."""
    share = rng.dirichlet(np.full(4, 0.7))
    shift = rng.normal(0.0, 0.75)
    noise = slow_noise(rng, len(hours), 5.0, rng.uniform(0.05, 0.15)) + 0.03 * rng.standard_normal(len(hours))
    hour = hours.astype(np.int64) % 24
    weekday = (hours.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
    shape = np.tensordot(share, shapes(), axes=1)  # (7, 24)
    day = np.empty(len(hours))
    for number in range(7):
        on = weekday == number
        day[on] = np.interp(hour[on] + shift, HOURS, shape[number], period=24)
    y = scale * (0.15 + 0.85 * day) * np.exp(0.06 * cold * share[0] + noise)
    return rounded(y, 3 - int(np.floor(np.log10(scale))))


def shapes() -> Floats:
    """Give the shared shapes (4, 7, 24), Monday first, each with mean 1: home, office, night heating, two shifts."""
    workday, weekend = np.array([1.0] * 5 + [0.0] * 2), np.array([0.0] * 5 + [1.0] * 2)
    office_day = np.array([1.0] * 5 + [0.25, 0.1])
    shift_day = np.array([1.0] * 5 + [0.6, 0.15])
    home_workday = 0.6 * _bump(7, 1.3) + _bump(19, 2.2)
    home_weekend = 0.7 * _bump(11, 2.5) + 0.9 * _bump(19, 2.5)
    home = 0.3 + np.outer(workday, home_workday) + np.outer(weekend, home_weekend)
    office = 0.12 + np.outer(office_day, 1.0 / (1.0 + np.exp(-2.0 * (4.8 - np.abs(HOURS - 12.5)))))
    night = 0.1 + np.outer(np.ones(7), _bump(1.5, 2.5))
    shift = 0.2 + np.outer(shift_day, np.where((HOURS >= 6) & (HOURS < 22), 1.0, 0.25))
    table: Floats = np.stack([home, office, night, shift])
    table /= table.mean(axis=(1, 2), keepdims=True)
    return table


def _bump(centre: float, width: float) -> Floats:
    """Give a bell (24,) around an hour of the day, `width` hours wide to either side."""
    off = (HOURS - centre + 12.0) % 24.0 - 12.0
    bell: Floats = np.exp(-0.5 * (off / width) ** 2)
    return bell


def _lengths(rng: np.random.Generator, series: int) -> Ints:
    """Give `series` different lengths in random order: one from each of as many equal parts of the logarithm."""
    part = (np.arange(series) + rng.random(series)) / series
    lengths = np.floor(SHORTEST * (LONGEST / SHORTEST) ** part).astype(np.int64)
    for i in range(1, series):  # the lowest parts are narrow: two may meet in one hour
        lengths[i] = max(lengths[i], lengths[i - 1] + 1)
    return rng.permutation(lengths)
