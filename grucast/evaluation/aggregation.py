"""Aggregations that can be gathered chunk by chunk: the mean, and the root of the mean square.

Means and counts are kept, never sums, so that a hundred million values of 1e307 do not overflow on the
way and squares of 1e-300 do not vanish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from grucast.core.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """The aggregate of the first `count` rows of a statistic: (K,), a column each. It starts empty."""

    count: int = 0
    value: Array = field(default_factory=lambda: np.zeros(0))


def mean(total: Total, rows: Array) -> Total:
    """`total` with the mean of more `rows` (P ≥ 1, K)."""
    fresh = rows.mean(axis=0)
    if not np.isfinite(fresh).all():
        peak = np.abs(rows).max(axis=0)
        fresh = np.where(np.isfinite(fresh), fresh, peak * (rows / peak).mean(axis=0))
    count = total.count + len(rows)
    old = total.value if total.count else fresh
    return Total(count, old + (fresh - old) * (len(rows) / count))


def root_mean_square(total: Total, rows: Array) -> Total:
    """`total` with the root mean square of more `rows` (P ≥ 1, K), right from 1e-300 to 1e307."""
    peak = np.abs(rows).max(axis=0)
    peak = np.where(peak == 0.0, 1.0, peak)
    fresh = peak * np.sqrt(np.square(rows / peak).mean(axis=0))
    count = total.count + len(rows)
    old = total.value if total.count else fresh
    return Total(count, np.hypot(old * math.sqrt(total.count / count), fresh * math.sqrt(len(rows) / count)))
