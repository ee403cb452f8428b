"""From a gridded panel to scaled sources of windows; all that is fitted is fitted on the past and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.core.holidays import Holidays
from grucast.core.series import STAMP, Clock, Panel, Series
from grucast.preprocessing.calendar import calendar_features, calendar_names
from grucast.preprocessing.grid import locate, stamps_after
from grucast.preprocessing.holidays import HOLIDAY, holiday_feature, local_days
from grucast.preprocessing.repeats import Repeats, no_repeats
from grucast.preprocessing.scaling import Transform, fit_scale, fit_transform
from grucast.preprocessing.windows import Source

CALENDAR_ROWS = 50_000  # rows whose calendar is found at once; all at once would take 200 bytes a row
CYCLES = 2.5  # a cycle seen fewer times than this teaches a trend, not a season


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """Plain numbers that bring a panel to size, the holidays that its stamps are marked with, and what it repeats.

    `scale` is (number of series, C) in transformed units; `known`, `past`, `static` are (2, K), (2, P),
    (2, S): mean and deviation of each covariate. `known` and `past` may also be (number of series + 1, 2, K) and
    (..., P): those of each series, and last of all together, which stand for a series that is new.
    """

    transform: Transform
    ids: tuple[str, ...]
    scale: Array
    known: Array
    past: Array
    static: Array
    holidays: Holidays = field(default_factory=Holidays)
    repeats: Repeats | None = None  # None: nothing yet
    rows: Mapping[str, int] = field(init=False)  # of `scale`, by id

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {name: row for row, name in enumerate(self.ids)})

    def of(self, series: Series) -> Array:
        """The scale (C,) of a series: the one it was trained with, or from its own rows where it is new."""
        row = self.rows.get(series.unique_id)
        if row is not None:
            trained: Array = self.scale[row]
            return trained
        with np.errstate(divide="ignore", invalid="ignore"):
            z = self.transform.forward(series.y)
        return fit_scale(z, series.observed & np.isfinite(z))

    def moments(self, covariates: Array, unique_id: str) -> Array:
        """Mean and deviation (2, K) of `known` or `past` for one series."""
        if covariates.ndim == 2:
            return covariates
        found: Array = covariates[self.rows.get(unique_id, -1)]
        return found

    def joined_by(self, unique_id: str, scale: Array) -> Scales:
        """These and a series that came later, of this scale (C,), which repeats nothing."""
        none, repeats = no_repeats(1, len(scale)), self.repeats
        if repeats is not None:
            repeats = Repeats(np.concatenate([repeats.lag, none.lag]), np.concatenate([repeats.share, none.share]))
        known, past = (one if one.ndim == 2 else np.concatenate([one, one[-1:]]) for one in (self.known, self.past))
        return replace(self, ids=(*self.ids, unique_id), scale=np.concatenate([self.scale, scale[None]]),
                       known=known, past=past, repeats=repeats)

    def repeated(self, series: Series) -> Repeats:
        """What a series repeats, (1, C) each; nothing where it is new."""
        row = self.rows.get(series.unique_id)
        if row is None or self.repeats is None:
            return no_repeats(1, series.y.shape[1])
        return Repeats(self.repeats.lag[row : row + 1], self.repeats.share[row : row + 1])


def length_known(series: Series) -> int:
    """Rows up to the last one with an observed target; what follows are covariates known ahead."""
    seen = np.flatnonzero(series.observed.any(axis=1))
    return int(seen[-1]) + 1 if len(seen) else 0


def length_passed(series: Series) -> int:
    """Rows that have passed when a forecast is made: all but the last ones without targets that tell covariates.

    Without covariates known ahead a last row without a target is a missing value like any other.
    """
    stop = length_known(series)
    return stop if np.isfinite(series.known[stop:]).any() else len(series)


def fit_scales(panel: Panel, fit_rows: Sequence[int], kind: str, file: str = "") -> Scales:
    """Scales from the first `fit_rows[n]` rows of each series; `kind` is the transform."""
    past = [one.rows(0, stop) for one, stop in zip(panel.series, fit_rows, strict=True)]
    transform = fit_transform(kind, panel.series if kind == "log" else past, file, panel.channels)
    return Scales(
        transform=transform,
        ids=panel.ids(),
        scale=np.stack([fit_scale(transform.forward(one.y), one.observed) for one in past]),
        known=_moments([one.known for one in past]),
        past=_moments([one.past for one in past]),
        static=_moments([one.static[None] for one in past]),
    )


def with_own_covariates(scales: Scales, panel: Panel, fit_rows: Sequence[int]) -> Scales:
    """`scales` with covariates (not the static ones) brought to size in each series by itself."""
    early = [one.rows(0, stop) for one, stop in zip(panel.series, fit_rows, strict=True)]
    return replace(scales, known=_moments_each([one.known for one in early]),
                   past=_moments_each([one.past for one in early]))


@dataclass(frozen=True, slots=True)
class Setting:
    """What windows of a panel need beside its values.

    `first` is the stamp at which seasonal phases are zero, `horizon` how far covariates reach beyond the last
    row, `calendar` the names of the calendar features.
    """

    clock: Clock
    first: Any
    horizon: int
    calendar: tuple[str, ...] = ()


def make_source(series: Series, scales: Scales, setting: Setting, *, stop: int | None = None) -> Source:
    """The windows' view of the first `stop` rows of a series, `length_known` when None."""
    stop = length_known(series) if stop is None else stop
    scale, repeats = scales.of(series), scales.repeated(series)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = scales.transform.forward(series.y[:stop]) / np.where(scale > 0, scale, 1.0)
    seen = series.observed[:stop] & np.isfinite(z)
    return Source(
        z=np.where(seen, z, 0.0),
        observed=seen,
        known=_known(series, stop, scales, setting),
        past=_standardise(series.past[:stop], scales.moments(scales.past, series.unique_id)),
        static=_standardise(series.static[None], scales.static)[0],
        scale=scale,
        origin=clock_origin(series, setting.first, setting.clock),
        lag=repeats.lag[0],
        share=repeats.share[0],
    )


