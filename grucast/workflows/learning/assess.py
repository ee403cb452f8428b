"""How good a model is on rows it never saw, beside the naive, the seasonal naive and a linear forecast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.progress import Progress, silent
from grucast.evaluation import BASELINES
from grucast.evaluation.baselines import BaselineSpec, FittedBaseline, series_scale
from grucast.evaluation.folds import contexts, targets
from grucast.evaluation.metrics import Accumulator, as_json, seasonal_scale, skill
from grucast.forecasting.predict import Forecaster, quantiles_at
from grucast.report.tables import LITTLE
from grucast.workflows.learning.prepared import Prepared, even_stride

REPORTED = ("naive", "seasonal_naive", "linear")
REPORT_WINDOWS = 6_000  # of all series together; more say nothing new
BLOCK_NUMBERS = 4_000_000  # quantiles and contexts held at once
NAMED = 8  # columns that a note names


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which windows are judged and in which units."""

    stride: int | None = None  # rows between windows; None: as few as `REPORT_WINDOWS` allows
    baselines: Sequence[str] = REPORTED
    standardise: tuple[Array, Array] | None = None  # mean and deviation (C,) that values are divided by first
    progress: Progress = silent
    season: int | None = None  # of MASE; None: the shortest of the model's


@dataclass(slots=True)
class _Tally:
    """Running scores of one forecaster: over everything, and for each channel its absolute error and count."""

    scores: Accumulator
    miss: Array
    count: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, y: Array, quantiles: Array, scale: Array) -> None:
        self.scores = self.scores.add(y, quantiles, scale=scale)
        middle = list(self.scores.quantile_levels).index(0.5)
        away = np.abs(y - quantiles[..., middle])
        seen = np.isfinite(away)
        with np.errstate(over="ignore"):
            self.miss = self.miss + np.where(seen, away, 0.0).sum(axis=(0, 1))
        self.count = self.count + seen.sum(axis=(0, 1))


def assess(prepared: Prepared, forecaster: Forecaster, protocol: Protocol = Protocol()) -> dict[str, Any]:
    """Metrics of the model and of the baselines on the report parts: `holdout`, `baselines`, `skill`, `windows`.

    Every forecaster sees the same contexts and is judged on the same targets; all are fitted on rows
    before the report parts only.
    """
    names = tuple(protocol.baselines)
    channels, levels = len(prepared.panel.channels), prepared.model.quantile_levels
    tallies = {name: _Tally(Accumulator(levels), np.zeros(channels), np.zeros(channels)) for name in ("model", *names)}
    fitted = fit_baselines(prepared, names)
    cutoffs = _report_cutoffs(prepared, protocol.stride)
    total = sum(len(one) for one in cutoffs)
    done = 0
    for index, at in _blocks(prepared, cutoffs):
        block = _block(prepared, index, at, protocol.season)
        tallies["model"].add(*_standard(block.y, _model_quantiles(prepared, forecaster, index, at), block, protocol))
        for name in names:
            found = fitted[name].predict(block.context, np.tile(block.moves, (len(at), 1)))
            tallies[name].add(*_standard(block.y, found, block, protocol))
        done += len(at)
        protocol.progress("report", done, total)
    return _report(prepared, tallies, total)


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Some windows of one series: targets (N, H, C), contexts (N, L, C), scales (C,) from its past."""

    y: Array
    context: Array
    moves: Array
    mase: Array


def fit_baselines(prepared: Prepared, names: Sequence[str]) -> dict[str, FittedBaseline]:
    """The baselines, fitted on all rows before the report parts."""
    season = prepared.seasons[0] if prepared.seasons else 1
    spec = BaselineSpec(_reach(prepared), prepared.window.horizon, season, prepared.model.quantile_levels)
    past = [_past(prepared, index) for index, split in enumerate(prepared.splits) if split]
    return {name: BASELINES.load(name)(past, spec) for name in names}


def _reach(prepared: Prepared) -> int:
    """Rows of context given to the baselines: those of the network, but one season at least."""
    return max(prepared.window.context_length, prepared.seasons[0] if prepared.seasons else 1)


def _values(prepared: Prepared, index: int) -> Array:
    one = prepared.panel.series[index]
    return np.where(one.observed, one.y, np.nan)


def _past(prepared: Prepared, index: int) -> Array:
    split = prepared.splits[index]
    return _values(prepared, index)[: split.report_rows[0] if split else 0]


def _report_cutoffs(prepared: Prepared, stride: int | None) -> list[Ints]:
    """Cutoffs of the report windows of each series, the newest always among them."""
    horizon = prepared.window.horizon
    spans = [split.report_rows if split else (1, 0) for split in prepared.splits]
    total = sum(max(stop - start - horizon + 1, 0) for start, stop in spans) * len(prepared.panel.channels)
    step = stride or even_stride(total, REPORT_WINDOWS, prepared.seasons)
    return [np.arange(stop - horizon, start - 1, -step)[::-1] if stop else np.zeros(0, dtype=np.int64)
            for start, stop in spans]


def _blocks(prepared: Prepared, cutoffs: Sequence[Ints]) -> Iterator[tuple[int, Ints]]:
    """Windows of one series at a time, few enough for the memory."""
    of_channel = prepared.window.horizon * len(prepared.model.quantile_levels) + _reach(prepared)
    numbers = of_channel * len(prepared.panel.channels)
    size = max(1, BLOCK_NUMBERS // numbers)
    for index, at in enumerate(cutoffs):
        for start in range(0, len(at), size):
            yield index, at[start : start + size]


def _block(prepared: Prepared, index: int, at: Ints, season: int | None) -> _Block:
    y, past = _values(prepared, index), _past(prepared, index)
    season = season or (prepared.seasons[0] if prepared.seasons else 1)
    context = contexts(y, at, _reach(prepared))
    blind = np.asarray(np.isnan(context[:, -prepared.window.context_length :]).all(axis=1))  # (N, C): no row to go on
    return _Block(
        y=np.where(blind[:, None], np.nan, targets(y, at, prepared.window.horizon)),
        context=context,
        moves=series_scale(past),
        mase=seasonal_scale(past, season),
    )


def _model_quantiles(prepared: Prepared, forecaster: Forecaster, index: int, at: Ints) -> Array:
    """The model's quantiles (N, H, C, Q) at the cutoffs of one series."""
    channels = len(prepared.panel.channels)
    stream = np.repeat(index * channels + np.arange(channels), len(at))
    found = quantiles_at(forecaster, prepared.streams, (stream, np.tile(at, channels)))
    return found.reshape(channels, len(at), *found.shape[1:]).transpose(1, 2, 0, 3)


