"""A trained model as an artifact, and back: which array stands where in the model file.

What comes out of a file is tried out before it is used: its digest says that nobody changed it by accident,
not that its arrays fit each other.

    network.<member>.<name>   float16 where it holds them, float32   weights
    series.ids                uint8     ids, UTF-8, joined by NUL
    scale.series              (N, C)    scale of each series and channel
    scale.unit                (C,)      unit of the asinh transform
    scale.known|past|static   (2, K)    mean and deviation of each covariate; known, past also (N + 1, 2, K)
    repeat.lag                (N, C)    rows back to what each series repeats; 0 where it repeats nothing
    repeat.share              (N, C)    how much of it goes into the forecast
    calibration.factors       (H, Q)    stretch of each quantile's distance from the median
    calibration.trusted       (C,)      share of the network's way from the last value that is gone
    anomaly.<mode>.*          (N + 1, C, S, W)  scale of each signal, see `detection/scoring.py`
    anomaly.<mode>.<scorer>.<gathering>.*  the law of scores, see `detection/calibration.py`
    drift.level               (N, C)    median absolute value of each series
    drift.head                (R, C)    the first rows trained on, of the first series
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grucast import __version__
from grucast.core.errors import ModelError, UsageError
from grucast.core.results import Artifact, DataFacts, Manifest
from grucast.core.series import STAMP, Panel
from grucast.forecasting.predict import Forecaster
from grucast.inference.heads import MOST_DIRECTIONS
from grucast.inference.predict import predict_all
from grucast.inference.weights import short, whole
from grucast.preprocessing.alias import parse_frequency
from grucast.preprocessing.calendar import calendar_names
from grucast.preprocessing.holidays import holiday_names
from grucast.preprocessing.repeats import Repeats, no_repeats
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.sources import Scales
from grucast.preprocessing.windows import Windows
from grucast.preprocessing.zones import local_stamps
from grucast.workflows.detecting.scores import Watch, pack_watch

if TYPE_CHECKING:  # these import torch, which a forecast must not pay for
    from grucast.workflows.learning.learn import Learned
from grucast.workflows.learning.prepared import Prepared

HEAD_ROWS = 100
# what a file says is looked up as a module or as a file: only among names that cannot be anything else
_ENCODINGS = {*aliases, *aliases.values(), "utf_8_sig", "koi8_u", "koi8_t", "cp720", "cp737", "cp856", "cp874"}
_ZONE = re.compile(r"|[A-Za-z][A-Za-z0-9_+/-]{0,63}|[+-]\d\d:?\d\d(:\d\d)?")
Tensors = Mapping[str, npt.NDArray[Any]]


def pack(
    prepared: Prepared,
    learned: Learned,
    facts: DataFacts,
    accuracy: Mapping[str, Any],
    torch_version: str,
    watch: Watch,
) -> Artifact:
    """The artifact of a trained model."""
    values = prepared.options.values
    manifest = Manifest(
        versions={"grucast": __version__, "torch": torch_version, "numpy": np.__version__},
        layout=prepared.panel.layout,
        data=facts,
        window=prepared.window,
        model=prepared.model,
        training=prepared.training,
        values={"transform": prepared.scales.transform.kind, "min": values.min, "max": values.max,
                "levels": list(dict.fromkeys(values.levels))},
        steps=int(np.mean([one.steps for one in learned.found])),
        accuracy=accuracy,
        members=len(learned.members),
        holidays=prepared.scales.holidays,
    )
    return Artifact(manifest, _tensors(prepared, learned) | pack_watch(watch))


def _tensors(prepared: Prepared, learned: Learned) -> dict[str, npt.NDArray[Any]]:
    scales, panel = prepared.scales, prepared.panel
    repeats = scales.repeats or no_repeats(len(scales.ids), len(panel.channels))
    tensors: dict[str, npt.NDArray[Any]] = {
        f"network.{member}.{name}": short(value)
        for member, weights in enumerate(learned.members)
        for name, value in weights.items()
    }
    tensors |= {
        "series.ids": np.frombuffer("\0".join(scales.ids).encode(), dtype=np.uint8),
        "scale.series": scales.scale,
        "scale.unit": scales.transform.unit,
        "scale.known": scales.known,
        "scale.past": scales.past,
        "scale.static": scales.static,
        "repeat.lag": repeats.lag,
        "repeat.share": repeats.share,
        "calibration.factors": learned.forecaster.factors,
        "calibration.trusted": learned.forecaster.trusted,
        "drift.level": levels(panel),
        "drift.head": np.nan_to_num(panel.series[0].y[:HEAD_ROWS]),
    }
    return tensors


def levels(panel: Panel) -> npt.NDArray[np.float64]:
    """The median absolute value (N, C) of each series and channel; 0 where nothing is observed."""
    out = np.zeros((len(panel.series), len(panel.channels)))
    for row, one in enumerate(panel.series):
        for channel in range(len(panel.channels)):
            seen = one.y[one.observed[:, channel], channel]
            out[row, channel] = np.median(np.abs(seen)) if len(seen) else 0.0
    return out


def unpack(artifact: Artifact) -> tuple[Forecaster, Scales]:
    """What forecasts, and what brings data to its size.

    ModelError where an array is missing, of another shape than the manifest says or not finite, and where the
    network is of a kind that this grucast does not have.
    """
    manifest, tensors = artifact.manifest, artifact.tensors
    ids = series_ids(tensors)
    _check_layout(manifest)
    _check_shapes(manifest, tensors, len(ids))
    values = manifest.values
    transform = Transform(values.get("transform", "none"), tensors["scale.unit"])
    scales = Scales(transform, ids, tensors["scale.series"], tensors["scale.known"], tensors["scale.past"],
                    tensors["scale.static"], manifest.holidays,
                    Repeats(tensors["repeat.lag"], tensors["repeat.share"]))
    low, high = values.get("min"), values.get("max")
    forecaster = Forecaster([_member(tensors, k) for k in range(manifest.members)], manifest.model, manifest.window,
                            transform, tensors["calibration.factors"], tensors["calibration.trusted"],
                            -np.inf if low is None else low, np.inf if high is None else high)
    _try_out(forecaster, len(manifest.layout.columns.target))
    return forecaster, scales


def series_ids(tensors: Tensors) -> tuple[str, ...]:
    """The ids of the series trained on."""
    try:
        return tuple(tensors["series.ids"].tobytes().decode().split("\0"))
    except (KeyError, UnicodeDecodeError) as error:
        raise ModelError("damaged: the ids of its series are missing or not readable") from error


def _check_layout(manifest: Manifest) -> None:
    """ModelError where the data could not be read as the manifest says, or the network needs other covariates."""
    layout, model = manifest.layout, manifest.model
    form, columns, clock = layout.format, layout.columns, layout.clock
    if normalize_encoding(form.encoding).lower() not in _ENCODINGS or not _ZONE.fullmatch(clock.tz):
        raise ModelError("damaged: manifest: its encoding or its zone is no name of one")
    if (clock.kind == "row") != (not columns.time) or (clock.kind in ("index", "elapsed") and len(columns.time) > 1):
        raise ModelError("damaged: manifest: its time columns do not fit its clock")
    try:
        codecs.lookup(form.encoding)
        local_stamps(np.zeros(1, STAMP), clock.tz)
        names = (*calendar_names(clock), *holiday_names(manifest.holidays))
        for alias in filter(None, (clock.freq, layout.resample)):
            parse_frequency(alias)
    except (LookupError, UsageError) as error:
        raise ModelError(f"made by another grucast or on another machine: {error}") from error
    if form.delimiter != "whitespace" and (len(form.delimiter) != 1 or form.delimiter in '"\r\n '):
        raise ModelError("damaged: manifest: layout.format.delimiter is not one character")
    known, past, static = len(columns.known) + len(model.calendar), len(columns.past), len(columns.static)
    if not columns.target or (model.known, model.past, model.static) != (known, past, static):
        raise ModelError("damaged: manifest: its columns are not those of its network")
    if not set(model.calendar) <= set(names) or list(model.quantile_levels) != sorted(set(model.quantile_levels)):
        raise ModelError("damaged: manifest: its calendar or its quantiles are none")
    if not set(manifest.holidays.codes.values()) <= manifest.holidays.days.keys():
        raise ModelError("damaged: manifest: it has no holidays of a country that it names")


def _by_series(tensors: Tensors, name: str, series: int, covariates: int) -> tuple[int, ...]:
    """The shape of moments: of all series together, or of each and of all."""
    each = name in tensors and tensors[name].ndim == 3
    return (series + 1, 2, covariates) if each else (2, covariates)


def _check_shapes(manifest: Manifest, tensors: Tensors, series: int) -> None:
    """ModelError where an array beside the weights is missing, of another shape or not finite."""
    model, columns = manifest.model, manifest.layout.columns
    channels, known, past, static = map(len, (columns.target, columns.known, columns.past, columns.static))
    head = tensors["drift.head"].shape[0] if "drift.head" in tensors else 0
    wanted = {
        "scale.series": (series, channels), "scale.unit": (channels,),
        "scale.known": _by_series(tensors, "scale.known", series, known),
        "scale.past": _by_series(tensors, "scale.past", series, past), "scale.static": (2, static),
        "repeat.lag": (series, channels), "repeat.share": (series, channels),
        "calibration.factors": (manifest.window.horizon, len(model.quantile_levels)),
        "calibration.trusted": (channels,),
        "drift.level": (series, channels), "drift.head": (head, channels),
    }
    for name, shape in wanted.items():
        if name not in tensors or tensors[name].shape != shape:
            found = f"is {tensors[name].shape}, not {shape}" if name in tensors else "is missing"
            raise ModelError(f"damaged: array {name!r} {found}")
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise ModelError(f"damaged: array {name[:40]!r} is not finite")
        if array.dtype == np.float16 and not name.startswith("network."):
            raise ModelError(f"damaged: array {name[:40]!r} is in half precision")
    lag, share = tensors["repeat.lag"], tensors["repeat.share"]
    if lag.dtype.kind != "i" or not ((lag >= 0) & (lag <= manifest.window.context_length)).all():
        raise ModelError("damaged: array 'repeat.lag' reaches out of the context")
    if not ((share >= 0) & (share <= 1)).all():
        raise ModelError("damaged: array 'repeat.share' is no share")


def _try_out(forecaster: Forecaster, channels: int) -> None:
    """Forecast from an empty window of the first and the last channel: ModelError where the weights do not fit."""
    model, window = forecaster.model, forecaster.window
    channel = np.unique([0, channels - 1])
    count, length, ahead = len(channel), window.context_length, window.horizon
    empty = np.zeros(count, dtype=np.int64)
    windows = Windows(
        x=np.zeros((count, length), dtype=np.float32),
        mask=np.zeros((count, length), dtype=np.float32),
        seen=np.zeros((count, length), dtype=np.float32),
        known=np.zeros((count, length + ahead, model.known), dtype=np.float32),
        past=np.zeros((count, length, model.past), dtype=np.float32),
        static=np.zeros((count, model.static), dtype=np.float32),
        anchor=empty + length - 1,
        channel=channel,
        phase=np.zeros((count, len(window.seasons)), dtype=np.int64),
        level=np.zeros(count),
        lag=empty,
        share=np.zeros(count, dtype=np.float32),
    )
    size = model.layers * model.hidden
    for member in forecaster.members if model.narrow else ():  # a column less would still multiply
        whiten = member.get("state.whiten")
        if whiten is None or whiten.shape != (size, min(size, MOST_DIRECTIONS)):
            raise ModelError("damaged: its weights do not fit its settings")
    try:
        found = predict_all(forecaster.members, model, window, windows)
    except UsageError as error:  # a registry's
        raise ModelError(f"made by another grucast: {error}") from error
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError("damaged: its weights do not fit its settings") from error
    rebuilt = (count, length) if found.rebuilt is None else found.rebuilt.shape
    if found.quantiles.shape != (count, ahead, len(model.quantile_levels)) or rebuilt != (count, length):
        raise ModelError("damaged: its weights do not fit its settings")


def _member(tensors: Tensors, member: int) -> dict[str, npt.NDArray[np.float32]]:
    start = f"network.{member}."
    return {name[len(start):]: whole(value) for name, value in tensors.items() if name.startswith(start)}