def _known(series: Series, stop: int, scales: Scales, setting: Setting) -> Array:
    """Covariates known ahead (stop + H, K): those of the file, zero where it has none yet, and the calendar's."""
    rows = stop + setting.horizon
    out = np.zeros((rows, series.known.shape[1] + len(setting.calendar)))
    given = _standardise(series.known[:rows], scales.moments(scales.known, series.unique_id))
    out[: len(given), : given.shape[1]] = given
    if setting.calendar and stop:
        ds = np.concatenate([series.ds[:stop], stamps_after(series.ds[stop - 1], setting.horizon, setting.clock)])
        for start in range(0, rows, CALENDAR_ROWS):
            part = slice(start, start + CALENDAR_ROWS)
            out[part, given.shape[1] :] = _calendar(series.unique_id, ds[part], scales.holidays, setting)
    return out


def _calendar(unique_id: str, ds: Stamps, holidays: Holidays, setting: Setting) -> Array:
    """The calendar features of a setting (T, K) at the stamps `ds` (T,), holidays of the series among them."""
    features, names = calendar_features(ds, setting.clock)
    if HOLIDAY in setting.calendar:
        off = holiday_feature(local_days(ds, setting.clock.tz), unique_id, holidays)
        features, names = np.column_stack([features, off]), (*names, HOLIDAY)
    return features[:, [names.index(name) for name in setting.calendar]]


def calendar_seen(series: Sequence[Series], fit_rows: Sequence[int], clock: Clock) -> tuple[str, ...]:
    """The calendar features whose cycle (day, week, year) the fit parts have seen at least `CYCLES` times."""
    days = max(
        (float((one.ds[rows - 1] - one.ds[0]) / np.timedelta64(1, "D")) if one.ds.dtype == STAMP and rows else 0.0)
        for one, rows in zip(series, fit_rows, strict=True)
    )
    length = {"day": 1.0, "week": 7.0, "weekend": 7.0, "year": 365.25}
    return tuple(name for name in calendar_names(clock) if days >= CYCLES * length[name.partition("_")[0]])


def clock_origin(series: Series, first: Any, clock: Clock) -> int:
    """Grid position of the first row of `series`, counted from the stamp `first`; 0 without a frequency.

    Each series has its own grid (hourly at :00, hourly at :30): a stamp between two places takes the nearer one.
    """
    here = series.ds[0]
    if here == first or not clock.freq:
        return 0
    earlier, later = min(here, first), max(here, first)
    places, _ = locate(np.array([earlier, later], dtype=series.ds.dtype), clock)
    away = int(places[1])
    return away if here == later else -away


def _moments(parts: Sequence[Array]) -> Array:
    """Mean and deviation (2, K) of covariates (T, K) over all series; a constant one keeps deviation 1."""
    rows = np.concatenate(parts)
    seen = np.isfinite(rows)
    count = np.maximum(seen.sum(axis=0), 1)
    peak = np.max(np.abs(rows), axis=0, initial=0.0, where=seen)
    unit = np.where(seen, rows, 0.0) / np.where(peak > 0, peak, 1.0)  # so that squares of 1e307 are finite
    mean = unit.sum(axis=0) / count
    deviation = np.sqrt((np.where(seen, unit - mean, 0.0) ** 2).sum(axis=0) / count) * peak
    return np.stack([mean * peak, np.where(deviation > 0, deviation, 1.0)])


def _moments_each(parts: Sequence[Array]) -> Array:
    """The moments (N + 1, 2, K) of each series (T, K), and last of all together.

    A column that one series never shows has those of all; one that never moves there keeps its mean, with the deviation
    of all.
    """
    whole, out = _moments(parts), []
    for part in parts:
        own, seen = _moments([part]), np.isfinite(part)
        low, high = np.min(part, 0, initial=np.inf, where=seen), np.max(part, 0, initial=-np.inf, where=seen)
        deviation = np.where(low < high, own[1], whole[1])
        out.append(np.where(seen.any(axis=0), np.stack([own[0], deviation]), whole))
    return np.stack([*out, whole])


def _standardise(values: Array, moments: Array) -> Array:
    """Covariates in deviations from their mean, 0 where missing."""
    scaled = (values - moments[0]) / moments[1]
    return np.where(np.isfinite(scaled), scaled, 0.0)
