"""Aggregations that can be gathered chunk by chunk and for many groups at once: the mean, and the root mean square.

Means and counts are kept, never sums, so that a hundred million values of 1e307 do not overflow on the
way and squares of 1e-300 do not vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """The aggregate of the rows of G groups so far: `count` (G,) rows, `value` (G, K), 0 where there is no row."""

    count: Ints
    value: Array


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a statistic: `values` (P ≥ 1, K), and which of the `groups` groups each belongs to, (P,)."""

    values: Array
    group: Ints
    groups: int

    def count(self) -> Ints:
        """Rows of each group, (G,)."""
        return np.bincount(self.group, minlength=self.groups)

    def mean(self, values: Array) -> Array:
        """The mean of `values` (P, K) over each group, (G, K), 0 for a group without rows."""
        if self.groups == 1:
            return np.asarray(values.mean(axis=0))[None]
        sums = [np.bincount(self.group, weights=column, minlength=self.groups) for column in values.T]
        return np.stack(sums, axis=1) / np.maximum(self.count(), 1)[:, None]

    def peak(self) -> Array:
        """The largest size in each group, (G, K), 1 where that is 0."""
        sizes = np.abs(self.values)
        if self.groups == 1:
            largest = sizes.max(axis=0)[None]
        else:
            largest = np.zeros((self.groups, sizes.shape[1]))
            np.maximum.at(largest, self.group, sizes)
        return np.where(largest == 0.0, 1.0, largest)


def mean(total: Total | None, rows: Rows) -> Total:
    """`total` with the mean of more `rows`."""
    fresh = rows.mean(rows.values)
    if not np.isfinite(fresh).all():
        peak = rows.peak()
        fresh = np.where(np.isfinite(fresh), fresh, peak * rows.mean(rows.values / peak[rows.group]))
    if total is None:
        return Total(rows.count(), fresh)
    count, share = _joined(total, rows)
    return Total(count, np.where(total.count[:, None] > 0, total.value + (fresh - total.value) * share, fresh))


def root_mean_square(total: Total | None, rows: Rows) -> Total:
    """`total` with the root mean square of more `rows`, right from 1e-300 to 1e307."""
    peak = rows.peak()
    fresh = peak * np.sqrt(rows.mean(np.square(rows.values / peak[rows.group])))
    if total is None:
        return Total(rows.count(), fresh)
    count, share = _joined(total, rows)
    return Total(count, np.hypot(total.value * np.sqrt(1.0 - share), fresh * np.sqrt(share)))


def _joined(total: Total, rows: Rows) -> tuple[Ints, Array]:
    """The rows of each group now (G,), and the share of them that is new (G, 1)."""
    fresh = rows.count()
    count = total.count + fresh
    return count, (fresh / np.maximum(count, 1))[:, None]
