"""The weights of one network, by the names that torch gives them, and the bits that they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array32

Weights: TypeAlias = Mapping[str, Array32]

LARGEST = float(np.finfo(np.float16).max)  # 65504
# What stays in single precision beside vectors. Season tables and effects go into the forecast as they are, in scales
# of the series; what goes down to the few numbers that a window is rebuilt from are large numbers that nearly cancel.
PRECISE = ("seasons.", "effects.", "rebuild.down.")
LINEAR = "linear."  # large weights of opposite sign that nearly cancel, where a series is smooth


def below(weights: Weights, prefix: str) -> dict[str, Array32]:
    """The weights whose names begin with `prefix.`, by the rest of their names."""
    start = prefix + "."
    return {name[len(start) :]: value for name, value in weights.items() if name.startswith(start)}


def rounded(weights: Weights) -> dict[str, Array32]:
    """The weights as a model file holds them: matrices of numbers that half precision has, still as float32.

    That moves a weight by 2^-12 of itself (one below 2^-14 by 2^-25), far less than the next batch would move it, and
    halves the file. It is done where a fit ends, before anything is measured with the weights: what is calibrated,
    reported and written is the same network. Vectors stay as they are, as they are few and each is added whole: rounded
    they made up most of what forecasts moved by. So do `PRECISE` and what has a value beyond 65504 or not finite.
    """
    return {name: _rounded(name, value) for name, value in weights.items()}


def _rounded(name: str, value: Array32) -> Array32:
    if value.ndim < 2 or name.startswith(PRECISE) or not (np.abs(value) <= LARGEST).all():  # also what is no number
        return value
    return _carried(value) if name.startswith(LINEAR) else value.astype(np.float16).astype(np.float32)


def _carried(value: Array32) -> Array32:
    """A matrix (H, L) in half precision, where each lag is given what those before it lost.

    So what the rows of a smooth context are multiplied by adds up to what it was: on data of energy forecasts move by a
    fifth of what they do with each weight rounded alone.
    """
    out = np.empty_like(value)
    lost = np.zeros(len(value), dtype=np.float32)
    for lag in range(value.shape[1]):
        wanted = np.clip(value[:, lag] + lost, -LARGEST, LARGEST)
        out[:, lag] = wanted.astype(np.float16)
        lost = wanted - out[:, lag]
    return out


def short(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in half precision where that changes none of its values, else as it is."""
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    return half if np.array_equal(half.astype(value.dtype), value) else value


def whole(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in single precision where a file holds it in half, else as it is."""
    return value.astype(np.float32) if value.dtype == np.float16 else value
