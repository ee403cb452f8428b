"""Panels and options small enough to train in a moment."""

from __future__ import annotations

import numpy as np

from grucast.core.config import FitOptions, NetworkOptions, TrainOptions, ValueOptions, WindowOptions
from grucast.core.series import Panel
from tests.making import hourly_panel, series_of

ROWS = 300
HORIZON = 6


def values(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """A day and noise in two channels, a few values missing, (rows, 2)."""
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(rows) * 2 * np.pi / 24)
    y = np.stack([10 + 3 * day, 100 - 20 * day], axis=1) + rng.normal(size=(rows, 2)) * [0.3, 2.0]
    y[5::37, 0] = np.nan
    return y


def panel_of(*arrays) -> Panel:
    """A panel of hourly series one, two, ..."""
    names = ("one", "two", "three", "four")
    return hourly_panel(*[series_of(y, unique_id=name) for name, y in zip(names, arrays, strict=False)])


def options_of(*, horizon=HORIZON, context=24, season=(24,), preset="balanced", **values) -> TrainOptions:
    """Options for a network with four hidden units and one epoch."""
    return TrainOptions(
        WindowOptions(horizon=horizon, context_length=context, season=season),
        NetworkOptions(hidden=4),
        FitOptions(epochs=1, batch_size=64, patience=1, preset=preset),
        ValueOptions(**values),
    )
