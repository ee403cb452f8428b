"""Where a line must break: rows without a frequency have no empty rows that would show a gap."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array, Ints, Stamps

USUAL = 0.9  # of the steps are no gaps; where more than the others are long (nights, weekends), that is how rows come
WIDER, UNEVEN = 1.5, 6.0  # times such a step where all are alike; so much more as they differ
SEEN = 1 / 1500  # of the whole span, about a pixel: a shorter gap cannot be seen


def breaks(ds: Stamps) -> Ints:
    """The rows of `ds` (T,) before which a gap lies, ascending.

    A gap is a step that is long beside the others. Steps that are alike are short up to one and a half of them; with
    u, m the USUAL quantile and the median of all steps, a step is a gap above u (WIDER + UNEVEN (1 - m / u)). Of steps
    that are drawn from an exponential law, which are as uneven as steps by chance can be, one in 500,000 is so long.
    """
    if len(ds) < 3:
        return np.zeros(0, dtype=np.int64)
    steps = np.diff(ds).astype(np.float64)
    ordered = np.sort(steps)
    usual, middle = ordered[int(USUAL * (len(steps) - 1))], ordered[(len(steps) - 1) // 2]
    if usual <= 0:
        return np.zeros(0, dtype=np.int64)
    longest = usual * (WIDER + UNEVEN * (1.0 - middle / usual))
    return np.flatnonzero(steps > max(longest, SEEN * float(steps.sum()))) + 1


def parted(ds: Stamps, values: Array, at: Ints) -> tuple[Stamps, Array]:
    """`ds` (T,) and `values` (T, ...) with an empty row put in before each row of `at`."""
    return np.insert(ds, at, ds[at]), np.insert(values, at, np.nan, axis=0)
