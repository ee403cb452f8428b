"""What the tool gives back: forecasts, accuracy, a model with its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Array32, Leads, Mask, Stamps
from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.core.holidays import Holidays
from grucast.core.series import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The quantiles of the next H values of one series.

    `quantiles` is (H, C, Q) in the units of y, not decreasing along Q; `cutoff` the last stamp known.
    """

    unique_id: str
    cutoff: Any
    ds: Stamps  # (H,)
    quantiles: Array
    quantile_levels: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.quantiles.ndim != 3 or len(self.quantiles) != len(self.ds):
            raise ValueError(f"quantiles {self.quantiles.shape} do not fit {len(self.ds)} stamps")
        if self.quantiles.shape[2] != len(self.quantile_levels):
            raise ValueError("one quantile for each level")

    def level(self, level: float) -> Array:
        """The quantile at `level`, (H, C); between trained levels it is interpolated linearly."""
        levels = np.asarray(self.quantile_levels)
        near = int(np.argmin(np.abs(levels - level)))
        if np.isclose(levels[near], level):
            return self.quantiles[:, :, near]
        right = min(max(int(np.searchsorted(levels, level)), 1), len(levels) - 1)
        share = float((level - levels[right - 1]) / (levels[right] - levels[right - 1]))
        low, high = self.quantiles[:, :, right - 1], self.quantiles[:, :, right]
        return low * (1.0 - share) + high * share  # high - low overflows near 1e308

    @property
    def y_hat(self) -> Array:
        """The median, (H, C)."""
        return self.level(0.5)


@dataclass(frozen=True, slots=True, eq=False)
class RowScores:
    """How strange each row of one series was; T rows of the regular grid, masked ones included.

    `expected` is what the forecasts of shortest lead said: the lower end of the 95 % interval, the median, the
    upper end, in the units of y. `share` is each channel's part of the score, summing to 1. `sudden` and `stuck` are
    what stands beside the score (`detection/verdict.py`), with the channel each is about in `leads`. NaN where
    a row has no value or had no context.
    """

    unique_id: str
    ds: Stamps  # (T,)
    y: Array  # (T, C)
    expected: Array  # (T, C, 3)
    score: Array  # (T,), >= 0, higher is stranger
    share: Array  # (T, C)
    sudden: Array32  # (T,), >= 0
    stuck: Array32  # (T,), >= 0
    leads: tuple[Leads, Leads]  # each (T,)
    doubted: Mask | None = None  # (T,) rows after errors far beyond the usual ones; None: that is not known

    def __post_init__(self) -> None:
        rows, channels = self.y.shape
        shapes = (self.ds.shape, self.expected.shape, self.score.shape, self.share.shape, self.sudden.shape)
        if shapes != ((rows,), (rows, channels, 3), (rows,), (rows, channels), (rows,)):
            raise ValueError(f"arrays of {shapes} do not fit y of {self.y.shape}")


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What a model remembers of its data. `path` is relative to the model file, "" where not stored."""

    path: str
    digest: str
    rows: int
    series: int
    first: str
    last: str
    steps: int = 0  # rows of the regular grid, masked ones included
    excluded: tuple[str, ...] = ()  # periods left out of training, from/to
    excluded_labelled: bool = False  # whether labelled rows were


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a model but its numbers; it is JSON in the model file and holds no code."""

    versions: Mapping[str, str]
    layout: Layout
    data: DataFacts
    window: WindowSpec
    model: ModelConfig
    training: TrainingConfig
    values: Mapping[str, Any]  # transform, min, max, levels
    steps: int  # optimizer steps found
    accuracy: Mapping[str, Any]  # the report of `train`: holdout, baselines, skill, notes
    parent: str = ""
    members: int = 1
    format_version: int = 2
    holidays: Holidays = field(default_factory=Holidays)


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A model: its manifest and its arrays.

    Names of arrays: `network.<member>.<parameter>` float16 or float32; `scale.*`, `calibration.*`, `drift.*`
    float64; `series.ids` uint8 (the ids, UTF-8, joined by NUL).
    """

    manifest: Manifest
    tensors: Mapping[str, npt.NDArray[Any]]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """One run of a job: when, by the clock on the wall (seconds since 1970), and the newest row that it saw.

    `axis` says what `last_row` is: "utc", "local" (both microseconds since 1970) or "number". `reach` is how many
    seconds its forecasts look ahead, or a row lasts where it forecasts none; 0 where rows have no length.
    """

    job: str
    command: str
    at: float
    last_row: float
    axis: str
    reach: float


@dataclass(frozen=True, slots=True)
class Notes:
    """What was assumed, in words for people, in the order it was noticed."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Remember `line` once."""
        if line not in self.lines:
            self.lines.append(line)
