"""Forecasts in the units of the file, from a trained model and the streams of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.forecasting.intervals import stretch, trust
from grucast.forecasting.repeats import repeat
from grucast.inference.predict import predict_streams
from grucast.inference.weights import Weights
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import Source, Streams, flatten


@dataclass(frozen=True, slots=True, eq=False)
class Forecaster:
    """A model ready to forecast. `factors` is (H, Q), `trusted` (C,), see `forecasting/intervals.py`."""

    members: Sequence[Weights]
    model: ModelConfig
    window: WindowSpec
    transform: Transform
    factors: Array
    trusted: Array
    low: float = -np.inf
    high: float = np.inf


def scaled_quantiles(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> Array:
    """Quantiles (B, H, Q) in the z of the streams at each (stream, cutoff), calibrated; NaN without any context."""
    model = forecaster.model
    raw, level = predict_streams(forecaster.members, model, forecaster.window, streams, at)
    raw = flat_where_constant(raw, level, streams.scale[at[0]])
    share = forecaster.trusted[streams.channel[at[0]]]
    trusted = trust(raw, level, share, model.quantile_levels)
    moved = repeat(trusted, streams, at, model.quantile_levels.index(0.5))
    return stretch(moved, forecaster.factors, model.quantile_levels)


def quantiles_at(forecaster: Forecaster, streams: Streams, at: tuple[Ints, Ints]) -> Array:
    """Quantiles (B, H, Q) in the units of the file at each (stream, cutoff), within the bounds."""
    z = scaled_quantiles(forecaster, streams, at)
    return to_units(forecaster, streams, at[0], z)


def flat_where_constant(z: Array, level: Array, scale: Array) -> Array:
    """Quantiles `z` (B, H, Q), all at the last value (B,) where the series never moved in training (scale (B,) 0)."""
    return np.where((scale > 0)[:, None, None], z, level[:, None, None] + 0.0 * z)


def to_units(forecaster: Forecaster, streams: Streams, stream: Ints, z: Array) -> Array:
    """Quantiles (B, H, Q) in the units of the file, within the bounds, from z (B, H, Q) of the streams."""
    largest = np.finfo(np.float64).max
    y = untransformed(forecaster.transform, streams, stream, z)
    return np.clip(y, max(forecaster.low, -largest), min(forecaster.high, largest))


def untransformed(transform: Transform, streams: Streams, stream: Ints, z: Array) -> Array:
    """Values (B, H, Q) in the units of the file from z (B, H, Q) of the streams; infinite where too large for them."""
    scale = np.where(streams.scale > 0, streams.scale, 1.0)[stream]
    largest = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        inner = np.clip(z * scale[:, None, None], -largest, largest)
        unit = transform.unit[streams.channel[stream]][:, None, None]
        return replace(transform, unit=unit).backward(inner)


def forecast_far(forecaster: Forecaster, source: Source, cutoff: int, horizon: int) -> Array:
    """Quantiles (horizon, C, Q) of one series after row `cutoff`, feeding medians back beyond the trained horizon.

    What is fed back is itself uncertain: the distance of each quantile from the median in a later block is
    joined, root of the sum of squares, with that at the end of the block before.
    """
    step, model = forecaster.window.horizon, forecaster.model
    channels, middle = source.z.shape[1], list(model.quantile_levels).index(0.5)
    z, observed, past = source.z[:cutoff], source.observed[:cutoff], source.past[:cutoff]
    side = np.sign(np.asarray(model.quantile_levels) - 0.5)
    blocks: list[Array] = []
    carried = np.zeros((channels, 1, len(model.quantile_levels)))
    for done in range(0, horizon, step):
        streams = flatten([replace(source, z=z, observed=observed, past=_held(past, len(z)))])
        at = np.arange(channels), np.full(channels, len(z))
        block = scaled_quantiles(forecaster, streams, at)  # (C, H, Q)
        centre = block[:, :, middle : middle + 1]
        away = block - centre
        wide = centre + side * np.hypot(away, carried)
        blocks.append(to_units(forecaster, streams, at[0], wide if done else block))
        carried = (np.abs(wide - centre) if done else np.abs(away))[:, -1:]
        z = np.concatenate([z, np.nan_to_num(centre[:, :, 0].T)])
        observed = np.concatenate([observed, np.isfinite(centre[:, :, 0].T)])
    return np.concatenate(blocks, axis=1)[:, :horizon].transpose(1, 0, 2)


def _held(past: Array, rows: int) -> Array:
    """Past covariates (rows, P), the last row held where the forecast feeds itself."""
    if not len(past):
        return np.zeros((rows, past.shape[1]))
    return np.concatenate([past, np.repeat(past[-1:], rows - len(past), axis=0)])
