"""Which windows a batch holds: all series mixed, none drowned by a longer one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints

BALANCE = 0.5  # a stream is drawn in proportion to its number of windows to this power


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """Draws windows: first a stream, then one of its cutoffs, first <= cutoff <= last."""

    stream: Ints  # (N,) streams that have windows
    first: Ints  # (N,)
    last: Ints  # (N,)
    share: Array  # (N,) cumulative probabilities

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return int(np.sum(self.last - self.first + 1))

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """`size` windows as (stream, cutoff), with replacement."""
        index = np.searchsorted(self.share, rng.random(size), side="right").clip(max=len(self.stream) - 1)
        span = (self.last - self.first + 1)[index]
        within = np.minimum((rng.random(size) * span).astype(np.int64), span - 1)
        return self.stream[index], self.first[index] + within


def sampler_of(first: Ints, last: Ints) -> Sampler:
    """The sampler over streams 0..N-1 with cutoffs first[n]..last[n]; streams with last < first give none."""
    stream = np.flatnonzero(last >= first)
    count = (last - first + 1)[stream].astype(np.float64)
    weight = count**BALANCE
    return Sampler(stream, first[stream], last[stream], np.cumsum(weight) / max(weight.sum(), 1.0))
