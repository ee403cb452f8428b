"""Season lengths, found in the autocorrelation and believed only on evidence.

A season must show in the *changes* of the series, so that neither a trend nor a random walk, whose
levels resemble each other at every lag, looks like one. A long season is sought twice: in the
changes of block means (a week in daily means, a year in means of four weeks), because over single
rows its slow swing drowns in noise; and in the changes less those of a day before, because a
Sunday may differ from a Monday in its shape alone. Where the calendar says what to expect only
those lengths are tested, elsewhere every lag is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.series import Panel
from grucast.preprocessing.alias import DAY, follows_calendar, parse_frequency
from grucast.preprocessing.hum import without_hum

_MOST_ROWS = 50_000  # of one column, the latest
_MOST_COLUMNS = 50
_PERIODS = 2.5  # whole seasons that must have been seen
_LEAST = 0.1  # correlation of an expected season: below, it is real but worth nothing
_LEAST_BESIDE_DAY = 0.05  # likewise in changes less those of a day before, which double the noise
_SIGMAS = 3.0  # above chance, likewise
_LEAST_SEARCH = 0.25  # where hundreds of lags are tried
_SIGMAS_SEARCH = 1.5  # above the largest that chance gives among the lags tried
_CHANNELS = 0.75  # a season that a quarter of the channels of one system show is one of the system
_LOCKED = 0.6  # of its correlation that a clock-like season keeps over four periods; heartbeats lose more


@dataclass(frozen=True, slots=True)
class _View:
    """What of a column is correlated: changes of means of `block` rows, less those `prior` blocks before."""

    block: int = 1
    prior: int = 0


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of one kind, (T,) each, NaN where not observed; `group` numbers the series each comes from."""

    values: tuple[Array, ...]
    group: tuple[int, ...]

    def at_least(self, rows: float) -> _Columns:
        """The columns of at least so many rows."""
        keep = [index for index, column in enumerate(self.values) if len(column) >= rows]
        return _Columns(tuple(self.values[index] for index in keep), tuple(self.group[index] for index in keep))


@dataclass(frozen=True, slots=True)
class _Correlation:
    """Autocorrelation by lag, (K,), and its standard error where nothing repeats, (K,)."""

    value: Array
    error: Array


def find_seasons(panel: Panel, *, most: int = 2) -> tuple[int, ...]:
    """Season lengths in rows, the shortest first, at most `most`; () where nothing repeats.

    Hourly load gives (24, 168), daily sales (7,), a random walk (). At least two and a half whole
    seasons must have been seen. Looks at up to 50 columns of up to 50,000 rows; the same panel gives
    the same answer. A panel that is not on its grid is read as rows in order.
    """
    columns = _columns(panel)
    if not columns.values:
        return ()
    if not follows_calendar(panel.freq):
        return _searched(columns)[:most]
    expected = _expected(panel.freq)
    return tuple(rows for rows, views in expected if any(_repeats(columns, rows, view) for view in views))[:most]


def _columns(panel: Panel) -> _Columns:
    """Up to 50 columns, evenly picked, brought to size and without the wildest faults; the latest 50,000 rows."""
    pairs = [(index, channel) for index, one in enumerate(panel.series) for channel in range(one.y.shape[1])]
    values, group = [], []
    for pick in np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST_COLUMNS)).astype(int)):
        index, channel = pairs[pick]
        one = panel.series[index]
        rows = slice(-_MOST_ROWS, None)
        column = np.where(one.observed[rows, channel], one.y[rows, channel], np.nan)
        known = column[np.isfinite(column)]
        if len(known) and known.min() < known.max():  # a constant says nothing
            scaled = column / np.abs(known).max()  # so that squares of 1e307 are finite
            values.append(_clipped(scaled, 8.0, 0.99))
            group.append(index)
    return _Columns(tuple(values), tuple(group))


