"""What the candidate of a cell may pass through; `inference/activations.py` is the same in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from grucast.networks import ACTIVATIONS

Activation: TypeAlias = Callable[[Tensor], Tensor]


def activation_of(name: str | None) -> Activation:
    """The activation of this name; None is tanh, which is what most cells were published with."""
    found: Activation = ACTIVATIONS.load(name or "tanh")
    return found


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return torch.tanh(x)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return functional.relu(x)


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function, by the formula with tanh (Hendrycks & Gimpel, arXiv 1606.08415)."""
    return functional.gelu(x, approximate="tanh")


def silu(x: Tensor) -> Tensor:
    """x times its sigmoid."""
    return functional.silu(x)


def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return functional.softsign(x)
