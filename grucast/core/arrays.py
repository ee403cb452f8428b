"""Names for the array types that appear in signatures."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Array32: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]
Stamps: TypeAlias = npt.NDArray[Any]  # datetime64[us] instants, or float64 where the time axis is a number
Leads: TypeAlias = npt.NDArray[np.int16]  # numbers of channels
