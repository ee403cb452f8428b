"""The state of a series that is followed row by row: the same scores as a run over the whole file in online mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grucast.core.arrays import Array
from grucast.core.series import STAMP, Clock, Series
from grucast.detection.doubt import RunningDoubt, rows_doubted_over
from grucast.detection.running import RunningScore
from grucast.detection.scoring import SIGNALS
from grucast.detection.stuck import RunningStuck
from grucast.detection.sudden import RunningSudden
from grucast.forecasting.errors import precise, stride_of
from grucast.forecasting.predict import Forecaster
from grucast.forecasting.stream import RunningErrors
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.sources import Scales, Setting, make_source
from grucast.preprocessing.windows import Streams, flatten
from grucast.workflows.detecting.scores import Scoring, Watch, scale_row, sudden_row, usual_of

FORGOTTEN = 12  # widths of the widest kernel after which an average has forgotten how it began: e^-24


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What follows: the model, what it knows about normal rows, how it scores, and where its clock begins."""

    forecaster: Forecaster
    scales: Scales
    watch: Watch
    scoring: Scoring
    clock: Clock
    first: Any  # the stamp at which seasonal phases are zero


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What comes with the targets: how many covariates of a row there are, and those of the series, (S,).

    A row has them in one array (P + K,), those known ahead last.
    """

    past: int = 0
    known: int = 0
    static: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What is said of one row."""

    score: float  # NaN without a context
    sudden: float
    stuck: float
    share: Array  # (C,)
    leads: tuple[int, int]  # the channels that sudden and stuck are about
    expected: Array  # (C, 3)
    low: bool  # less than half of the context before it was seen
    doubted: bool  # it comes after errors far beyond the usual ones


def rows_remembered(forecaster: Forecaster, watch: Watch, scoring: Scoring) -> int:
    """The last rows of a series that its next rows are judged by: no average reaches further back."""
    widest = max(watch.scale[scoring.mode].widths)
    averaged = max(forecaster.window.horizon + FORGOTTEN * widest, rows_doubted_over(forecaster.window))
    return forecaster.window.context_length + averaged


