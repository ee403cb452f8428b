"""A trained model as an artifact, and back: which array stands where in the model file.

    network.<member>.<name>   float32   weights
    series.ids                uint8     ids, UTF-8, joined by NUL
    scale.series              (N, C)    scale of each series and channel
    scale.unit                (C,)      unit of the asinh transform
    scale.known|past|static   (2, K)    mean and deviation of each covariate
    calibration.factors       (H, Q)    stretch of each quantile's distance from the median
    calibration.trusted       (C,)      share of the network's way from the last value that is gone
    drift.level               (N, C)    median absolute value of each series
    drift.head                (R, C)    the first rows trained on, of the first series
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast import __version__
from grucast.core.errors import ModelError
from grucast.core.results import Artifact, DataFacts, Manifest
from grucast.core.series import Panel
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.sources import Scales
from grucast.workflows.learn import Learned, Prepared

HEAD_ROWS = 100
Tensors = Mapping[str, npt.NDArray[Any]]


def pack(
    prepared: Prepared, learned: Learned, facts: DataFacts, accuracy: Mapping[str, Any], torch_version: str
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
        values={"transform": values.transform, "min": values.min, "max": values.max, "levels": list(values.levels)},
        steps=int(np.mean(learned.steps)),
        accuracy=accuracy,
        members=len(learned.members),
    )
    return Artifact(manifest, _tensors(prepared, learned))


def _tensors(prepared: Prepared, learned: Learned) -> dict[str, npt.NDArray[Any]]:
    scales, panel = prepared.scales, prepared.panel
    tensors: dict[str, npt.NDArray[Any]] = {
        f"network.{member}.{name}": value
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
    """What forecasts, and what brings data to its size. ModelError where arrays do not fit the manifest."""
    manifest, tensors = artifact.manifest, artifact.tensors
    values, members = manifest.values, [_member(tensors, k) for k in range(manifest.members)]
    try:
        transform = Transform(values.get("transform", "none"), tensors["scale.unit"])
        ids = tuple(tensors["series.ids"].tobytes().decode().split("\0"))
        scales = Scales(transform, ids, tensors["scale.series"], tensors["scale.known"], tensors["scale.past"],
                        tensors["scale.static"])
        factors, trusted = tensors["calibration.factors"], tensors["calibration.trusted"]
    except (KeyError, UnicodeDecodeError) as error:
        raise ModelError(f"damaged: {error} is missing or not readable") from error
    horizon, levels_ = manifest.window.horizon, len(manifest.model.quantile_levels)
    channels = len(manifest.layout.columns.target)
    if not all(members) or factors.shape != (horizon, levels_) or trusted.shape != (channels,):
        raise ModelError("damaged: its arrays do not fit its manifest")
    low, high = values.get("min"), values.get("max")
    return Forecaster(members, manifest.model, manifest.window, transform, factors, trusted,
                      -np.inf if low is None else low, np.inf if high is None else high), scales


def _member(tensors: Tensors, member: int) -> dict[str, npt.NDArray[np.float32]]:
    start = f"network.{member}."
    return {name[len(start):]: value for name, value in tensors.items() if name.startswith(start)}
