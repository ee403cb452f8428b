"""The last rows of a series and what was said of them, as a job keeps them from run to run.

They are what the network looks back on, what rows that come again are compared with, and what an event is told from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.artifacts.state_arrays import DAMAGED, pack_row, unpack_rows
from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.errors import ModelError
from grucast.core.results import RowScores
from grucast.core.series import STAMP, Series
from grucast.detection.events import Event
from grucast.workflows.detecting.machine import Verdict
from grucast.workflows.detecting.table import Judged

# flags of a row: the file has not had it; it came late; its value was corrected; it comes after large errors
ABSENT, LATE, REVISED, DOUBTED = 1, 2, 4, 8
FLAG, SCORE, THRESHOLD, P_VALUE, CAUSE, FIRST = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """T rows in order of time: `ds` (T,), and `data` (T, 5 + 5 C + P), the columns of which the properties name."""

    ds: Stamps
    data: Array
    channels: int
    past_columns: int

    def __len__(self) -> int:
        return len(self.ds)

    def _columns(self, start: int, count: int) -> Array:
        return self.data[:, FIRST + start : FIRST + start + count]

    @property
    def y(self) -> Array:
        """(T, C), NaN where missing."""
        return self._columns(0, self.channels)

    @property
    def past(self) -> Array:
        """(T, P)."""
        return self._columns(self.channels, self.past_columns)

    @property
    def share(self) -> Array:
        """(T, C) of the score."""
        return self._columns(self.channels + self.past_columns, self.channels)

    @property
    def expected(self) -> Array:
        """(T, C, 3): lowest quantile, median, highest."""
        return self._columns(2 * self.channels + self.past_columns, 3 * self.channels).reshape(-1, self.channels, 3)

    @property
    def flags(self) -> Ints:
        """(T,)."""
        return self.data[:, FLAG].astype(np.int64)

    @property
    def score(self) -> Array:
        """(T,)."""
        return self.data[:, SCORE]

    @property
    def threshold(self) -> Array:
        """(T,)."""
        return self.data[:, THRESHOLD]

    def rows(self, start: int, stop: int | None = None) -> Kept:
        """Rows start to stop, not included."""
        return replace(self, ds=self.ds[start:stop], data=self.data[start:stop])

    def followed_by(self, other: Kept) -> Kept:
        """These rows and then the others."""
        return replace(self, ds=np.concatenate([self.ds, other.ds]), data=np.concatenate([self.data, other.data]))

    def with_gap(self, at: int, ds: Any) -> Kept:
        """With a row more before row `at`, as if it had been missing."""
        row = np.full(self.data.shape[1], np.nan)
        row[FLAG], row[CAUSE] = ABSENT, 0.0
        return replace(self, ds=np.insert(self.ds, at, ds), data=np.insert(self.data, at, row, axis=0))

    def correct(self, at: int, ds: Any, values: tuple[Array, Array], flag: int) -> None:
        """Give row `at` other values, y (C,) and past (P,); what was said of it stays until it is scored again."""
        self.ds[at], self.data[at, FLAG] = ds, flag
        self.y[at], self.past[at] = values

    def say(self, at: int, said: Verdict) -> None:
        """Write down what was said of row `at`."""
        row = self.data[at]
        row[FLAG] = int(row[FLAG]) & ~DOUBTED | DOUBTED * said.doubted
        row[SCORE : FIRST] = said.score, said.threshold, said.p_value, said.cause
        start = FIRST + self.channels + self.past_columns
        row[start : start + self.channels] = said.share
        row[start + self.channels :] = said.expected.reshape(-1)


def width_of(channels: int, past: int) -> int:
    """The numbers that are kept of a row."""
    return FIRST + 5 * channels + past


def nothing_kept(dtype: npt.DTypeLike, channels: int, past: int) -> Kept:
    """No rows."""
    return Kept(np.zeros(0, dtype=dtype), np.zeros((0, width_of(channels, past))), channels, past)


def unsaid(ds: Stamps, y: Array, past: Array, flags: Ints) -> Kept:
    """Rows of which nothing has been said: (T,), (T, C), (T, P), (T,)."""
    rows, channels = y.shape
    data = np.full((rows, width_of(channels, past.shape[1])), np.nan)
    data[:, FLAG], data[:, CAUSE] = flags, 0.0
    data[:, FIRST : FIRST + channels] = y
    data[:, FIRST + channels : FIRST + channels + past.shape[1]] = past
    return Kept(ds, data, channels, past.shape[1])


def kept_of(judged: Judged, start: int) -> Kept:
    """What a run over a whole series said, from row `start` on."""
    series, scores = judged.series, judged.scores
    part = slice(start, len(scores.score))
    y = np.where(series.observed, series.y, np.nan)
    both = np.concatenate([series.past, series.known], axis=1)
    out = unsaid(series.ds[part], y[part], both[part], np.where(series.line[part] > 0, 0, ABSENT))
    if scores.doubted is not None:
        out.data[:, FLAG] += DOUBTED * scores.doubted[part]
    for column, values in ((SCORE, scores.score), (THRESHOLD, judged.threshold), (P_VALUE, judged.p_value),
                           (CAUSE, judged.cause)):
        out.data[:, column] = values[part]
    out.share[:] = scores.share[part]
    out._columns(2 * out.channels + out.past_columns, 3 * out.channels)[:] = (
        scores.expected[part].reshape(len(out), -1))
    return out


def judged_of(kept: Kept, unique_id: str, line: Ints, events: list[Event]) -> Judged:
    """The rows as a run over a file would have judged them; `line` (T,) is 0 for those that are not told of."""
    nothing = np.zeros(len(kept), dtype=np.float32), np.zeros(len(kept), dtype=np.int16)
    series = Series(unique_id, kept.ds, kept.y, np.isfinite(kept.y), np.zeros((len(kept), 0)), kept.past, np.zeros(0),
                    line)
    scores = RowScores(unique_id, kept.ds, kept.y, kept.expected, kept.score, kept.share, nothing[0], nothing[0],
                       (nothing[1], nothing[1]), flagged(kept, DOUBTED))
    return Judged(series, scores, kept.threshold, kept.data[:, P_VALUE], events, kept.data[:, CAUSE].astype(np.int8))


def differs(kept: Kept, at: int, y: Array, past: Array) -> bool:
    """Whether a row has other values than these."""
    return not (np.array_equal(kept.y[at], y, equal_nan=True) and np.array_equal(kept.past[at], past, equal_nan=True))


def flagged(kept: Kept, flag: int) -> Mask:
    """Which rows (T,) have that flag."""
    return (kept.flags & flag) > 0


# ---- in the state --------------------------------------------------------------------------------


def on_axis_of_table(ds: Any) -> int | float:
    """A point of the time axis as the tables have it."""
    if isinstance(ds, np.datetime64):
        return int(ds.astype(STAMP).astype(np.int64))
    return float(ds)


def points(values: Sequence[Any], dtype: npt.DTypeLike) -> Stamps:
    """Points of the time axis that the tables have, (N,). ModelError for what is none."""
    try:
        return np.array(values, np.int64).astype(STAMP) if dtype == STAMP else np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(DAMAGED.format(f"a stamp in it is none ({error})")) from error


def records(kept: Kept, number: int) -> list[tuple[Any, ...]]:
    """The records of table `kept` for series `number`."""
    return [(number, on_axis_of_table(ds), pack_row(row)) for ds, row in zip(kept.ds, kept.data, strict=True)]


def from_records(found: list[tuple[Any, ...]], empty: Kept) -> Kept:
    """The rows of (ds, data) records in order of time; `empty` says of what kind they are. ModelError: damaged."""
    data = unpack_rows([row for _, row in found], empty.data.shape[1])
    return replace(empty, ds=points([at for at, _ in found], empty.ds.dtype), data=data)