def _standard(y: Array, quantiles: Array, block: _Block, protocol: Protocol) -> tuple[Array, Array, Array]:
    """Targets, quantiles and MASE scales (N, C), in the units asked for."""
    scale = np.broadcast_to(block.mase, (len(y), y.shape[2]))
    if protocol.standardise is None:
        return y, quantiles, scale
    mean, deviation = protocol.standardise
    return (y - mean) / deviation, (quantiles - mean[:, None]) / deviation[:, None], scale / deviation


def _report(prepared: Prepared, tallies: Mapping[str, _Tally], windows: int) -> dict[str, Any]:
    plain = {name: as_json(tally.scores.finish()) for name, tally in tallies.items()}
    beside = {name: scores for name, scores in plain.items() if name != "model"}
    found = skill(_number(plain["model"]["mae"]), [_number(one["mae"]) for one in beside.values()])
    return {
        "holdout": plain["model"],
        "baselines": beside,
        "skill": found if math.isfinite(found) else None,
        "windows": windows,
        "by_channel": _by_channel(prepared, tallies),
    }


def _by_channel(prepared: Prepared, tallies: Mapping[str, _Tally]) -> dict[str, dict[str, float | None]]:
    """MAE of every forecaster for each channel."""
    out: dict[str, dict[str, float | None]] = {}
    for index, channel in enumerate(prepared.panel.channels):
        out[channel] = {}
        for name, tally in tallies.items():
            value = tally.miss[index] / tally.count[index] if tally.count[index] else np.nan
            out[channel][name] = float(value) if np.isfinite(value) else None
    return out


def skill_notes(report: Mapping[str, Any]) -> list[str]:
    """What the report says about skill, in words: plainly where there is none, a note for each best baseline."""
    better: dict[str, list[str]] = {}
    for channel, errors in report["by_channel"].items():
        beside = {name: value for name, value in errors.items() if name != "model" and value is not None}
        if errors["model"] is None or not beside:
            continue
        best = min(beside, key=lambda name: beside[name])
        if errors["model"] > (1.0 - LITTLE) * beside[best]:
            better.setdefault(best, []).append(channel)
    return [f"{_listed(channels)}: no skill over the {best.replace('_', ' ')} forecast"
            for best, channels in better.items()]


def _listed(names: Sequence[str]) -> str:
    """Names in a row, the first few of many."""
    return ", ".join(names) if len(names) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} others"


def _number(value: object) -> float:
    return value if isinstance(value, float) else math.nan
