"""The machine of a series, and two that it left behind: so that rows which come late can be scored in their place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array
from grucast.core.series import Series
from grucast.detection.verdict import CAUSES, Seen
from grucast.workflows.detecting.kept import Kept, kept_of
from grucast.workflows.detecting.machine import Machine, Maker, pack_machine, rows_passed
from grucast.workflows.detecting.table import Judged


@dataclass(frozen=True, slots=True, eq=False)
class Snapshots:
    """Machines as bytes: after the last row, and two from before it for rows that come late."""

    current: bytes
    earlier: bytes | None = None
    settled: bytes | None = None


class Ring:
    """A machine that goes from row to row and leaves two of itself behind, at least `lateness` rows apart."""

    def __init__(self, machine: Machine, lateness: int, earlier: bytes | None = None,
                 settled: bytes | None = None) -> None:
        self.machine, self.lateness, self.earlier, self.settled = machine, lateness, earlier, settled
        self.left = None if earlier is None else rows_passed(earlier)

    def leave(self) -> None:
        """Before each row: leave a copy, where the last one is far enough behind."""
        if self.lateness and (self.left is None or self.machine.row - self.left >= self.lateness):
            self.settled, self.earlier, self.left = self.earlier, pack_machine(self.machine), self.machine.row

    def push(self, kept: Kept, start: int) -> None:
        """Score the rows from `start` on, and write down what is said of them."""
        y, past = kept.y, kept.past
        for at in range(start, len(kept)):
            self.leave()
            kept.say(at, self.machine.push(kept.ds[at], y[at], past[at]))

    def snapshots(self) -> Snapshots:
        """What the next run goes on from."""
        return Snapshots(pack_machine(self.machine), self.earlier, self.settled)


# ---- where they begin ----------------------------------------------------------------------------


def begin(judged: Judged, maker: Maker, lateness: int, seen: Seen) -> tuple[Kept, Snapshots]:
    """What a run that scored all rows of a series together leaves to the next one.

    `seen` is what the judges saw of each row: the rules learn from those, not from what a machine finds that begins
    in the middle.
    """
    series, values = judged.series, dict(zip(CAUSES, seen, strict=True))
    start = max(0, len(seen.score) - maker.rows_kept(lateness)) // maker.stride * maker.stride
    machine = maker.fresh(series.unique_id, maker.scale_of(series), series.static, row=start)
    machine.follower.look_ahead(series.known, 0)
    machine.learn({name: value[:start].tolist() for name, value in values.items()})
    kept, ring = kept_of(judged, start), Ring(machine, lateness)
    y, past = kept.y, kept.past
    for at in range(len(kept)):
        ring.leave()
        machine.follower.push(kept.ds[at], y[at], past[at])
        machine.learn({name: [float(value[start + at])] for name, value in values.items()})
    return kept, ring.snapshots()


def begin_again(kept: Kept, whose: tuple[str, Array, Array], maker: Maker, offset: int, lateness: int) -> Snapshots:
    """The machines of a series for another model or another rule, from all the rows that are kept.

    `whose`: the id of the series, its covariates (S,), and those known ahead of the rows after the kept ones (R, K).
    `offset` is the number of the first kept row. What the rules learned before is forgotten.
    """
    start = -offset % maker.stride  # windows end where those of a run over the whole file end
    unique_id, static, ahead = whose
    machine = machine_of(kept, (unique_id, static), maker, row=offset + start)
    machine.follower.look_ahead(known_of(kept, maker, ahead), offset)
    ring, y, past = Ring(machine, lateness), kept.y, kept.past
    for at in range(start, len(kept)):
        ring.leave()
        machine.follower.push(kept.ds[at], y[at], past[at])
    return ring.snapshots()


def known_of(kept: Kept, maker: Maker, ahead: Array) -> Array:
    """The covariates known ahead of all kept rows, and behind them those of later rows (R, K)."""
    return np.concatenate([kept.past[:, len(maker.columns.past) :], ahead])


def machine_of(kept: Kept, whose: tuple[str, Array], maker: Maker, *, row: int = 0) -> Machine:
    """A machine before row number `row`; a series that the model does not know has the scale of these rows.

    `whose`: the id of the series and its covariates (S,).
    """
    unique_id, static = whose
    series = Series(unique_id, kept.ds, kept.y, np.isfinite(kept.y), np.zeros((len(kept), 0)), kept.past, np.zeros(0),
                    np.zeros(len(kept), dtype=np.int64))
    return maker.fresh(unique_id, maker.scale_of(series), static, row=row)
