"""On which rows settings are validated: origins that roll through the rows before the report part.

    further  learn .. | stop | judge |
    fold 2   learn ........ | stop  | judge |
    fold 1   learn ................ | stop  | judge |
                                                    ^ report part: never touched

Each fold is a panel that ends with the last row it may know. The newest fold comes first: a trial that is bad there is
given up. Further folds are those of the finalists, on rows before the ones that all trials were judged on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grucast.core.config import TrainOptions
from grucast.core.errors import DataError
from grucast.core.series import Panel
from grucast.preprocessing.sources import length_known
from grucast.preprocessing.splits import Split, split_by_time
from grucast.workflows.backtesting.folds import known_only

LEAST_FIT = 0.4  # of the rows before the report part


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A panel and the parts of each series: fit, validation (when to stop), and last the rows that are judged."""

    panel: Panel
    splits: tuple[Split | None, ...]


def before_report(panel: Panel, options: TrainOptions, horizon: int) -> list[int]:
    """Rows of each series before its report part; 0 where nothing could be held out of them."""
    context = options.window.context_length or 1
    parts = [split_by_time(length_known(one), horizon, context) for one in panel.series]
    return [split.report_rows[0] if split else 0 for split in parts]


def folds_of(panel: Panel, rows: Sequence[int], horizon: int, count: int, *, file: str = "") -> list[Fold]:
    """Up to `count` folds of the first `rows[n]` rows of each series, the newest first.

    Origins are a part apart, a tenth of the rows or two horizons, less for short series. DataError where not even one
    fold has rows to learn from, to stop by and to be judged by.
    """
    found = [_fold(panel, splits, horizon) for number in range(count)
             if any(splits := tuple(_split(one, horizon, (number, count)) for one in rows))]
    if not found:
        raise DataError(f"too few rows to tune with a horizon of {horizon}: {max(rows, default=0)} before the report "
                        "part", file=file, mend="give more rows or a shorter --horizon")
    return found


def further_folds(panel: Panel, rows: Sequence[int], horizon: int, *, origins: int, most: int) -> list[Fold]:
    """Up to `most` folds before those that `folds_of` gives for `origins`, the newest first; none for short series.

    Parts are as long as those, or less, down to one horizon, so that more of them fit into the rows.
    """
    return [_fold(panel, splits, horizon) for number in range(most)
            if any(splits := tuple(_earlier(one, horizon, origins, (number, most)) for one in rows))]


def _fold(panel: Panel, splits: tuple[Split | None, ...], horizon: int) -> Fold:
    """The series that have a part in a fold, and nothing of what comes after it."""
    known = [split.report if split else 0 for split in splits]
    there = [place for place, split in enumerate(splits) if split]
    some = replace(panel, series=tuple(panel.series[place] for place in there))
    return Fold(known_only(some, [known[place] for place in there], horizon),
                tuple(splits[place] for place in there))


def _split(rows: int, horizon: int, place: tuple[int, int]) -> Split | None:
    """The parts of a series in fold `place`, its number from the newest and how many; None where it is too short."""
    later, count = place
    part = _part(rows, horizon, count)
    return _ending(rows - later * part, part, max(horizon + 1, int(LEAST_FIT * rows) if later else 1))


def _earlier(rows: int, horizon: int, origins: int, place: tuple[int, int]) -> Split | None:
    """The parts of a series in further fold `place`, before its up to `origins` folds; None where it is too short."""
    number, most = place
    before = [split.validation for fold in range(origins) if (split := _split(rows, horizon, (fold, origins)))]
    if not before:
        return None
    room = before[-1] - int(LEAST_FIT * rows)
    part = max(horizon, min(_part(rows, horizon, origins), room // (most + 1)))
    return _ending(before[-1] - number * part, part, max(horizon + 1, int(LEAST_FIT * rows)))


def _part(rows: int, horizon: int, count: int) -> int:
    """Rows that are judged in each of `count` folds."""
    return max(horizon, min(max(2 * horizon, rows // 10), int((1 - LEAST_FIT) * rows) // (count + 1)))


def _ending(stop: int, part: int, least: int) -> Split | None:
    """Two parts before row `stop` and what is left to learn from; None where that is fewer than `least` rows."""
    fit = stop - 2 * part
    return Split(fit, stop - part, stop - part, stop) if fit >= least else None
