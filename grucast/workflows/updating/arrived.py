"""Which rows of a file a model has not learned from, and what they are used for.

    rows the model knows      | new: learned from         | new: held out
    0 ................ known  | known .............. fit  | fit ....... rows

The held-out rows judge the old and the new weights alike: neither has seen them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.preprocessing.holidays import renewed
from grucast.preprocessing.repeats import Repeats
from grucast.preprocessing.sources import Scales, length_known
from grucast.preprocessing.splits import Split
from grucast.training.sampling import Sampler, sampler_of
from grucast.workflows.learning.prepared import Prepared, first_cutoff, streams_of
from grucast.workflows.serving import first_row
from grucast.workflows.updating.beginning import known_rows
from grucast.workflows.updating.settings import options_of, seasons_of

LEAST = 2  # horizons of new rows in a series, to learn from one and be judged by the other
HELD = 3  # one in so many new rows is held out
MOST_HELD = 10  # and no more than one in so many of all


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A model's data with the rows that came: `known` rows of each series (S,) it has learned from."""

    prepared: Prepared
    known: Ints

    @property
    def new(self) -> int:
        """New rows of all series."""
        return int(np.sum(self.rows - self.known))

    @property
    def enough(self) -> bool:
        """Whether a series has rows to learn from and rows to be judged by."""
        return any(self.prepared.splits)

    @property
    def held(self) -> int:
        """Rows held out, of all series."""
        return sum(split.report - split.calibration for split in self.prepared.splits if split)

    @property
    def rows(self) -> Ints:
        """Rows of each series, (S,)."""
        return self.prepared.streams.length[:: len(self.prepared.panel.channels)]

    @property
    def learned(self) -> Ints:
        """Rows of each series before those held out, (S,)."""
        pairs = zip(self.prepared.splits, self.rows.tolist(), strict=True)
        return np.array([split.fit if split else rows for split, rows in pairs], dtype=np.int64)

    def before_held(self) -> tuple[Sampler, Sampler]:
        """Windows of rows the model knows, and those that reach into new rows, none into the rows held out."""
        return self._samplers(self.learned - self.prepared.window.horizon)

    def to_the_end(self) -> tuple[Sampler, Sampler]:
        """The same up to the last row; at the very end windows with half of their targets count too."""
        return self._samplers(self.rows - (self.prepared.window.horizon + 1) // 2)

    def _samplers(self, last: Ints) -> tuple[Sampler, Sampler]:
        window, channels = self.prepared.window, len(self.prepared.panel.channels)
        begin = first_cutoff(last, window)
        old = np.minimum(self.known - window.horizon, last)
        new = np.maximum(old + 1, begin)
        return (sampler_of(*(np.repeat(one, channels) for one in (begin, old))),
                sampler_of(*(np.repeat(one, channels) for one in (new, last))))


def find_arrived(panel: Panel, artifact: Artifact, scales: Scales) -> Arrived:
    """What came since the model was trained; `panel` is what `from_the_beginning` gives."""
    manifest = artifact.manifest
    rows, known = [length_known(one) for one in panel.series], known_rows(panel, artifact)
    horizon = manifest.window.horizon
    splits = tuple(_split(before, count, horizon) for before, count in zip(known, rows, strict=True))
    held = [split.fit if split else count for split, count in zip(splits, rows, strict=True)]
    scales = _with_new(scales, panel, held)
    streams = streams_of(panel, scales, manifest.model, horizon, first=first_row(manifest))
    prepared = Prepared(panel, splits, seasons_of(manifest), manifest.window, manifest.model, manifest.training,
                        options_of(manifest), scales, streams, [])
    return Arrived(prepared, np.array(known, dtype=np.int64))


def _split(known: int, rows: int, horizon: int) -> Split | None:
    """The parts of a series that has grown from `known` to `rows` rows; None where that is less than two horizons."""
    new = rows - known
    if new < LEAST * horizon or rows <= LEAST * horizon:
        return None
    held = max(horizon, min(new // HELD, max(2 * horizon, rows // MOST_HELD)))
    return Split(rows - held, rows - held, rows - held, rows)


def _with_new(scales: Scales, panel: Panel, stop: Sequence[int]) -> Scales:
    """The scales as they are, of series that are new those of their first `stop[n]` rows; holidays of more years."""
    found: list[Any] = [scales.of(one.rows(0, rows)) for one, rows in zip(panel.series, stop, strict=True)]
    told = [scales.repeated(one) for one in panel.series]
    repeats = Repeats(np.concatenate([one.lag for one in told]), np.concatenate([one.share for one in told]))
    known, past = (one if one.ndim == 2 else np.stack([*(scales.moments(one, name) for name in panel.ids()), one[-1]])
                   for one in (scales.known, scales.past))
    return replace(scales, ids=panel.ids(), scale=np.stack(found), holidays=renewed(scales.holidays, panel),
                   known=known, past=past, repeats=repeats)
