"""On which rows settings are validated: origins that roll through the rows before the report part.

    fold 1   learn ............ | stop | judge |
    fold 2   learn ................... | stop  | judge |
                                                       ^ report part: never touched

Each fold is a panel that ends with the last row it may know. The newest fold comes first: a trial that is bad there is
given up.
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
    found = []
    for number in range(count):
        splits = tuple(_split(one, horizon, (number, count)) for one in rows)
        if any(splits):
            known = [split.report if split else 0 for split in splits]
            found.append(_fold(panel, splits, known, horizon))
    if not found:
        raise DataError(f"too few rows to tune with a horizon of {horizon}: {max(rows, default=0)} before the report "
                        "part", file=file, mend="give more rows or a shorter --horizon")
    return found


def _fold(panel: Panel, splits: tuple[Split | None, ...], known: list[int], horizon: int) -> Fold:
    """The series that have a part in a fold, and nothing of what comes after it."""
    there = [place for place, split in enumerate(splits) if split]
    some = replace(panel, series=tuple(panel.series[place] for place in there))
    return Fold(known_only(some, [known[place] for place in there], horizon),
                tuple(splits[place] for place in there))


def _split(rows: int, horizon: int, place: tuple[int, int]) -> Split | None:
    """The parts of a series in fold `place`, its number from the newest and how many; None where it is too short."""
    later, count = place
    part = max(horizon, min(max(2 * horizon, rows // 10), int((1 - LEAST_FIT) * rows) // (count + 1)))
    stop = rows - later * part
    fit = stop - 2 * part
    if fit < max(horizon + 1, int(LEAST_FIT * rows) if later else 1):
        return None
    return Split(fit, stop - part, stop - part, stop)