def _expected(freq: str) -> tuple[tuple[int, tuple[_View, ...]], ...]:
    """Seasons (rows) that the calendar suggests, each with the views in which it may show."""
    frequency = parse_frequency(freq)
    plain = (_View(),)
    if frequency.unit == "time":
        day = DAY // frequency.count
        if DAY % frequency.count or not 4 <= day <= 86_400:
            return ()
        hour, watch = max(1, day // 24), max(1, day // 8)
        return (day, (_View(hour), _View(watch))), (7 * day, (_View(day), _View(hour, day // hour)))
    if frequency.unit == "month":
        rows = 12 // frequency.count if 12 % frequency.count == 0 else 0
        return ((rows, plain),) if rows >= 3 else ()
    if frequency.count > 1:
        return ()
    year = {"day": ((365, (_View(28),)),), "week": ((52, (_View(4),)),)}
    week = {"day": ((7, plain),), "business": ((5, plain),)}
    return week.get(frequency.unit, ()) + year.get(frequency.unit, ())


def _repeats(columns: _Columns, rows: int, view: _View) -> bool:
    """Whether the view of the columns correlates over `rows` rows, and more than over lags beside."""
    enough = columns.at_least(_PERIODS * rows)
    if 2 * len(enough.values) < len(columns.values):
        return False
    lag = round(rows / view.block)
    aside = max(1, view.prior or lag // 4)
    found = _correlation(enough, view, lag + aside)
    value, beside = found.value[lag], found.value[[lag - aside, lag + aside]].max()
    least = _LEAST_BESIDE_DAY if view.prior else _LEAST
    return bool(value >= max(least, _SIGMAS * found.error[lag]) and value > beside)


def _searched(columns: _Columns) -> tuple[int, ...]:
    """The shortest season that any lag shows, and the longer one that multiples of a clock-like one show.

    Where rows show none as they are, a hum is taken out first: all multiples of its wave look a little like seasons.
    """
    longest = max(len(column) for column in columns.values)
    if longest >= 12 and not _peak(columns, _View(), 1):
        columns = _calm(columns)
    block = 1
    while longest // block >= 12:
        lag = _peak(columns, _View(block), 1)
        if lag:
            season = _refined(columns, lag, block)
            multiple = _multiple(columns, season)
            return (season, multiple * season) if multiple else (season,)
        block *= 2
    return ()


def _calm(columns: _Columns) -> _Columns:
    """The columns without a hum that is too weak to be a season, where so many have one that it would be heard."""
    calm = [without_hum(one, _clipped(_changes(one, _View()), 4.0, 0.95), _LEAST_SEARCH) for one in columns.values]
    heard = sum(one is not before for one, before in zip(calm, columns.values, strict=True))
    return _Columns(tuple(calm), columns.group) if heard >= (1 - _CHANNELS) * len(calm) else columns


def _multiple(columns: _Columns, season: int) -> int:
    """How many seasons a longer one has; 0 for none, or where the season itself does not keep time."""
    periods = int(np.median([len(column) for column in columns.values])) // season
    if periods < 8:
        return 0
    kept = _correlation(columns, _View(), 4 * season).value
    if kept[4 * season] < _LOCKED * kept[season]:
        return 0
    return _peak(columns, _View(season), 1) or _peak(columns, _View(1, season), season)


def _peak(columns: _Columns, view: _View, every: int) -> int:
    """The shortest lag, in units of `every` blocks, where the correlation peaks and does again at its double; or 0.

    A peak has a valley before it, at most half as high: noise makes small peaks on the slope that begins at lag 0. Lag
    1 is no such valley, for noise in the rows alone makes their changes alternate.
    """
    length = int(np.median([len(column) for column in columns.values])) // (view.block * every)
    most = int(length / _PERIODS)
    if most < 5:
        return 0
    found = _correlation(columns, view, (2 * most + 1) * every)
    value, error = found.value[::every], found.error[::every]
    lags: Ints = np.arange(3, most)
    inner = value[lags]
    twice = np.maximum.reduce([value[2 * lags + shift] for shift in (-1, 0, 1)])
    chance = np.sqrt(2 * np.log(len(lags)))  # the largest of so many normal values, nearly
    bar = np.maximum(_LEAST_SEARCH, (chance + _SIGMAS_SEARCH) * error[lags])
    valley = np.minimum.accumulate(value[2:])[lags - 3]
    peaks = (inner > value[lags - 1]) & (inner >= value[lags + 1]) & (inner >= bar) & (twice >= bar / 2)
    peaks &= 2 * valley <= inner
    if not peaks.any():
        return 0
    strong = peaks & (inner >= 0.7 * inner[peaks].max())
    return int(lags[strong][0])


def _refined(columns: _Columns, lag: int, block: int) -> int:
    """A season of `lag` blocks to the row: where the correlations over one, two, up to eight seasons are highest."""
    kernel = np.ones(block) / block
    filled = [np.where(np.isnan(column), np.nanmedian(column), column) for column in columns.values]
    smooth = [np.convolve(column, kernel, "valid") for column in filled]
    slow = _Columns(tuple(np.cumsum(one[block:] - one[:-block]) for one in smooth), columns.group)
    slack = (lag // 8 + 1) * block
    lengths: Ints = np.arange(lag * block - slack + 1, lag * block + slack)
    shortest = int(np.median([len(column) for column in slow.values]))
    times = range(1, 1 + max(1, min(8, int(shortest / _PERIODS / lengths[-1]))))
    value = _correlation(slow, _View(), times[-1] * int(lengths[-1])).value
    return int(lengths[np.argmax(sum(value[lengths * many] for many in times))])


def _correlation(columns: _Columns, view: _View, most: int) -> _Correlation:
    """Autocorrelation of the view at lags 0 to `most`: the upper quartile of channels, the median of series.

    Where fewer than half of the columns reach a lag it is -1. The error is Bartlett's, from the
    correlation at lags up to a quarter of the lag, where a season does not show yet; it takes the
    channels of one series as one, and n series as telling as sqrt(n) independent ones.
    """
    rows = len(columns.values)
    values, pairs = np.full((rows, most + 1), np.nan), np.zeros((rows, most + 1))
    for row, column in enumerate(columns.values):
        values[row], pairs[row] = _autocorrelation(_clipped(_changes(column, view), 4.0, 0.95), most)
    groups = np.array(columns.group)
    names = np.unique(groups)
    known = 2 * np.isfinite(values).sum(axis=0) >= rows
    middle = np.full(most + 1, -1.0)
    if known.any():
        seen = np.where(np.isfinite(values[:, known]), values[:, known], -1.0)
        middle[known] = np.median([np.quantile(seen[groups == name], _CHANNELS, axis=0) for name in names], axis=0)
    chance = 1 / np.maximum(np.median(pairs, axis=0) * np.sqrt(len(names)), 1e-9)
    squares = np.maximum(middle**2 - chance, 0.0)
    squares[0] = 0.0
    near = np.cumsum(squares)[np.maximum(1, np.arange(most + 1) // 4)]
    return _Correlation(middle, np.sqrt((1 + 2 * near) * chance))


def _changes(column: Array, view: _View) -> Array:
    """From block to block, NaN beside a block that is not known; less those `prior` blocks before."""
    changes = np.diff(_block_means(column, view.block))
    return changes[view.prior :] - changes[: len(changes) - view.prior] if view.prior else changes


def _block_means(column: Array, block: int) -> Array:
    """Means of whole blocks counted from the end, NaN where less than half of a block is observed."""
    if block == 1:
        return column
    blocks = column[len(column) % block :].reshape(-1, block)
    seen = np.isfinite(blocks).sum(axis=1)
    total = np.where(np.isfinite(blocks), blocks, 0.0).sum(axis=1)
    return np.where(2 * seen >= block, total / np.maximum(seen, 1), np.nan)


def _clipped(values: Array, deviations: float, share: float) -> Array:
    """Values around their median, clipped beyond robust `deviations` or above `share` of them, whichever is farther.

    A fault is rare and large, the beat of a heart large but not rare.
    """
    known = np.isfinite(values)
    if not known.any():
        return values
    centred = values - np.median(values[known])
    size = np.abs(centred[known])
    bound = max(deviations * 1.4826 * float(np.median(size)), float(np.quantile(size, share)))
    return np.clip(centred, -bound, bound) if bound > 0 else centred


def _autocorrelation(values: Array, most: int) -> tuple[Array, Array]:
    """Autocorrelation at lags 0 to `most` of values with holes, NaN without 3 pairs; and the number of pairs."""
    correlation, pairs = np.full(most + 1, np.nan), np.zeros(most + 1)
    known = np.isfinite(values)
    if known.sum() < 4:
        return correlation, pairs
    filled = np.where(known, values - values[known].mean(), 0.0)
    size = 1 << int(len(values) + most).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(filled, size)) ** 2, size)[: most + 1]
    counts = np.rint(np.fft.irfft(np.abs(np.fft.rfft(known.astype(np.float64), size)) ** 2, size)[: most + 1])
    variance = products[0] / max(counts[0], 1.0)
    enough = counts >= 3
    if variance > 0:
        correlation[enough] = products[enough] / counts[enough] / variance
    pairs[enough] = counts[enough]
    return correlation, pairs