class Follower:
    """One series, its last rows and its averages; memory does not grow."""

    def __init__(self, model: Model, unique_id: str, channels: int, beside: Beside) -> None:
        self.model, self.unique_id, self.channels, self.beside = model, unique_id, channels, beside
        self.length = model.forecaster.window.context_length
        self.setting = Setting(model.clock, model.first, model.forecaster.window.horizon,
                               model.forecaster.model.calendar)
        self.ds = np.zeros(2 * self.length, dtype=np.asarray(model.first).dtype if _stamped(model) else np.float64)
        self.y = np.full((2 * self.length, channels), np.nan)
        self.past = np.full((2 * self.length, beside.past + beside.known), np.nan)
        self.ahead, self.ahead_from = np.zeros((0, beside.known)), 0  # covariates by row number, from that one on
        self.end = 0  # of the rows in the buffers
        self.row = 0  # number of the next row
        self.started = 0  # number of the first row that was pushed
        self.errors = RunningErrors(precise(model.forecaster), channels, self._context)
        scoring = model.scoring
        own = scale_row(model.scales, model.watch, scoring, unique_id)
        self.scores = RunningScore(model.watch.scale[scoring.mode], own, scorer=scoring.scorer, gather=scoring.gather)
        self.sudden = RunningSudden(model.watch.sudden, sudden_row(model.scales, model.watch, unique_id))
        self.stuck = RunningStuck(model.watch.stuck)
        usual = np.full(channels, np.nan) if model.watch.usual is None else usual_of(model.scales, model.watch.usual,
                                                                                      unique_id)
        self.doubt = RunningDoubt(usual, rows_doubted_over(model.forecaster.window))
        self.origin: int | None = None  # rows from phase 0 to row 0
        self.scale: Array | None = None
        self.missed = SIGNALS.index("rebuilt" if model.forecaster.model.objective == "reconstruct" else "near")

    def take_history(self, series: Series) -> list[Followed]:
        """Go through the rows of a gridded series, as many of the last as are not forgotten; what is said of them."""
        needed = rows_remembered(self.model.forecaster, self.model.watch, self.model.scoring)
        stride = stride_of(self.model.forecaster)
        start = max(0, len(series) - needed) // stride * stride
        self.row = self.started = start
        y = np.where(series.observed, series.y, np.nan)
        return [self.push(series.ds[at], y[at], series.past[at]) for at in range(start, len(series))]

    def leave_out(self, rows: int) -> None:
        """Count so many missing rows without looking at them; those that are remembered are pushed after them."""
        self.row += rows

    @property
    def last(self) -> Any:
        """The stamp of the last row; None before the first."""
        return self.ds[self.end - 1] if self.end else None

    def push(self, ds: Any, y: Array, past: Array) -> Followed:
        """What is said of the next row of the grid: values y (C,), NaN where missing, covariates (P + K,)."""
        if self.end == len(self.ds):
            for buffer in (self.ds, self.y, self.past):
                buffer[: self.length] = buffer[-self.length :]
            self.end = self.length
        low = self._low()
        self.ds[self.end], self.y[self.end], self.past[self.end] = ds, y, past
        self.end += 1
        z = self._scaled(y)
        seen = np.isfinite(z)
        run = self.row + 1 - self.started >= self.length
        errors = self.errors.push(self.row, np.where(seen, z, 0.0), seen, run=run)
        jump, jumped = self.sudden.push(errors.signed.astype(np.float64), self._phase())
        still, stood = self.stuck.push(y)
        doubted = self.doubt.push(errors.signals[self.missed])
        self.row += 1
        score, share = self.scores.push(errors.signals)
        if not np.isfinite(y).any():
            score, share = np.nan, np.full(self.channels, np.nan)
        return Followed(score, jump, still, share, (jumped, stood), errors.expected, low, doubted)

    def _low(self) -> bool:
        """Whether less than half of the context before the next row was seen."""
        before = self.y[max(0, self.end - self.length) : self.end]
        return bool(self.row < self.length or 2 * np.isfinite(before).sum() < self.length * self.channels)

    def _phase(self) -> int:
        """How many rows after phase 0 the row is that was just pushed."""
        if self.origin is None:
            source = make_source(self._series(self.end - 1), self.model.scales, self.setting, stop=1)
            self.origin = source.origin - self.row
        return self.origin + self.row

    def _scaled(self, y: Array) -> Array:
        """The values (C,) in scales of the series."""
        if self.scale is None:
            self.scale = self.model.scales.of(self._series(max(0, self.end - self.length)))
        with np.errstate(divide="ignore", invalid="ignore"):
            z: Array = self.model.scales.transform.forward(y[None])[0]
        return z / np.where(self.scale > 0, self.scale, 1.0)

    def _series(self, start: int) -> Series:
        y, both, past = self.y[start : self.end], self.past[start : self.end], self.beside.past
        return Series(self.unique_id, self.ds[start : self.end], y, np.isfinite(y), both[:, past:], both[:, :past],
                      self.beside.static, np.zeros(len(y), dtype=np.int64))

    def _context(self) -> Streams:
        """The streams of the last L rows."""
        series = self._series(self.end - self.length)
        if self.beside.known:
            series = self._with_ahead(series)
        return flatten([make_source(series, self.model.scales, self.setting, stop=self.length)])


    def look_ahead(self, known: Array, row: int) -> None:
        """Know covariates ahead: `known` (R, K) are those of the rows from number `row` on."""
        self.ahead, self.ahead_from = known, row

    def _with_ahead(self, series: Series) -> Series:
        """The rows up to the one just pushed, and behind them as many of those ahead as a horizon has."""
        first = max(0, self.row + 1 - self.ahead_from)
        known = self.ahead[first : first + self.setting.horizon]
        rows, (channels, past) = len(known), (self.channels, self.beside.past)
        nothing = np.full((rows, channels), np.nan)
        ds = np.concatenate([series.ds, stamps_after(series.ds[-1], rows, self.model.clock)]) if rows else series.ds
        return Series(series.unique_id, ds, np.concatenate([series.y, nothing]),
                      np.concatenate([series.observed, np.isfinite(nothing)]), np.concatenate([series.known, known]),
                      np.concatenate([series.past, np.full((rows, past), np.nan)]), series.static,
                      np.zeros(len(ds), dtype=np.int64))


def _stamped(model: Model) -> bool:
    return np.asarray(model.first).dtype == STAMP
