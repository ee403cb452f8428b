"""What stands around the recurrent core, in NumPy; `networks/heads.py` is its twin."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32, Mask
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.math import softplus
from grucast.inference.weights import Weights
from grucast.preprocessing.windows import Windows

SPREAD_FLOOR = np.float32(0.3)
MOST_DIRECTIONS = 256  # of the law of the states, for very wide networks


def spread_of(x: Array32, mask: Array32 | Mask) -> Array32:
    """Mean absolute value of the observed rows plus `SPREAD_FLOOR`, (B, 1), from x (B, L)."""
    count = np.maximum(mask.sum(axis=1, keepdims=True), np.float32(1.0))
    spread: Array32 = (np.abs(x) * mask).sum(axis=1, keepdims=True) / count + SPREAD_FLOOR
    return spread


def quantiles(weights: Weights, states: Array32, levels: tuple[float, ...]) -> Array32:
    """Quantiles (B, S * w, Q) from states (B, S, D)."""
    count, middle = len(levels), levels.index(0.5)
    raw = (states @ weights["out.weight"].T + weights["out.bias"]).reshape(len(states), -1, count)
    centre = raw[:, :, middle : middle + 1]
    down = np.cumsum(softplus(raw[:, :, :middle])[:, :, ::-1], axis=2)[:, :, ::-1]
    up = np.cumsum(softplus(raw[:, :, middle + 1 :]), axis=2)
    return np.concatenate([centre - down, centre, centre + up], axis=2)


def linear_path(weights: Weights, x: Array32) -> Array32:
    """The linear map (B, H) of the context (B, L)."""
    if "down.weight" in weights:
        x = x @ weights["down.weight"].T
    return x @ weights["up.weight"].T


def rebuild(weights: Weights, states: Array32) -> Array32:
    """The normalised context (B, L) from the states of all layers (B, layers * D)."""
    narrow: Array32 = states @ weights["down.weight"].T + weights["down.bias"]
    whole: Array32 = narrow @ weights["up.weight"].T + weights["up.bias"]
    return whole


def distance(weights: Weights, states: Array32) -> Array32:
    """How far states (B, layers * D) lie from those of the rows trained on, (B,): 1 is usual (Mahalanobis 1936)."""
    away = (states - weights["mean"]) @ weights["whiten"]
    return np.asarray(np.sqrt((away * away).mean(axis=1)), dtype=np.float32)


def effect_parts(
    weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows
) -> tuple[Array32, Array32]:
    """Effects of known covariates on the context (B, L) and on the rows ahead (B, H), less that on the anchor row."""
    known, channel = windows.known[:, :, list(model.effects)], windows.channel
    bends = np.tanh(known @ weights["bend.weight"].T + weights["bend.bias"])
    total = (known * weights["straight"][channel][:, None]).sum(2) + (bends * weights["bent"][channel][:, None]).sum(2)
    total = total - np.take_along_axis(total, windows.anchor[:, None], axis=1)
    return total[:, : window.context_length], total[:, window.context_length :]


def season_parts(
    weights: Weights, model: ModelConfig, window: WindowSpec, windows: Windows
) -> tuple[Array32, Array32]:
    """Seasonal parts of the context (B, L) and of the rows ahead (B, H), less that of the anchor row."""
    length = window.context_length
    steps = np.arange(length + window.horizon)
    total = np.zeros((len(windows), len(steps)), dtype=np.float32)
    for k, period in enumerate(model.seasonal):
        phases = (windows.phase[:, k : k + 1] + steps) % period
        total += weights[f"tables.{k}"][windows.channel[:, None], phases]
    total -= np.take_along_axis(total, windows.anchor[:, None], axis=1)
    return total[:, :length], total[:, length:]
