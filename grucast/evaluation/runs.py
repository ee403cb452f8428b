"""Runs of rows: where they begin and end, and how those of two masks meet."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Ints, Mask


def runs(rows: Mask) -> Ints:
    """The runs of true rows of (T,), first row and the row after the last, (E, 2)."""
    edges = np.flatnonzero(np.diff(np.r_[False, rows, False]))
    return edges.reshape(-1, 2).astype(np.int64)


def meetings(ones: Ints, others: Ints) -> Ints:
    """With how many of `others` (K, 2) each of `ones` (E, 2) shares a row, (E,); both as `runs` gives them."""
    begun = np.searchsorted(others[:, 0], ones[:, 1], side="left")
    over = np.searchsorted(others[:, 1], ones[:, 0], side="right")
    return (begun - over).astype(np.int64)
