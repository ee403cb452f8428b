"""What a network is given: one batch of windows as tensors."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B windows, each of one channel: L rows of context, H rows ahead.

    `x` holds (y - y[anchor]) / scale, so that the anchor row is zero; masked rows are zero. `phase` is the
    position of the first context row in each season.
    """

    x: Tensor  # (B, L) float
    mask: Tensor  # (B, L) 1 where observed or filled
    known: Tensor  # (B, L + H, K)
    past: Tensor  # (B, L, P)
    static: Tensor  # (B, S)
    anchor: Tensor  # (B,) int, row of the context that was subtracted
    channel: Tensor  # (B,) int
    phase: Tensor  # (B, number of seasons) int
