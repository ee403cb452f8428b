"""The scores of the rows of a panel, by a model: what `detect-anomalies` and the calibration of alarms share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Array32, Leads
from grucast.core.config import ModelConfig
from grucast.core.errors import ModelError
from grucast.core.progress import Progress, silent
from grucast.core.results import RowScores
from grucast.core.series import Panel, Series
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.calibration import pack as pack_calibration
from grucast.detection.calibration import unpack as unpack_calibration
from grucast.detection.doubt import doubted, rows_doubted_over
from grucast.detection.scoring import (
    MODES,
    SCORERS,
    SIGNALS,
    Signals,
    SignalScale,
    gather_channels,
    strangeness,
)
from grucast.detection.stuck import StuckScale, stuck
from grucast.detection.sudden import LAGS, SuddenScale, sudden
from grucast.detection.verdict import Laws
from grucast.forecasting.errors import RowErrors, precise, row_errors
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.sources import Scales, Setting, length_passed, make_source
from grucast.preprocessing.windows import Streams, flatten

TOGETHER = 2_000_000  # values (rows times channels) scored in one go, of several series
WIDEST_KERNEL = 100_000  # rows; what a model file may ask for
NONE = -1.0  # stands for NaN in the model file, which holds finite numbers only; no signal is negative
GATHERINGS = ("largest", "mean")
STUCK_LAW = "stuck"
USUAL = "anomaly.usual"
LONGEST_CYCLE = 100_000  # rows; what a model file may ask for


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What a model knows about normal rows.

    The scale of its signals by mode, that of sudden and of stuck rows, and laws: of scores by the name of a `Scoring`,
    `online.sudden`, `offline.sudden` and `stuck`. `usual` (N + 1, C) or (1, C) are its errors on rows held out, in
    scales of the series; None in a model that an older grucast trained.
    """

    scale: Mapping[str, SignalScale]
    sudden: SuddenScale
    stuck: StuckScale
    calibration: Mapping[str, ScoreCalibration]
    usual: Array | None = None

    def laws(self, scoring: Scoring) -> Laws:
        """The laws by which rows are judged that are scored like that."""
        forecasts = scoring.scorer != "reconstruction"
        return Laws(self.calibration[scoring.name], self.calibration[sudden_law(scoring.mode)] if forecasts else None,
                    self.calibration[STUCK_LAW])


@dataclass(frozen=True, slots=True)
class Scoring:
    """How rows are scored: online or offline, by which scorer, and how channels are gathered."""

    mode: str = "online"
    scorer: str = "combined"
    gather: str = "largest"

    @property
    def name(self) -> str:
        """The name of the calibration that belongs to it."""
        return f"{self.mode}.{self.scorer}.{self.gather}"


def sudden_law(mode: str) -> str:
    """The name of the law of sudden rows."""
    return f"{mode}.sudden"


def scorers_of(model: ModelConfig) -> tuple[str, ...]:
    """The scorers that a model offers, the one to take first: those of the jobs that it was trained for."""
    return {"forecast": ("forecast",), "reconstruct": ("reconstruction",)}.get(model.objective, tuple(SCORERS))


def scorings(model: ModelConfig, channels: int) -> Iterator[Scoring]:
    """Every way to score that a model is calibrated for."""
    for mode in MODES:
        for scorer in scorers_of(model):
            for gather in GATHERINGS[: 1 if channels == 1 else None]:
                yield Scoring(mode, scorer, gather)


def signals_of(errors: RowErrors, streams: Streams, mode: str, narrow: int) -> list[Signals]:
    """The signals (T, C) of each series that `mode` may see."""
    near = np.abs(errors.near)
    rebuilt = errors.rebuilt if mode == "offline" else errors.latest
    flat = {"near": near, "whole": errors.whole, "band": errors.band, "rebuilt": rebuilt, "state": errors.state}
    names = SCORERS["combined"] if narrow else SCORERS["forecast"]
    return [{name: of_series(flat[name], streams, series) for name in names} for series in series_numbers(streams)]


def series_numbers(streams: Streams) -> range:
    """The numbers of the series of `streams`."""
    return range(int(streams.series[-1]) + 1)


def of_series(flat: npt.NDArray[Any], streams: Streams, series: int) -> npt.NDArray[Any]:
    """The rows (T, C) or (T, C, ...) of one series from an array (R, ...) over all streams."""
    channels = np.flatnonzero(streams.series == series)
    start, length = int(streams.start[channels[0]]), int(streams.length[channels[0]])
    rows = flat[start : start + length * len(channels)]
    return np.swapaxes(rows.reshape(len(channels), length, *flat.shape[1:]), 0, 1)


