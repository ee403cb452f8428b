"""The stamps of a stream, one by one, on the time axis of a model's data.

What `joining.instants` and `zones.to_axis` do for the rows of a file, with what has been seen so far
in place of what comes later. No pandas: a job that runs for weeks starts in an instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from grucast.core.errors import DataError
from grucast.core.series import Layout
from grucast.data.line_cells import Cell
from grucast.data.numbers import NumberStyle, parse_number
from grucast.data.stamps import DAY, MINUTE, NO_OFFSET
from grucast.data.table import word_moments
from grucast.data.zones import check_zone, offset_minutes

EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
LIMIT = 2**62  # microseconds: stamps beyond are no time
_START, _TICK = datetime(1970, 1, 1), timedelta(microseconds=1)

Wrong = Callable[..., DataError]  # makes the error of the row that is being read


@dataclass(slots=True)
class _Doubled:
    """The hour that one series has twice: where it began, its stamps so far, and whether it runs again."""

    at: int
    seen: set[int] = field(default_factory=set)
    again: bool = False


class LineTimes:
    """Reads the time of each row. `after` has the last point of the axis that each series has had already."""

    def __init__(self, layout: Layout, style: NumberStyle, *, first_row: int, after: Mapping[str, Any]) -> None:
        self._columns, self._clock, self._style = layout.columns, layout.clock, style
        self._after, self._first_row = after, first_row
        self._next: dict[str, int] = {}  # the number of the next row of each series, without a time column
        self._with_offset: bool | None = None
        self._doubled: dict[str, _Doubled] = {}
        tz = check_zone(layout.clock.tz) if layout.clock.tz else ""
        self._fixed = offset_minutes(tz) if tz else 0
        self._zone = ZoneInfo(tz) if self._fixed is None else None

    def read(self, cells: Sequence[Cell], unique_id: str, blank: int, wrong: Wrong) -> Any:
        """The point of the time axis in `cells`: datetime64[us], or float where the axis is a number.

        Without a time column rows are counted, the `blank` lines before this one included. A missing
        stamp, one that is no time or that the zone does not have: the error that `wrong` makes.
        """
        if not self._columns.time:
            return self._count(unique_id, blank)
        kind = self._clock.kind
        if kind == "stamp":
            return np.datetime64(self._stamp(cells, unique_id, wrong), "us")
        value = number_of(cells[0], self._style)
        if value is None or np.isnan(value):
            raise self._no_time(cells, wrong)
        if kind not in EPOCHS:
            return value
        exact = value * EPOCHS[kind]
        if abs(exact) >= LIMIT:
            raise self._no_time(cells, wrong)
        return np.datetime64(round(exact), "us")

    def _count(self, unique_id: str, blank: int) -> float:
        """The number of this row of its series."""
        if unique_id not in self._next:
            last = self._after.get(unique_id)
            self._next[unique_id] = self._first_row if last is None else int(last) + 1
        row = self._next[unique_id] + blank
        self._next[unique_id] = row + 1
        return float(row)

    def _stamp(self, cells: Sequence[Cell], unique_id: str, wrong: Wrong) -> int:
        """Microseconds since 1970 of a stamp: UTC where a zone is known."""
        text = ""
        for cell in cells:
            text = f"{text} {text_of(cell).strip()}".strip()
        found = word_moments([text], self._clock.format)
        if not found.ok[0]:
            raise self._no_time(cells, wrong)
        us = int(found.us[0])
        offset = NO_OFFSET if found.offset is None else int(found.offset[0])
        self._refuse_other_kind(offset != NO_OFFSET, wrong)
        if offset != NO_OFFSET:
            return us - offset * MINUTE
        return us - self._fixed * MINUTE if self._fixed is not None else self._localize(us, unique_id, wrong)

    def _no_time(self, cells: Sequence[Cell], wrong: Wrong) -> DataError:
        cell = " ".join(text_of(one).strip() for one in cells).strip()
        said = "the stamp is missing" if cell in self._style.missing else f"{cell!r} is not a time"
        return wrong(said, column=self._columns.time[0], mend="mend the cell, or say the --time-format")

    def _refuse_other_kind(self, has: bool, wrong: Wrong) -> None:
        """All stamps have UTC offsets, or none; the first row says."""
        if self._with_offset is not None and has != self._with_offset:
            raise wrong("the stamp has a UTC offset, the others have none" if has
                        else "the stamp has no UTC offset, the others have one", mend="write all stamps alike")
        if has and not self._clock.tz:
            raise wrong("the stamps have UTC offsets, those the model learned from had none",
                        mend="write local stamps, or train anew")
        self._with_offset = has

    def _localize(self, us: int, unique_id: str, wrong: Wrong) -> int:
        """A local stamp as an instant in the zone; one that the clock skips in spring is an error."""
        try:
            wall = (_START + timedelta(microseconds=us)).replace(tzinfo=self._zone)
        except OverflowError:
            raise wrong("the stamp is beyond the year 9999", column=self._columns.time[0], mend="mend it") from None
        first, second = (us - _microseconds(wall.replace(fold=fold)) for fold in (0, 1))
        if first > second:  # in a gap the offset after it is the larger one
            text = np.datetime_as_string(np.datetime64(us, "us"), unit="s")
            raise wrong(f"{text} does not exist in {self._clock.tz}: the clock skips it",
                        mend="mend the stamp or --tz")
        return first if first == second else self._in_order(us, first, second, unique_id)

    def _in_order(self, us: int, first: int, second: int, unique_id: str) -> int:
        """The instant of a stamp that comes twice in autumn: the second one when its series is that far.

        That is when the series has had the first one already, or had another stamp of the hour twice.
        """
        last = self._after.get(unique_id)
        if last is not None and last >= np.datetime64(first, "us"):
            return second
        hour = self._doubled.get(unique_id)
        if hour is None or abs(us - hour.at) > DAY:
            hour = self._doubled[unique_id] = _Doubled(us)
        hour.again = hour.again or us in hour.seen
        hour.seen.add(us)
        return second if hour.again else first


def number_of(cell: Cell, style: NumberStyle) -> float | None:
    """The number in a cell, NaN where it is missing, None where it is none or infinite."""
    if isinstance(cell, str):
        if cell.strip() in style.missing:
            return np.nan
        value = parse_number(cell, style)
    else:
        try:
            value = float(cell)
        except OverflowError:  # an int of more than 308 digits
            return None
    if value is None or value - value != 0.0:
        return None
    return np.nan if value in style.absent else value


def text_of(cell: Cell) -> str:
    """What stands in a cell."""
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)


def _microseconds(wall: datetime) -> int:
    """The UTC offset of a local time."""
    offset = wall.utcoffset()
    return 0 if offset is None else offset // _TICK
