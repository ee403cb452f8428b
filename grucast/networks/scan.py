"""Linear recurrences h_t = a_t * h_{t-1} + b_t of many steps at once.

The steps are cut into about sqrt(T) pieces of as many steps. First all pieces walk side by side as if each began at
zero, then the ends are carried from piece to piece, then what was carried is added: 3 sqrt(T) operations one after the
other instead of T, and no more work than a few walks. Blelloch 1990 has the idea; with a in [0, 1], as gates are,
nothing can overflow, so no logarithms are needed.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def scan(a: Tensor, b: Tensor) -> Tensor:
    """All h (B, T, D) from a and b (B, T, D), with h zero before the first step."""
    found: Tensor = _Scan.apply(a, b)  # type: ignore[no-untyped-call]
    return found


class _Scan(torch.autograd.Function):
    """The recurrence and its derivative, which is the same recurrence backwards in time."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        states = _states(a, b)
        ctx.save_for_backward(a, states)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        a, states = ctx.saved_tensors
        nothing = torch.zeros_like(a[:, :1])
        later = torch.cat([a[:, 1:], nothing], dim=1).flip(1)
        felt = _states(later, grads[0].flip(1)).flip(1)  # of each step on the result, by way of all later ones too
        return felt * torch.cat([nothing, states[:, :-1]], dim=1), felt


def _states(a: Tensor, b: Tensor) -> Tensor:
    size, steps, width = a.shape
    length = max(1, math.isqrt(steps))
    count = -(-steps // length)
    share, states = a.new_zeros(2, size, count * length, width).unbind(0)
    share[:, :steps], states[:, :steps] = a, b
    share = share.view(size, count, length, width)  # of what was carried that is left, after each step
    states = states.view(size, count, length, width)
    for step in range(1, length):
        states[:, :, step].addcmul_(share[:, :, step], states[:, :, step - 1])
        share[:, :, step] *= share[:, :, step - 1]
    for piece in range(1, count):
        states[:, piece].addcmul_(share[:, piece], states[:, piece - 1, -1:])
    return states.view(size, count * length, width)[:, :steps]
