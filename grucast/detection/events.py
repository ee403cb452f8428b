"""Events: runs of rows that score above a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints


@dataclass(frozen=True, slots=True)
class Event:
    """Rows `start` to `stop` (not included).

    `peak` is the row of the highest score. `severity` is the score there over the threshold there, above 1; infinite
    where the threshold is not above 0. `open`: it may not be over, as a row after the last one scored could still
    belong to it.
    """

    start: int
    stop: int
    peak: int
    severity: float
    open: bool

    @property
    def rows(self) -> int:
        """How many rows it spans."""
        return self.stop - self.start


def find_events(score: Array, threshold: Array | float, *, min_gap: int = 0, min_rows: int = 1) -> list[Event]:
    """The runs of rows that score above `threshold`, in order of time.

    `score` is (T,), `threshold` (T,) or one for all. A row must be above, not at, its threshold; NaN on either side
    is never above. Runs with at most `min_gap` rows between them become one event; after that, events that
    span fewer than `min_rows` rows are dropped. The peak is the row that is above by the largest factor.
    """
    level = np.broadcast_to(np.asarray(threshold, dtype=float), score.shape)
    flagged = np.flatnonzero(score > level)
    starts, stops = runs(flagged, min_gap)
    events = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if stop - start < min_rows:
            continue
        inside = flagged[np.searchsorted(flagged, start) : np.searchsorted(flagged, stop)]
        above = level[inside]
        peak = int(inside[np.argmax(score[inside] / above if above.min() > 0 else score[inside])])
        severity = float(score[peak] / level[peak]) if level[peak] > 0 else np.inf
        events.append(Event(start, stop, peak, severity, len(score) - stop <= min_gap))
    return events


def runs(flagged: Ints, min_gap: int) -> tuple[Ints, Ints]:
    """First rows and ends (not included) of the runs in ascending row numbers (F,), joined over gaps of `min_gap`."""
    if not len(flagged):
        return flagged, flagged
    breaks = np.flatnonzero(np.diff(flagged) > min_gap + 1)
    starts = flagged[np.concatenate([[0], breaks + 1])]
    stops = flagged[np.concatenate([breaks, [len(flagged) - 1]])] + 1
    return starts, stops
