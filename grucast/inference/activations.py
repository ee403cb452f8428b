"""What the candidate of a cell may pass through, in NumPy; `networks/activations.py` is its twin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from grucast.core.arrays import Array32
from grucast.inference import ACTIVATIONS
from grucast.inference.math import relu as relu
from grucast.inference.math import sigmoid

Activation: TypeAlias = Callable[[Array32], Array32]


def activation_of(name: str | None) -> Activation:
    """The activation of this name; None is tanh."""
    found: Activation = ACTIVATIONS.load(name or "tanh")
    return found


def tanh(x: Array32) -> Array32:
    """The hyperbolic tangent."""
    return np.tanh(x)


def gelu(x: Array32) -> Array32:
    """x times the normal distribution function, by its formula with tanh."""
    inner = np.float32(math.sqrt(2.0 / math.pi)) * (x + np.float32(0.044715) * x * x * x)
    share: Array32 = np.multiply(np.float32(0.5) * x, np.float32(1.0) + np.tanh(inner))
    return share


def silu(x: Array32) -> Array32:
    """x times its sigmoid."""
    return x * sigmoid(x)


def softsign(x: Array32) -> Array32:
    """x / (1 + |x|)."""
    share: Array32 = np.divide(x, np.float32(1.0) + np.abs(x))
    return share
