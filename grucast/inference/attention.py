"""What is ahead asks all states of the context, in NumPy; the equations stand in `networks/attention.py`, its twin."""

from __future__ import annotations

import math

import numpy as np

from grucast.core.arrays import Array32
from grucast.inference.weights import Weights

UNSEEN = np.float32(-1e9)


def shares(weights: Weights, ahead: Array32, path: Array32, seen: Array32) -> Array32:
    """How much each state ahead (B, C, D) asks of each of the context (B, S, D), (B, C, S); `seen` is (B, S)."""
    asked, keys = ahead @ weights["ask.weight"].T, path @ weights["key.weight"].T
    scores = asked @ keys.transpose(0, 2, 1) / np.float32(math.sqrt(path.shape[2]))
    scores = np.where(seen[:, None] == 0, UNSEEN, scores)
    raised: Array32 = np.exp(scores - scores.max(axis=2, keepdims=True))
    total: Array32 = raised.sum(axis=2, keepdims=True)
    parts: Array32 = np.divide(raised, total)
    return parts


def attend(weights: Weights, ahead: Array32, path: Array32, seen: Array32) -> Array32:
    """States ahead (B, C, D), each with what it found in `path` (B, S, D)."""
    gathered: Array32 = shares(weights, ahead, path, seen) @ path
    return ahead + gathered @ weights["value.weight"].T
