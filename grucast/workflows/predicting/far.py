"""Covariates far outside of what a model learned from: a forecast follows them wherever they lead.

Of N values none lies further than sqrt(N - 1) deviations from their mean (Samuelson 1968, JASA 63:1522-1525). So what
lies beyond that, and beyond `FAR`, is nothing that the model has seen: another unit, a mark for "missing", a slip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array
from grucast.core.errors import DataError
from grucast.core.results import Manifest
from grucast.core.series import Clock, Panel, Series
from grucast.preprocessing.sources import Scales, length_passed
from grucast.preprocessing.zones import written

FAR = 100.0  # deviations


@dataclass(frozen=True, slots=True)
class FarCell:
    """The covariate of a series that lies furthest outside, and where it stands."""

    unique_id: str
    column: str
    value: float
    usual: tuple[float, float]  # mean and deviation that the model learned
    away: float  # deviations
    stamp: str
    file: str
    line: int  # 0 where it is not known

    @property
    def where(self) -> str:
        """The cell for people."""
        one = f" (series {self.unique_id!r})" if self.unique_id else ""
        mean, deviation = self.usual
        return (f"{self.value!r} at {self.stamp}{one} is {self.away:.3g} deviations from what the model learned: "
                f"{mean:.3g}, give or take {deviation:.3g}")

    def error(self) -> DataError:
        """The error where the forecast is no finite number because of it."""
        return DataError(f"{self.where}; the forecast is no finite number because of it", file=self.file,
                         line=self.line or None, column=self.column, mend="mend the cell")


def far_cells(panel: Panel, scales: Scales, manifest: Manifest, files: tuple[str, str]) -> list[FarCell]:
    """The furthest covariate of each series that has one far outside, of the rows that its forecast looks at.

    `files`: the data, and where the covariates of rows ahead stand.
    """
    columns = panel.layout.columns
    if not columns.known and not columns.past:
        return []
    limit = max(FAR, math.sqrt(manifest.data.rows))
    each = (_furthest(one, scales, manifest, (panel.layout.clock, files)) for one in panel.series)
    return [cell for cell in each if cell is not None and cell.away > limit]


def _furthest(one: Series, scales: Scales, manifest: Manifest, where: tuple[Clock, tuple[str, str]]) -> FarCell | None:
    """The covariate in the context or ahead that lies furthest from its mean."""
    (clock, files), window, stop = where, manifest.window, length_passed(one)
    columns, begin = manifest.layout.columns, max(0, length_passed(one) - window.context_length)
    found: FarCell | None = None
    for names, values, moments, end in ((columns.known, one.known, scales.known, stop + window.horizon),
                                        (columns.past, one.past, scales.past, stop)):
        part = values[begin:end]
        if not part.size:
            continue
        mean, deviation = scales.moments(moments, one.unique_id)
        with np.errstate(over="ignore"):
            away = np.nan_to_num(np.abs(part - mean) / deviation, posinf=np.finfo(float).max)
        row, at = (int(place) for place in np.unravel_index(away.argmax(), away.shape))
        if found is None or away[row, at] > found.away:
            row += begin
            found = FarCell(one.unique_id, names[at], float(values[row, at]), (float(mean[at]), float(deviation[at])),
                            float(away[row - begin, at]), written(one.ds[row], clock), files[row >= stop],
                            int(one.line[row]))
    return found


def refuse_overflow(unique_id: str, numbers: Array, cells: Sequence[FarCell]) -> None:
    """DataError that names the covariate for which the `numbers` of a series are not finite."""
    if cells and not np.isfinite(numbers).all():
        for cell in cells:
            if cell.unique_id == unique_id:
                raise cell.error()


def far_notes(cells: Sequence[FarCell]) -> Iterator[str]:
    """A note on the furthest covariate of all."""
    if cells:
        worst = max(cells, key=lambda cell: cell.away)
        line = f":{worst.line}" if worst.line else ""
        more = f" ({len(cells)} series have such a value)" if len(cells) > 1 else ""
        yield f"low confidence: {worst.file}{line}: column {worst.column!r}: {worst.where}{more}"
