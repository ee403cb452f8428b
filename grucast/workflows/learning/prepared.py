"""What is fixed before the first step of training, and which windows belong to which part of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Ints
from grucast.core.config import ModelConfig, TrainingConfig, TrainOptions, WindowSpec
from grucast.core.series import Panel
from grucast.preprocessing.sources import Scales, Setting, make_source
from grucast.preprocessing.splits import Split
from grucast.preprocessing.windows import Streams, cutoffs_between, flatten
from grucast.training.sampling import Sampler, sampler_of

VALIDATION_WINDOWS = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that is fixed before the first step of training."""

    panel: Panel
    splits: tuple[Split | None, ...]
    seasons: tuple[int, ...]
    window: WindowSpec
    model: ModelConfig
    training: TrainingConfig
    options: TrainOptions
    scales: Scales
    streams: Streams
    notes: list[str]


def streams_of(panel: Panel, scales: Scales, model: ModelConfig, horizon: int, *, first: Any = None) -> Streams:
    """The streams of all series on the panel's seasonal clock, whose phases are zero at the stamp `first`.

    None is the first stamp of the first series.
    """
    first = panel.series[0].ds[0] if first is None else first
    setting = Setting(panel.layout.clock, first, horizon, model.calendar)
    return flatten([make_source(one, scales, setting) for one in panel.series])


def part_windows(prepared: Prepared, part: str, most: int) -> tuple[Ints, Ints]:
    """The windows (stream, cutoff) whose targets lie wholly in a part of their series; thinned to about `most`.

    First fewer windows of each stream, its newest always among them; then fewer streams.
    """
    first, last = _borders(prepared, part)
    total = int(np.maximum(last - first + 1, 0).sum())
    stream, cutoff = cutoffs_between(first, last, even_stride(total, most, prepared.seasons))
    skip = max(1, len(stream) // most)
    return stream[::skip], cutoff[::skip]


def even_stride(total: int, most: int, seasons: Sequence[int]) -> int:
    """Rows between windows that leave about `most` of `total`, and four phases of every season, or all, at least."""
    stride = max(1, -(-total // most))
    while any(math.gcd(stride, season) > max(1, season // 4) for season in seasons):
        stride += 1
    return stride


def fit_sampler(prepared: Prepared) -> Sampler:
    """Windows whose targets lie wholly in the fit part."""
    first, last = _borders(prepared, "fit")
    return sampler_of(first, last)


def last_sampler(prepared: Prepared, part: str) -> Sampler:
    """Windows up to the first row of the report part ("report") or to the last row ("end"), targets included.

    At the very end, windows with half of their targets count too, the rest masked.
    """
    window, length = prepared.window, prepared.streams.length
    if part == "end":
        last = length - (window.horizon + 1) // 2
    else:
        last = np.maximum(_borders(prepared, part)[0], 1) - window.horizon
    first = first_cutoff(length - window.horizon, window)
    return sampler_of(first, np.maximum(last, first) if part == "end" else last)


def rows_to_learn_from(prepared: Prepared, part: str) -> tuple[Ints, Ints]:
    """First and last cutoff in each stream whose targets lie before a part of it, a whole context before them."""
    last = _borders(prepared, part)[0] - prepared.window.horizon
    return np.full_like(last, prepared.window.context_length), last


def _borders(prepared: Prepared, part: str) -> tuple[Ints, Ints]:
    """First and last cutoff of a part in each stream; last < first where a stream has none."""
    channels, horizon = len(prepared.panel.channels), prepared.window.horizon
    rows = np.array([getattr(split, f"{part}_rows") if split else (1, 0) for split in prepared.splits], dtype=np.int64)
    first, stop = np.repeat(rows, channels, axis=0).T
    last = stop - horizon
    if part == "fit":
        first = first_cutoff(last, prepared.window)
    return first, np.where(stop == 0, first - 1, last)


def first_cutoff(last: Ints, window: WindowSpec) -> Ints:
    """The first cutoff to learn from: a quarter of a context must be there, so that short ones are learned too."""
    return np.maximum(1, np.minimum(window.context_length // 4, last // 3))
