"""Forecasts of every forecaster at given origins: the model and the baselines. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.series import Panel, Series
from grucast.evaluation import BASELINES
from grucast.evaluation.baselines import BaselineSpec, FittedBaseline, series_scale
from grucast.evaluation.folds import contexts
from grucast.forecasting.predict import Forecaster, quantiles_at
from grucast.preprocessing.sources import Scales, Setting, make_source
from grucast.preprocessing.windows import Streams, flatten

MODEL = "grucast"
LOCAL = frozenset({"drift", "naive2", "ses", "theta"})  # learn from the context alone: of two seasons they see none
SEASONS_SEEN = 4  # by them, at least; `naive2` tells a season from chance in three
HELD = 12_000_000  # numbers of contexts and quantiles held at once


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """N windows: `index` (N,) of their series, `origin` (N,) the first row forecast, quantiles (N, H, C, Q) by name.

    `context_length` is that of the model.
    """

    index: Ints
    origin: Ints
    quantiles: Mapping[str, Array]
    context_length: int


@dataclass(frozen=True, slots=True, eq=False)
class Speakers:
    """All forecasters of a fold, ready: `moves` (S, C) is how much each series moves, `reach` the rows they see."""

    panel: Panel
    forecaster: Forecaster
    streams: Streams
    baselines: Mapping[str, FittedBaseline]
    moves: Array
    reach: int


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """A model as it comes from training or from a file: what forecasts, its scales, its seasons, its first stamp."""

    forecaster: Forecaster
    scales: Scales
    seasons: tuple[int, ...]
    first: Any


def assemble(panel: Panel, model: Learner, known: Sequence[int] | Ints, stop: Sequence[int] | Ints) -> Speakers:
    """The model, and every baseline fitted on the first `known[n]` rows of series n.

    `stop[n]` is the row after the last one that a context or covariates known ahead are taken from.
    """
    spec = model.forecaster.model
    season = model.seasons[0] if model.seasons else 1
    setting = Setting(panel.layout.clock, model.first, model.forecaster.window.horizon, spec.calendar)
    sources = [make_source(one, model.scales, setting, stop=int(rows))
               for one, rows in zip(panel.series, stop, strict=True)]
    past = [observed(one, int(rows)) for one, rows in zip(panel.series, known, strict=True)]
    fitted = {}
    for name in BASELINES.names():
        reach = max(model.forecaster.window.context_length, season * (SEASONS_SEEN if name in LOCAL else 1))
        asked = BaselineSpec(reach, model.forecaster.window.horizon, season, spec.quantile_levels)
        fitted[name] = BASELINES.load(name)(past, asked)
    moves = np.stack([series_scale(y) for y in past])
    reach = max(one.spec.context_length for one in fitted.values())
    return Speakers(panel, model.forecaster, flatten(sources), fitted, moves, reach)


def speak(speakers: Speakers, windows: tuple[Ints, Ints]) -> Iterator[Block]:
    """What every forecaster says of the windows (series, origin), in order, as many at once as the memory allows."""
    index, origin = windows
    channels, forecaster = len(speakers.panel.channels), speakers.forecaster
    said = (len(speakers.baselines) + 1) * forecaster.window.horizon * len(forecaster.model.quantile_levels)
    size = max(1, HELD // ((said + speakers.reach) * channels))
    for start in range(0, len(index), size):
        yield _block(speakers, index[start : start + size], origin[start : start + size])


def observed(one: Series, stop: int) -> Array:
    """The first `stop` rows of a series, (stop, C), NaN where not observed."""
    return np.where(one.observed[:stop], one.y[:stop], np.nan)


def _block(speakers: Speakers, index: Ints, origin: Ints) -> Block:
    context, moves = _contexts(speakers, index, origin), speakers.moves[index]
    said = {name: one.predict(context[:, -one.spec.context_length :], moves)
            for name, one in speakers.baselines.items()}
    found = {MODEL: _model(speakers, index, origin), **said}
    return Block(index, origin, found, speakers.forecaster.window.context_length)


def _model(speakers: Speakers, index: Ints, origin: Ints) -> Array:
    """The model's quantiles (N, H, C, Q)."""
    channels = len(speakers.panel.channels)
    stream = (index[:, None] * channels + np.arange(channels)).reshape(-1)
    found = quantiles_at(speakers.forecaster, speakers.streams, (stream, np.repeat(origin, channels)))
    return found.reshape(len(index), channels, *found.shape[1:]).transpose(0, 2, 1, 3)


def _contexts(speakers: Speakers, index: Ints, origin: Ints) -> Array:
    """The rows before each origin, (N, reach, C); of a series only those that the block reaches are looked at."""
    out = np.empty((len(index), speakers.reach, len(speakers.panel.channels)))
    for number in np.unique(index):
        here = np.flatnonzero(index == number)
        first = max(int(origin[here].min()) - speakers.reach, 0)
        one = speakers.panel.series[number]
        rows = one.rows(first, int(origin[here].max()))
        out[here] = contexts(observed(rows, len(rows)), origin[here] - first, speakers.reach)
    return out
