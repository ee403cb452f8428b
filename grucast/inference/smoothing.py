"""Exponential smoothing of each window, row by row in NumPy; equations in `networks/smoothing.py`, its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32, Ints
from grucast.inference.math import sigmoid
from grucast.inference.weights import Weights


def smooth(
    weights: Weights, x: Array32, mask: Array32, channel: Ints, span: tuple[int, int]
) -> tuple[Array32, Array32]:
    """Last level and season of each row of x (B, L), and of H rows ahead (B, H); `span` is the period and H."""
    period, horizon = span
    rate = sigmoid(weights["rates"])[channel]
    level, seasons = _start(x, mask, period)
    length = x.shape[1]
    for row in range(length):
        moved, now = mask[:, row], seasons[:, row]
        level = level + rate[:, 0] * moved * (x[:, row] - now - level)
        if period:
            seasons[:, row + period] = now + rate[:, 1] * moved * (x[:, row] - level - now)
    ahead = seasons[:, length + np.arange(horizon) % period] if period else np.zeros_like(x, shape=(len(x), horizon))
    return level[:, None] + seasons[:, :length], level[:, None] + ahead


def _start(x: Array32, mask: Array32, period: int) -> tuple[Array32, Array32]:
    """The level before the first row (B,), and the seasons (B, L + p), of which the first p are known."""
    seasons = np.zeros_like(x, shape=(len(x), x.shape[1] + period))
    if not period:
        first = np.argmax(mask > 0, axis=1)[:, None]
        return np.take_along_axis(x * mask, first, axis=1)[:, 0], seasons
    seen = mask[:, :period]
    level = (x[:, :period] * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), np.float32(1.0))
    seasons[:, :period] = (x[:, :period] - level[:, None]) * seen
    return level, seasons