def score_panel(
    panel: Panel, model: tuple[Forecaster, Scales], watch: Watch, first: Any, scoring: Scoring,
    progress: Progress = silent,
) -> Iterator[RowScores]:
    """The scores of each series of a gridded panel; `first` is the first row trained on, a value of the axis.

    ModelError where the model was not trained for that scorer.
    """
    forecaster, scales = model
    if scoring.name not in watch.calibration:
        raise ModelError(f"not trained for --scorer {scoring.scorer}; train with --objective both")
    setting = Setting(panel.layout.clock, first, forecaster.window.horizon, forecaster.model.calendar)
    for some in _batches(panel):
        streams = flatten([make_source(one, scales, setting, stop=length_passed(one)) for one in some])
        errors = row_errors(precise(forecaster), streams, progress)
        signals = signals_of(errors, streams, scoring.mode, forecaster.model.narrow)
        all_signed, all_expected, all_missed = errors.signed, errors.expected, missed_of(errors, forecaster.model)
        del errors  # and the values, as both would be held while series are judged
        streams = replace(streams, z=streams.z[:0].copy(), observed=streams.observed[:0].copy())
        for number, one in enumerate(some):
            score = strangeness(signals[number], watch.scale[scoring.mode],
                                scale_row(scales, watch, scoring, one.unique_id),
                                scorer=scoring.scorer, mode=scoring.mode)
            signals[number] = {}
            signed = of_series(all_signed, streams, number)
            jump = sudden(signed, watch.sudden, sudden_row(scales, watch, one.unique_id),
                          origin_of(streams, number), scoring.mode)
            found = _row_scores(one, of_series(all_expected, streams, number), score, scoring,
                                (jump, stuck(values_of(one, len(signed)), watch.stuck, scoring.mode)))
            if watch.usual is not None:
                found = replace(found, doubted=doubted(of_series(all_missed, streams, number),
                                                       usual_of(scales, watch.usual, one.unique_id),
                                                       rows_doubted_over(forecaster.window)))
            del score, signed, jump
            if number == len(some) - 1:
                del all_signed, all_expected, all_missed
            yield found


def _batches(panel: Panel) -> Iterator[list[Series]]:
    """Series, as many at once as have about `TOGETHER` values."""
    held: list[Series] = []
    values = 0
    for one in panel.series:
        held.append(one)
        values += one.y.size
        if values >= TOGETHER:
            yield held
            held, values = [], 0
    if held:
        yield held


def scale_row(scales: Scales, watch: Watch, scoring: Scoring, unique_id: str) -> int:
    """The row of the scale of a series: its own, or the last, that of all series together."""
    known = scales.rows.get(unique_id, -1)
    return known if 0 <= known < len(watch.scale[scoring.mode].median) - 1 else -1


def sudden_row(scales: Scales, watch: Watch, unique_id: str) -> int:
    """The row of the level of jumps of a series: its own, or the last, that of all series together."""
    known = scales.rows.get(unique_id, -1)
    return known if 0 <= known < len(watch.sudden.level) - 1 else -1


def usual_of(scales: Scales, usual: Array, unique_id: str) -> Array:
    """The usual errors (C,) of a series: its own, or those of all series together."""
    known = scales.rows.get(unique_id, -1)
    found: Array = usual[known if 0 <= known < len(usual) - 1 else -1]
    return found


def missed_of(errors: RowErrors, model: ModelConfig) -> Array32:
    """The errors (R,) by which a model is doubted: of its nearest forecasts, or of what it rebuilds."""
    return errors.latest if model.objective == "reconstruct" else errors.near


def origin_of(streams: Streams, series: int) -> int:
    """How many rows after phase 0 the first row of a series is."""
    return int(streams.origin[np.flatnonzero(streams.series == series)[0]])


def values_of(one: Series, rows: int) -> Array:
    """The first `rows` values (T, C) of a series, NaN where missing."""
    return one.y[:rows]  # NaN where not observed, as a series has it


def _row_scores(one: Series, expected: Array, channels: Array, scoring: Scoring,
                beside: tuple[tuple[Array32, Leads], tuple[Array32, Leads]]) -> RowScores:
    rows = len(expected)
    score, share = gather_channels(channels, scoring.gather)
    (jump, jumped), (still, stood) = beside
    unseen = np.asarray(~one.observed[:rows].any(axis=1))
    return RowScores(
        unique_id=one.unique_id,
        ds=one.ds[:rows],
        y=values_of(one, rows),
        expected=expected,
        score=np.where(unseen, np.nan, score),
        share=np.where(unseen[:, None], np.nan, share),
        sudden=jump,
        stuck=still,
        leads=(jumped, stood),
    )


