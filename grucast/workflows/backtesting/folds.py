"""Which rows a backtest learns from and which it forecasts: the parts of every series, one fold a training.

A *fold* is a training and the windows forecast with it. Whatever a fold learns from lies before the first row that
it forecasts, and it is given nothing else: `known_only` takes the later values out of the panel itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.config import TrainOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.series import Panel, Series
from grucast.evaluation.folds import Parts, origins
from grucast.preprocessing.frequency import default_horizon
from grucast.preprocessing.seasons import find_seasons
from grucast.preprocessing.sources import length_known, length_passed
from grucast.preprocessing.splits import Split, split_by_time

ANY_SEASON = (10**9,)


@dataclass(frozen=True, slots=True)
class Rolling:
    """What was asked for: the parts (None: those of `train`), rows between origins (None: 1, or a horizon), refits."""

    splits: Parts | None = None
    step: int | None = None
    refit: str = "never"


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One training: the parts of each series, which end with the `known` rows (S,), and the origins forecast with it.

    A series without parts (None) is too short to be learned from and judged.
    """

    splits: tuple[Split | None, ...]
    known: Ints
    origin: tuple[Ints, ...]

    def windows(self) -> tuple[Ints, Ints]:
        """Series and origin of every window, (N,) each, series after series."""
        counts = [len(one) for one in self.origin]
        return np.repeat(np.arange(len(counts)), counts), np.concatenate(self.origin)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A backtest, settled before anything is learned; `panel` ends with the last row used.

    `fit` is (S,), the rows of each series' training part; `stop` (S,) the row after its last target. Where `anew`,
    the weights that forecast were trained on all rows before the origin, else on the training part only.
    """

    panel: Panel
    horizon: int
    seasons: tuple[int, ...]
    step: int
    folds: tuple[Fold, ...]
    fit: Ints
    stop: Ints
    anew: bool

    @property
    def windows(self) -> int:
        """Windows of all folds."""
        return sum(len(one) for fold in self.folds for one in fold.origin)

    def judged(self) -> list[bool]:
        """Whether each series has a window."""
        return [any(len(fold.origin[place]) for fold in self.folds) for place in range(len(self.panel.series))]


def plan_folds(panel: Panel, rolling: Rolling, options: TrainOptions, *, file: str = "") -> Plan:
    """The folds of a panel on its grid. Seasons and horizon come from rows before the first origins.

    Errors: UsageError for parts that do not hold a horizon; DataError where no series has a window to forecast.
    """
    if rolling.splits is not None:
        panel = _shortened(panel, rolling.splits.stop)
    lengths = [length_known(one) for one in panel.series]
    shortest = min((rows for rows in lengths if rows), default=1)
    longest = options.window.horizon or default_horizon(panel.freq, ANY_SEASON, shortest)
    seasons = _seasons(panel, options, _parts(panel, rolling, longest, options))
    horizon = options.window.horizon or default_horizon(panel.freq, seasons, shortest)
    if rolling.splits is not None:
        _check_parts(rolling.splits, horizon)
    parts = _parts(panel, rolling, horizon, options)
    step = rolling.step or (1 if rolling.refit == "never" else horizon)
    if rolling.splits is not None and max(map(length_passed, panel.series)) < rolling.splits.stop:
        raise DataError(f"--splits asks for {rolling.splits.stop} rows, and there are "
                        f"{max(map(length_passed, panel.series))}", file=file, mend="give more rows or smaller parts")
    starts = [origins(part.calibration, part.report, horizon, step=step) if part else _none() for part in parts]
    if not any(map(len, starts)):
        raise DataError(_nothing(rolling, horizon, max(lengths, default=0)), file=file,
                        mend="give more rows, other --splits or a shorter --horizon")
    folds = (_fold(panel, parts, starts, 0),) if rolling.refit == "never" else tuple(
        _fold(panel, parts, [one[number : number + 1] for one in starts], number * step)
        for number in range(max(map(len, starts))))
    fit = np.array([part.fit if part else rows for part, rows in zip(parts, lengths, strict=True)], dtype=np.int64)
    stop = np.array([part.report if part else rows for part, rows in zip(parts, lengths, strict=True)], dtype=np.int64)
    anew = rolling.splits is None or rolling.splits.fit == rolling.splits.test
    return Plan(panel, horizon, seasons, step, folds, fit, stop, anew)


def known_only(panel: Panel, known: Sequence[int] | Ints, horizon: int) -> Panel:
    """`panel` with nothing but what is known after `known[n]` rows of series n.

    Later rows are gone; where covariates are known ahead, those of the next `horizon` rows stay, without a value.
    """
    return replace(panel, series=tuple(_until(one, int(rows), horizon)
                                       for one, rows in zip(panel.series, known, strict=True)))


def _until(one: Series, rows: int, horizon: int) -> Series:
    if not one.known.shape[1]:
        return one.rows(0, rows)
    ahead = one.rows(0, rows + horizon)
    later = np.arange(len(ahead)) >= rows
    return replace(ahead, y=np.where(later[:, None], np.nan, ahead.y), observed=ahead.observed & ~later[:, None],
                   past=np.where(later[:, None], np.nan, ahead.past), label=None)


def _shortened(panel: Panel, rows: int) -> Panel:
    """The first `rows` rows of each series, and covariates known ahead behind them."""
    return known_only(panel, [rows] * len(panel.series), rows) if panel.layout.columns.known else replace(
        panel, series=tuple(one.rows(0, rows) for one in panel.series))


def _parts(panel: Panel, rolling: Rolling, horizon: int, options: TrainOptions) -> list[Split | None]:
    """Fit, validation and calibration part of each series before its test part, which is [calibration, report)."""
    context = options.window.context_length or 1
    if rolling.splits is None:
        return [_before(split_by_time(length_known(one), horizon, context)) for one in panel.series]
    fit, test, stop = rolling.splits.fit, rolling.splits.test, rolling.splits.stop
    inside = split_by_time(fit, horizon, context) if fit == test else Split(fit, test, test, test)
    if inside is None:
        raise UsageError(f"--splits: {fit} rows are too few to hold some out for a horizon of {horizon}")
    return [_capped(Split(inside.fit, inside.validation, test, stop), length_passed(one)) for one in panel.series]


def _capped(split: Split, rows: int) -> Split:
    """The parts of a series that has only `rows` rows."""
    return Split(min(split.fit, rows), min(split.validation, rows), min(split.calibration, rows),
                 min(split.report, rows))


def _before(split: Split | None) -> Split | None:
    """The parts of `train`, the calibration never being the test part."""
    return split and Split(split.fit, split.validation, split.report_rows[0], split.report)


def _fold(panel: Panel, parts: Sequence[Split | None], origin: Sequence[Ints], later: int) -> Fold:
    """The fold whose parts end `later` rows later than the first one's, at most with their series."""
    splits: list[Split | None] = []
    known = []
    for one, part in zip(panel.series, parts, strict=True):
        if part is None:
            splits.append(None)
            known.append(length_known(one))
            continue
        stop = min(part.calibration + later, part.report)
        splits.append(Split(min(part.fit + later, stop), min(part.validation + later, stop), stop, stop))
        known.append(stop)
    return Fold(tuple(splits), np.array(known, dtype=np.int64), tuple(origin))


def _seasons(panel: Panel, options: TrainOptions, parts: Sequence[Split | None]) -> tuple[int, ...]:
    """The seasons asked for (1 is none), or found in the rows before the first origins."""
    if options.window.season:
        return tuple(season for season in options.window.season if season > 1)
    early = tuple(one.rows(0, part.calibration) if part else one for one, part in zip(panel.series, parts, strict=True))
    return find_seasons(replace(panel, series=early))


def _check_parts(parts: Parts, horizon: int) -> None:
    """UsageError where a part cannot hold a window."""
    for name, rows in (("validation", parts.test - parts.fit), ("test", parts.stop - parts.test)):
        if rows < horizon and (rows or name == "test"):
            raise UsageError(f"--splits: the {name} part of {rows} rows is shorter than the horizon of {horizon}")


def _nothing(rolling: Rolling, horizon: int, rows: int) -> str:
    """Why there is no window."""
    if rolling.splits is None:
        return f"nothing can be held out of {rows} rows with a horizon of {horizon}"
    return (f"the first forecast begins after {rolling.splits.test} rows and needs {horizon} more, and the longest "
            f"series has {rows}")


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)
