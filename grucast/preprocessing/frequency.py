"""The frequency of a time axis, found from the stamps of all series together.

Missing rows are expected: a step is what most stamps keep, and every stamp must then lie on the
grid of that step. What does not is "unequal steps", said and never repaired. The arithmetic of
frequencies is in `alias` and `grid`; their functions are offered here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Stamps
from grucast.core.series import Clock, Series
from grucast.preprocessing.alias import (
    DAY,
    HOUR,
    SECOND,
    WEEKDAYS,
    Frequency,
    follows_calendar,
    month_alias,
    parse_frequency,
    time_alias,
)
from grucast.preprocessing.grid import (
    is_numeric,
    locate,
    nominal_share,
    numeric_step,
    off_grid,
    positions,
    stamps_after,
    stamps_at,
)
from grucast.preprocessing.zones import local_stamps, written

__all__ = ["Frequency", "default_horizon", "find_frequency", "find_step", "is_numeric", "locate", "numeric_step",
           "off_grid", "parse_frequency", "positions", "stamps_after", "stamps_at", "typical_step"]  # fmt: skip

SPARSEST = 20  # grid places for each row: above, the grid would be nearly all gaps
_DENSE = 0.5  # rows for each place that a step needs which few neighbours keep
_NOMINAL = 0.8  # share of stamps exactly on their place that a calendar rule needs
_HORIZONS = {"15min": 96, "h": 24, "D": 14, "B": 10}
LONGEST_HORIZON = 336  # of a season in rows without a frequency
_MONTH_HORIZONS = {1: 12, 3: 8, 12: 6}
_NICE = ("ms", "10ms", "100ms", "s", "5s", "10s", "15s", "30s", "min", "5min", "10min", "15min", "30min", "h",
         "2h", "3h", "6h", "12h", "D", "W-SUN", "MS", "QS", "YS")  # fmt: skip


def find_frequency(series: Sequence[Series], clock: Clock) -> tuple[str, list[str]]:
    """The pandas alias of the steps of all series together, "" for none, and notes for people.

    Numeric axes get an alias only where they are elapsed seconds and the step is a whole number of
    microseconds ("8ms"); see `find_step` for the others. Fewer than three stamps have no frequency.
    """
    if clock.kind == "row":
        return "", []
    axes = [one.ds for one in series]
    if all(len(axis) < 3 for axis in axes):
        return "", ["fewer than three stamps: no frequency; --freq names it"]
    if is_numeric(clock):
        step = find_step(series)
        if step == 0.0:
            return "", [_unequal(series, replace(clock, freq="", step=typical_step(series, clock)))]
        return _elapsed_alias(axes, step) if clock.kind == "elapsed" else "", []
    for alias in _candidates(axes, clock):
        if _fits(axes, replace(clock, freq=alias)):
            return alias, []
    return "", [_unequal(series, replace(clock, freq=_nearest_alias(typical_step(series, clock))))]


def find_step(series: Sequence[Series]) -> float:
    """The step of numeric axes in their own units, 0.0 when the steps are unequal.

    Rounded numbers are understood: 0, 0.002778, 0.005556 is a step of 1/360.
    """
    axes = [one.ds for one in series if len(one) > 1]
    if not axes:
        return 0.0
    steps = np.concatenate([np.diff(axis) for axis in axes])
    median = float(np.median(steps))
    mean = float(steps[np.abs(steps / median - 1) < 0.5].mean())  # without the gaps
    spans = np.array([axis[-1] - axis[0] for axis in axes])
    refined = float(spans.sum() / np.maximum(np.rint(spans / mean), 1).sum())
    for step in (refined, float(steps.min())):
        if _fits(axes, Clock(kind="index", step=step)):
            return step
    return 0.0


def typical_step(series: Sequence[Series], clock: Clock) -> float:
    """The median step, in seconds where stamps are dates, else in units of the axis; 1.0 without steps."""
    steps = [np.diff(one.ds) for one in series if len(one) > 1]
    if not steps:
        return 1.0
    together = np.concatenate(steps)
    return float(np.median(together if is_numeric(clock) else together.astype(np.int64) / SECOND))


def default_horizon(freq: str, seasons: tuple[int, ...], shortest: int) -> int:
    """The horizon where none was asked for: by the frequency, else a season, else 24.

    With a frequency the first season, usually the day; in rows without one the longest up to `LONGEST_HORIZON`: the
    shorter ones of a heartbeat are its harmonics. At most a tenth of the `shortest` series (rows), at least 1.
    """
    longer = () if follows_calendar(freq) else tuple(one for one in seasons if one <= LONGEST_HORIZON)
    usual = seasons[:1] + longer
    horizon = _HORIZONS.get(freq, max(usual, default=24))
    if freq:
        found = parse_frequency(freq)
        if (found.unit, found.count) == ("week", 1):
            horizon = 8
        elif found.unit == "month":
            horizon = _MONTH_HORIZONS.get(found.count, horizon)
        elif found.unit == "time" and found.count in (HOUR, HOUR // 4):
            horizon = 24 * HOUR // found.count
    return max(1, min(horizon, shortest // 10))


# ---- stamps that are dates -----------------------------------------------------------------------


def _candidates(axes: list[Stamps], clock: Clock) -> Iterator[str]:
    """Aliases worth trying, the most likely first."""
    walls = [local_stamps(axis, clock.tz) for axis in axes if len(axis)]
    steps = np.concatenate([np.diff(wall).astype(np.int64) for wall in walls])
    lengths, counts = np.unique(steps, return_counts=True)
    common = int(lengths[np.argmax(counts)])
    if common < 20 * HOUR:  # a day when clocks change has 23 hours
        yield time_alias(common)
        yield time_alias(int(np.gcd.reduce(lengths)))
        return
    days = round(common / DAY)
    weekdays = np.concatenate([(wall.astype("datetime64[D]").astype(np.int64) + 3) % 7 for wall in walls])
    if days < 7:
        if weekdays.max() < 5 and any(_skips_weekends(wall) for wall in walls):
            yield "B"
        yield f"{days}D" if days > 1 else "D"
        yield "D"
    elif days % 7 == 0:
        usual = WEEKDAYS[int(np.argmax(np.bincount(weekdays, minlength=7)))]
        yield f"W-{usual}" if days == 7 else f"{days // 7}W-{usual}"
        yield f"W-{usual}"
    if days >= 28:
        yield from _month_candidates(walls, max(1, round(common / parse_frequency("MS").microseconds)))
    if days >= 7:
        yield f"{days}D"


def _month_candidates(walls: list[Stamps], usual: int) -> Iterator[str]:
    """Aliases of the usual number of months between stamps, and of the number that all steps are made of."""
    months = [wall.astype("datetime64[M]").astype(np.int64) for wall in walls]
    common = int(np.gcd.reduce(np.concatenate([np.diff(one) for one in months]))) or 1
    first = int(months[0][0]) % 12
    for count in (usual, common):
        for rule in ("start", "end", "business start", "business end"):
            yield month_alias(count, rule, first)


def _skips_weekends(wall: Stamps) -> bool:
    """Whether a step goes from Friday to Monday."""
    days = wall.astype("datetime64[D]").astype(np.int64)
    return bool(np.any(((days[:-1] + 3) % 7 == 4) & (np.diff(days) == 3)))


def _fits(axes: list[Stamps], clock: Clock) -> bool:
    """Whether all stamps lie on the grid of `clock`, which they fill well enough."""
    rows = places = neighbours = 0
    for axis in (axis for axis in axes if len(axis) > 1):
        where, off = locate(axis, clock)
        if off >= 0:
            return False
        rows += len(axis)
        places += int(where[-1]) + 1
        neighbours += int(np.sum(np.diff(where) == 1)) + 1
    if rows == 0 or places > SPARSEST * rows:
        return False
    if clock.freq and parse_frequency(clock.freq).unit in ("week", "month"):  # where a day or more is forgiven
        nominal = sum(nominal_share(axis, clock) * len(axis) for axis in axes)
        if nominal < _NOMINAL * sum(len(axis) for axis in axes):
            return False
    return neighbours >= _DENSE * rows or rows >= _DENSE * places


# ---- words ---------------------------------------------------------------------------------------


def _elapsed_alias(axes: list[Stamps], step: float) -> str:
    """The alias of a step in seconds, "" where whole microseconds do not say it (1/360 s)."""
    whole = round(step * SECOND)
    if whole < 1 or abs(step * SECOND - whole) > 0.01:
        return ""
    alias = time_alias(whole)
    return alias if _fits(axes, Clock(kind="elapsed", freq=alias)) else ""


def _unequal(series: Sequence[Series], clock: Clock) -> str:
    """The note for stamps without a frequency; `clock` has the grid that comes nearest."""
    for one in series:
        _, off = locate(one.ds, clock)
        if off >= 0:
            where = f"line {one.line[off]}" if one.line[off] > 0 else f"row {off + 1}"
            first = f"the first is {written(one.ds[off], clock)} ({where})"
            break
    else:
        first = "most of the grid would be empty"
    mend = "" if is_numeric(clock) else f"; --resample {clock.freq} would put them on a grid"
    return f"the steps between stamps are unequal, {first}: rows are taken in order, frequency none{mend}"


def _nearest_alias(seconds: float) -> str:
    """The everyday frequency nearest to a step."""
    return min(_NICE, key=lambda alias: abs(np.log(max(seconds, 1e-9) * SECOND / parse_frequency(alias).microseconds)))
