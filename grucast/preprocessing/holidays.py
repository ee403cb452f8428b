"""Public holidays as a feature known ahead: found when a model is trained, kept in it, marked wherever it runs.

The package `holidays` (an extra) is asked once, for all years of the data and `YEARS_AHEAD` more. What it says goes
into the model file as numbers of days, so that a forecast needs neither the package nor the network. A day is that of
the clock on the wall, where the zone is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType

import numpy as np

from grucast.core.arrays import Array, Ints, Stamps
from grucast.core.errors import ModelError, UsageError
from grucast.core.holidays import Holidays
from grucast.core.registry import did_you_mean
from grucast.core.series import Clock, Panel, Series
from grucast.preprocessing.alias import DAY, parse_frequency
from grucast.preprocessing.grid import is_numeric
from grucast.preprocessing.zones import local_stamps

YEARS_AHEAD = 10  # behind the year of the last row
HOLIDAY = "holiday"  # the feature's name; the days beside one brought nothing (benchmarks/README.md)
_NAMED = 5  # series that an error names


def holiday_names(holidays: Holidays) -> tuple[str, ...]:
    """The names of the features of a model that looks at `holidays`; none without codes."""
    return (HOLIDAY,) if holidays.codes else ()


def holiday_feature(days: Ints, unique_id: str, holidays: Holidays) -> Array:
    """1 where the local day `days` (T,), counted from 1970-01-01, is a holiday of a series, else 0; (T,).

    ModelError for a day whose holidays are not known, and for a series that lies in no country that the model knows.
    """
    if len(days) and not holidays.first <= days.min() <= days.max() <= holidays.last:
        outside = days.min() if days.min() < holidays.first else days.max()
        raise ModelError(f"the model knows the holidays from {_written(holidays.first)} to {_written(holidays.last)}, "
                         f"not those of {_written(int(outside))}; train a model anew, or update it")
    code = holidays.codes.get(unique_id, holidays.codes.get(""))
    if code is None:
        raise ModelError(f"series {unique_id!r} is new, and the model does not know whose holidays it has; train one "
                         f"with --holidays {unique_id}=CODE, or with one CODE for all series")
    off = np.asarray(holidays.days[code], dtype=np.int64)
    found: Array = np.isin(days, off).astype(np.float64)
    return found


def local_days(ds: Stamps, tz: str) -> Ints:
    """The day of each stamp (T,) by the clock on the wall, counted from 1970-01-01."""
    days: Ints = local_stamps(ds, tz).astype("datetime64[D]").astype(np.int64)
    return days


# ---- when a model is trained ---------------------------------------------------------------------


def check_codes(words: Sequence[str]) -> None:
    """UsageError for a --holidays that names no country, and where the package is missing."""
    for word in words:
        code = word.rpartition("=")[2]
        countries = _package().list_supported_countries(include_aliases=True)
        markets = _package().list_supported_financial(include_aliases=True)
        country, _, region = code.partition("-")
        if code in markets:
            continue
        if country not in countries:
            raise UsageError(f"--holidays {word}: no country or market {country!r} is known"
                             f"{did_you_mean(country, (*countries, *markets))}; give a code such as DE, DE-BY or US")
        if region not in ("", *countries[country]):
            some = f"; {country} has {', '.join(countries[country])}" if countries[country] else ""
            raise UsageError(f"--holidays {word}: {country} has no region {region!r}{some}")


def find_holidays(panel: Panel, words: Sequence[str], fit_rows: Sequence[int]) -> Holidays:
    """The holidays that `words` (CODE, SERIES=CODE) ask for, from the year of the first row to `YEARS_AHEAD` ahead.

    UsageError where a series has none or two codes, where the rows are longer than a day or have no frequency, and
    where no holiday lies in the first `fit_rows[n]` rows of any series: then there is nothing to learn.
    """
    if not words:
        return Holidays()
    _check_clock(panel.layout.clock)
    codes = _assigned(words, panel.ids())
    found = _looked_up(codes, panel)
    pairs = zip(panel.series, fit_rows, strict=True)
    if not any(_has_one(one.rows(0, rows), panel.tz, found) for one, rows in pairs):
        raise UsageError(f"--holidays {' --holidays '.join(words)}: no holiday lies in the rows to learn from; leave "
                         "it out, or give more rows")
    return found


def renewed(holidays: Holidays, panel: Panel) -> Holidays:
    """The same for the years of a panel that has grown; as they are where the package is not installed."""
    if not holidays.codes:
        return holidays
    try:
        _package()
    except UsageError:
        return holidays
    return _looked_up(holidays.codes, panel)


def words_of(holidays: Holidays) -> tuple[str, ...]:
    """The words of --holidays that ask for such holidays."""
    return tuple(f"{name}={code}" if name else code for name, code in holidays.codes.items())


def _check_clock(clock: Clock) -> None:
    if is_numeric(clock) or not clock.freq:
        raise UsageError("--holidays needs stamps of one frequency: there are no days here; leave it out, give --freq, "
                         "or --resample")
    if parse_frequency(clock.freq).microseconds > 1.5 * DAY:  # a business day lasts 1.4
        raise UsageError(f"--holidays marks days, and the frequency is {clock.freq}; leave it out, or count the "
                         "holidays of each row in a column and name it with --known-col")


def _assigned(words: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """The code of each series named, under "" that of all others."""
    codes: dict[str, str] = {}
    for word in words:
        name, _, code = word.rpartition("=")
        if name in codes:
            whose = f"series {name!r}" if name else "all series"
            raise UsageError(f"--holidays gives two codes for {whose}: {codes[name]} and {code}; name one, or "
                             "SERIES=CODE for each series of a long file")
        if "=" in word and name not in ids:
            raise UsageError(f"--holidays {word}: there is no series {name!r}{did_you_mean(name, ids)}; "
                             + ("the columns of a wide file are one series: give one CODE" if ids == ("",)
                                else f"there are {', '.join(ids[:_NAMED])}{', ...' if len(ids) > _NAMED else ''}"))
        codes[name] = code
    for one in ids:
        if one not in codes and "" not in codes:
            raise UsageError(f"--holidays names no country for series {one!r}; add --holidays {one}=CODE, or one CODE "
                             "for all others")
    return codes


def _looked_up(codes: Mapping[str, str], panel: Panel) -> Holidays:
    """The holidays of `codes` for the years of `panel` and those ahead."""
    here = [one.ds for one in panel.series if len(one)]
    ends = np.array([bound for ds in here for bound in (ds.min(), ds.max())])
    years = local_stamps(ends, panel.tz).astype("datetime64[Y]").astype(np.int64) + 1970
    first, last = int(years.min()), int(years.max()) + YEARS_AHEAD
    days = {code: _days(code, first, last) for code in dict.fromkeys(codes.values())}
    return Holidays(dict(codes), days, _first_day(first), _first_day(last + 1) - 1)


@lru_cache(maxsize=64)
def _days(code: str, first: int, last: int) -> tuple[int, ...]:
    """The holidays of a country, region or market in the years `first` to `last`.

    One year more is asked for: a holiday on a Saturday may be kept on the last day of the year before.
    """
    package, years = _package(), range(first, last + 2)
    if code in package.list_supported_financial(include_aliases=True):
        found = package.financial_holidays(code, years=years)
    else:
        country, _, region = code.partition("-")
        found = package.country_holidays(country, subdiv=region or None, years=years)
    days = np.array(sorted(found), dtype="datetime64[D]").astype(np.int64)
    return tuple(days[(days >= _first_day(first)) & (days < _first_day(last + 1))].tolist())


def _has_one(series: Series, tz: str, holidays: Holidays) -> bool:
    """Whether one of its rows lies in a holiday."""
    return bool(holiday_feature(local_days(series.ds, tz), series.unique_id, holidays).any())


def _first_day(year: int) -> int:
    return int(np.datetime64(f"{year:04d}-01-01", "D").astype(np.int64))


def _written(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _package() -> ModuleType:
    """The package `holidays`, imported in this one place; UsageError where it is not installed."""
    try:
        import holidays
    except ImportError as error:
        raise UsageError("--holidays needs a calendar of countries: pip install 'grucast[holidays]'") from error
    return holidays
