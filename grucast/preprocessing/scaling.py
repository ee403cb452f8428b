"""Scales fitted on the past, in float64, as plain numbers.

Every series and channel has one positive scale, a typical distance from its middle in the units of y.
Windows are anchored at their last observed row later on, so no location is needed: (y - y_last) / scale.
A scale of zero means that the fitted part was constant; forecasts then repeat the last value exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Mask
from grucast.core.errors import DataError
from grucast.core.series import Series

FAULT_FACTOR = 10.0  # a deviation beyond this many typical ones counts as this many
SMALLEST_UNIT = 1e-12  # of the largest size: what asinh calls small, so that y / unit cannot overflow


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """Taken before scaling and undone after: none, log, or asinh(y / unit).

    `unit` is (C,) in the units of y; only asinh uses it.
    """

    kind: str
    unit: Array

    def forward(self, y: Array) -> Array:
        """y (T, C) on the transformed scale; NaN stays NaN."""
        if self.kind == "log":
            return np.log(y)
        return np.arcsinh(y / self.unit) if self.kind == "asinh" else y

    def backward(self, z: Array) -> Array:
        """Transformed values (..., C) back in the units of y."""
        if self.kind == "log":
            return np.exp(z)
        return np.sinh(z) * self.unit if self.kind == "asinh" else z


def fit_transform(kind: str, series: Sequence[Series], file: str = "", names: Sequence[str] = ()) -> Transform:
    """The transform `kind` for these series; log refuses values that are not positive (DataError).

    `file` and the `names` of the channels are for the error.
    """
    channels = series[0].y.shape[1]
    if kind == "log":
        for one in series:
            rows, columns = np.nonzero(one.observed & ~(one.y > 0))
            if len(rows):
                line = int(one.line[rows[0]])
                raise DataError(f"{one.y[rows[0], columns[0]]:g} has no logarithm", file=file, line=line or None,
                                column=names[columns[0]] if names else "", mend="use --transform asinh")
    unit = np.ones(channels)
    if kind == "asinh":
        stacked = np.concatenate([np.where(one.observed, np.abs(one.y), np.nan) for one in series])
        for channel in range(channels):
            seen = stacked[:, channel][stacked[:, channel] > 0]
            unit[channel] = max(np.median(seen), SMALLEST_UNIT * np.max(seen)) if len(seen) else 1.0
    return Transform(kind, unit)


def fit_scale(y: Array, observed: Mask) -> Array:
    """The scale of each channel (C,), from y (T, C): the mean distance from the median, faults clipped.

    Zero where all observed values are equal or none is observed. Values about 1e307 or 1e-300 are safe:
    everything is divided by the largest magnitude first.
    """
    out = np.zeros(y.shape[1])
    for channel in range(y.shape[1]):
        seen = y[observed[:, channel], channel]
        peak = np.max(np.abs(seen), initial=0.0)
        if peak == 0.0:
            continue
        unit = seen / peak
        away = np.abs(unit - np.median(unit))
        typical = np.median(away)
        if typical > 0:
            away = np.minimum(away, FAULT_FACTOR * typical)
        out[channel] = np.mean(away) * peak
    return out
