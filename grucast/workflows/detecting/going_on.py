"""A series from run to run: rows that came since are scored as they would be in one run over all rows.

New rows are pushed into the machine that the last run left. A row that comes late, or again with another value, is put
where it belongs, and the rows from there on are scored once more from a machine that was kept from before: what is
said from now on is what a run over the whole file would say. Two such machines are kept, so that there always is one
before every row that may still change; older rows are corrected in the context and not scored again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.errors import DataError, InternalError
from grucast.preprocessing.grid import steps_between
from grucast.workflows.detecting.arrived import Arrived, Axis, Counts, fresh_rows, refuse_unknown
from grucast.workflows.detecting.arrived import rows_passed as rows_that_passed
from grucast.workflows.detecting.kept import ABSENT, LATE, REVISED, Kept, differs
from grucast.workflows.detecting.machine import Maker, rows_passed, static_of, unpack_machine
from grucast.workflows.detecting.ring import Ring, Snapshots, known_of, machine_of


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A series as the last run left it. `kept` may be fewer rows than are kept, but has a context of them."""

    unique_id: str
    begin: Any  # its first stamp
    kept: Kept
    snapshots: Snapshots | None  # None for a series that is new


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How a job goes on: what makes machines, how many rows late a row may come, the axis of the data."""

    maker: Maker
    lateness: int
    axis: Axis


@dataclass(frozen=True, slots=True, eq=False)
class Continued:
    """A series after a run: rows with what was said of them, the lines (T,) of those to be told of, 0 for others.

    Rows before `changed` are as they were.
    """

    unique_id: str
    begin: Any
    kept: Kept
    line: Ints
    changed: int
    snapshots: Snapshots
    counts: Counts


def go_on(known: Known, arrived: Arrived, way: Way) -> Continued:
    """The series with the rows that arrived. DataError for a stamp off the grid or alone in a far future."""
    window = _Window(known, way, static_now(known, arrived, way))
    last = known.kept.ds[-1] if len(known.kept) else None
    later = np.ones(len(arrived.ds), dtype=bool) if last is None else np.asarray(arrived.ds > last)
    for row in np.flatnonzero(~later).tolist():
        window.take_again(arrived, row)
    fresh, line = fresh_rows(arrived.rows(later), last, known.begin, way.axis, window.counts)
    fresh, line, ahead = _parted(fresh, line, way, (way.axis.file, known.unique_id))
    window.counts.new = int((line > 0).sum())
    return window.score(fresh, line, ahead)


def _parted(fresh: Kept, line: Ints, way: Way, whose: tuple[str, str]) -> tuple[Kept, Ints, Array]:
    """The rows that passed, their lines, and the covariates known ahead of those that did not (R, K)."""
    names = way.maker.columns.known
    stop = rows_that_passed(fresh, len(names))
    ahead = fresh.past[stop:, len(way.maker.columns.past) :]
    if names:
        refuse_unknown(ahead, names, way.maker.watchman.model[0].window.horizon, whose)
    return fresh.rows(0, stop), line[:stop], ahead


def ahead_of(arrived: Arrived, last: Any, way: Way) -> Array:
    """The covariates known ahead (R, K) of the rows after the stamp `last`."""
    later = arrived.rows(np.asarray(arrived.ds > last))
    fresh, _ = fresh_rows(later, last, arrived.ds[0], way.axis, Counts())
    return fresh.past[:, len(way.maker.columns.past) :]


def static_now(known: Known, arrived: Arrived, way: Way) -> Array:
    """The covariates (S,) of a series: those it had, and new ones where it had none. DataError where one changed."""
    if known.snapshots is None or not len(arrived.static):
        return arrived.static
    before, now = static_of(known.snapshots.current), arrived.static
    for name, old, new in zip(way.maker.columns.static, before, now, strict=True):
        if new != old and not np.isnan(old) and not np.isnan(new):
            raise DataError(f"{new:.15g} after {old:.15g}: not constant in series {known.unique_id!r}",
                            file=way.axis.file, column=name, mend="correct it, or name another --state")
    return np.where(np.isnan(before), now, before)


class _Window:
    """The kept rows of one series while a run works on them."""

    def __init__(self, known: Known, way: Way, static: Array) -> None:
        self.known, self.way, self.static, self.counts = known, way, static, Counts()
        self.kept = replace(known.kept, ds=known.kept.ds.copy(), data=known.kept.data.copy())
        self.line = np.zeros(len(self.kept), dtype=np.int64)
        self.passed = 0 if known.snapshots is None else rows_passed(known.snapshots.current)
        self.offset = self.passed - len(self.kept)  # number of the first kept row
        self.touched = self.again = len(self.kept)  # the first row with another value; and to be scored again
        own = known.snapshots
        held = () if own is None else (own.settled, own.earlier)
        rows = [rows_passed(one) for one in held if one is not None]
        self.reach = min(rows, default=self.passed)  # number of the first row that can be scored again

    def take_again(self, arrived: Arrived, row: int) -> None:
        """Put a row that is not later than the last one where it belongs."""
        at, there = self._place(arrived, row)
        y, past = arrived.y[row], arrived.past[row]
        if there and not self.kept.flags[at] & ABSENT and not differs(self.kept, at, y, past):
            self.counts.repeated += 1
            return
        in_time = 0 <= at >= self.reach - self.offset and len(self.kept) - at <= self.way.lateness
        if there or in_time:
            self._put(at, there, arrived, row)
        if not in_time:
            self.counts.too_late += 1
            return
        self.again, self.line[at] = min(self.again, at), arrived.line[row]
        if self.kept.flags[at] & REVISED:
            self.counts.revised += 1
        else:
            self.counts.late += 1

    def _put(self, at: int, there: bool, arrived: Arrived, row: int) -> None:
        """Write the values of a row into row `at`, or before it where it is not there."""
        if not there:
            self.kept, self.line = self.kept.with_gap(at, arrived.ds[row]), np.insert(self.line, at, 0)
        before = int(self.kept.flags[at])
        self.kept.correct(at, arrived.ds[row], (arrived.y[row], arrived.past[row]),
                          LATE if before & ABSENT else before | REVISED)
        self.touched = min(self.touched, at)

    def _place(self, arrived: Arrived, row: int) -> tuple[int, bool]:
        """Which kept row a row is, -1 for one before them; or before which row it stands that is not there."""
        ds, kept, axis = arrived.ds[row], self.kept.ds, self.way.axis
        at = int(np.searchsorted(kept, ds))
        if at < len(kept) and kept[at] == ds:
            return at, True
        if not axis.regular:
            return (-1 if at == 0 < self.offset else at), False
        try:
            at = len(kept) - 1 + steps_between(kept[-1], ds, axis.clock)
        except ValueError as error:
            raise axis.off(str(error), arrived.line[row]) from error
        return (at, True) if at >= 0 else (-1, False)

    def score(self, fresh: Kept, line: Ints, ahead: Array) -> Continued:
        """Push the rows that are new, and before them those that have to be scored again."""
        whole = self.kept.followed_by(fresh)
        ring = self._ring(whole)
        follower = ring.machine.follower
        follower.beside = replace(follower.beside, static=self.static)
        follower.look_ahead(known_of(whole, self.way.maker, ahead), self.offset)
        start = ring.machine.row - self.offset
        ring.machine.look_back(whole.ds[:start], whole.y[:start], whole.past[:start])
        ring.push(whole, start)
        begin = whole.ds[0] if self.known.snapshots is None else self.known.begin
        return Continued(self.known.unique_id, begin, whole, np.concatenate([self.line, line]),
                         min(self.touched, start), ring.snapshots(), self.counts)

    def _ring(self, whole: Kept) -> Ring:
        """The machines, the foremost of them at or before the first row that is to be scored."""
        own, way, uid = self.known.snapshots, self.way, self.known.unique_id
        if own is None or (not way.maker.knows(uid) and self.passed < way.maker.context):
            return Ring(machine_of(whole, (uid, self.static), way.maker), way.lateness)  # its scale is not settled yet
        first = self.offset + self.again
        if first >= self.passed:
            return Ring(unpack_machine(own.current, way.maker, uid), way.lateness, own.earlier, own.settled)
        if own.earlier is not None and rows_passed(own.earlier) <= first:
            return Ring(unpack_machine(own.earlier, way.maker, uid), way.lateness, own.earlier, own.settled)
        if own.settled is None:
            raise InternalError("a row is to be scored again that no machine reaches")
        return Ring(unpack_machine(own.settled, way.maker, uid), way.lateness, own.settled)