# ---- in the model file ---------------------------------------------------------------------------


def pack_watch(watch: Watch) -> dict[str, npt.NDArray[np.float64]]:
    """The arrays `anomaly.*` of the model file."""
    out: dict[str, npt.NDArray[np.float64]] = {}
    for mode, scale in watch.scale.items():
        out[f"anomaly.{mode}.widths"] = np.array(scale.widths, dtype=np.float64)
        out[f"anomaly.{mode}.median"] = np.nan_to_num(scale.median, nan=NONE)
        out[f"anomaly.{mode}.upper"] = np.nan_to_num(scale.upper, nan=NONE)
    out["anomaly.sudden.weights"], out["anomaly.sudden.most"] = watch.sudden.weights, watch.sudden.most
    out["anomaly.sudden.level"], out["anomaly.sudden.profile"] = watch.sudden.level, watch.sudden.profile
    if watch.usual is not None:
        out[USUAL] = np.nan_to_num(watch.usual, nan=NONE)
    out["anomaly.stuck.surprise"], out["anomaly.stuck.beyond"] = watch.stuck.surprise, watch.stuck.beyond
    for name, calibration in watch.calibration.items():
        out |= pack_calibration(calibration, name)
    return out


def unpack_watch(tensors: Mapping[str, npt.NDArray[Any]], model: ModelConfig, channels: int) -> Watch:
    """What `pack_watch` wrote; ModelError where it is missing, damaged or of another shape."""
    scale: dict[str, SignalScale] = {}
    calibration: dict[str, ScoreCalibration] = {}
    try:
        for mode in MODES:
            median, upper = (tensors[f"anomaly.{mode}.{name}"] for name in ("median", "upper"))
            widths = tuple(int(one) for one in tensors[f"anomaly.{mode}.widths"])
            shape = (channels, len(SIGNALS), len(widths))
            if not all(0 < one <= WIDEST_KERNEL for one in widths):
                raise ValueError(f"anomaly.{mode} has widths {widths}")
            if median.shape[1:] != shape or upper.shape != median.shape or not len(median):
                raise ValueError(f"anomaly.{mode} has shape {median.shape}")
            scale[mode] = SignalScale(widths, *(np.where(one == NONE, np.nan, one) for one in (median, upper)))
        sudden_scale, stuck_scale = _unpack_beside(tensors, channels)
        names = [scoring.name for scoring in scorings(model, channels)]
        for name in (*names, *map(sudden_law, MODES), STUCK_LAW):
            found = unpack_calibration(tensors, name)
            if found is None:
                raise KeyError(name)
            calibration[name] = found
        usual = _unpack_usual(tensors, channels)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ModelError(f"damaged: what it knows about normal rows: {error}") from error
    return Watch(scale, sudden_scale, stuck_scale, calibration, usual)


def _unpack_usual(tensors: Mapping[str, npt.NDArray[Any]], channels: int) -> Array | None:
    """The usual errors, None in an older file; ValueError where they are damaged."""
    if USUAL not in tensors:
        return None
    found = tensors[USUAL]
    if found.ndim != 2 or found.shape[1] != channels or not len(found):
        raise ValueError(f"{USUAL} has shape {found.shape}")
    return np.where(found == NONE, np.nan, found)


def _unpack_beside(tensors: Mapping[str, npt.NDArray[Any]], channels: int) -> tuple[SuddenScale, StuckScale]:
    """The scales of sudden and stuck rows; ValueError or KeyError where they are damaged."""
    one = SuddenScale(*(tensors[f"anomaly.sudden.{name}"] for name in ("weights", "most", "level", "profile")))
    other = StuckScale(*(tensors[f"anomaly.stuck.{name}"] for name in ("surprise", "beyond")))
    shapes = (one.weights.shape, one.most.shape, one.level.shape[1:], len(one.profile), other.beyond.shape)
    if shapes != ((channels, LAGS), (channels,), (channels,), channels, (channels,)) or not len(one.level):
        raise ValueError(f"anomaly.sudden and anomaly.stuck have shapes {shapes}")
    if not 0 < one.profile.shape[1] <= LONGEST_CYCLE or len(other.surprise) != channels or not other.surprise.size:
        raise ValueError(f"anomaly.sudden.profile and anomaly.stuck.surprise have {one.profile.shape} and "
                         f"{other.surprise.shape}")
    return one, other

