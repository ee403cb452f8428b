"""`grucast export`: the network as ONNX, written only where another program says what ours does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grucast.artifacts.manifest import to_json
from grucast.artifacts.store import load
from grucast.core.arrays import Array, Array32, Mask
from grucast.core.config import ReadOptions
from grucast.core.errors import InputMissing, ModelError, UsageError
from grucast.core.files import write_whole
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.forecasting.intervals import stretch, trust
from grucast.forecasting.predict import Forecaster
from grucast.forecasting.repeats import repeat_within
from grucast.inference.predict import predict
from grucast.preprocessing.repeats import no_repeats
from grucast.preprocessing.sources import Scales, Setting, length_known, make_source
from grucast.preprocessing.windows import Streams, Windows, flatten, gather, gather_targets
from grucast.workflows.locate import check_outputs, find_data
from grucast.workflows.serving import first_row, read_gridded, unpacked

if TYPE_CHECKING:
    from grucast.training.export import Exported

CLOSE = 1e-5  # largest difference that is let through, relative to the largest number of a window where that is above 1
RANDOM, REAL, JUDGED = 16, 32, 200  # windows drawn at random, taken from the data, and those that judge 8 bits
MOST_SERIES = 10_000  # whose scales stand in the file


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export, and where to: `source` None is the file that the model remembers, if it is there."""

    model: Path
    read: ReadOptions
    source: str | None = None
    output: Path | None = None  # None: NAME.onnx in the current folder
    int8: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Real:
    """Windows of the data with what came after them, in scales less the anchor; y and seen are (B, H)."""

    windows: Windows
    y: Array
    seen: Mask


def export(request: ExportRequest) -> dict[str, Any]:
    """Write the network of a model as ONNX and give the facts of it, as JSON values.

    Errors: UsageError where the packages are missing; ModelError where the exported network says something else than
    ours (nothing is written then); those of reading data that are named, and of writing.
    """
    artifact = load(request.model)
    if artifact.manifest.model.objective == "reconstruct":
        raise ModelError(f"{request.model}: trained to rebuild the window only; there is no forecast to export")
    forecaster, scales = unpacked(artifact, request.model)
    output = request.output or Path(f"{request.model.stem}.onnx")
    source = _source(request, artifact)
    check_outputs({"-o": output}, (request.model, source, request.read.rows.exclude))
    from grucast.training import export as door  # the one door to torch and onnx: what is refused is so at once

    door.check_installed()
    real = _windows(request, source, artifact, (forecaster, scales))
    tried = _random(forecaster, scales)
    exported = door.Exported(forecaster.members, forecaster.model, forecaster.window, forecaster.trusted,
                             forecaster.factors, bool(scales.repeats and scales.repeats.share.any()))
    about = _about(artifact, scales)
    content = door.with_metadata(door.to_onnx(exported, _some(tried, slice(2))), json.dumps(about))
    probed = [tried] if real is None else [tried, _some(real.windows, slice(-REAL, None))]
    largest = max(_difference(door.run(content, one), said(forecaster, one)) for one in probed)
    if not largest <= CLOSE:
        raise ModelError(f"{request.model}: the exported network differs from ours by {largest:.2g}, more than "
                         f"{CLOSE:g}; nothing is written")
    facts = _facts(request, artifact, exported, about) | {
        "windows": {"random": RANDOM, "real": len(probed[1]) if real is not None else 0},
        "largest_difference": largest, "int8": None}
    if request.int8:
        small = door.to_int8(content)
        facts["int8"] = {"bytes_before": len(content)} | _loss(door.run, (content, small), tried, real)
        content = small
    write_whole(output, content)
    return facts | {"output": str(output), "bytes": len(content), "notes": _notes(facts)}


def said(forecaster: Forecaster, windows: Windows) -> Array:
    """Our own calibrated quantiles (B, H, Q) in scales, less the anchor."""
    levels = forecaster.model.quantile_levels
    raw = predict(forecaster.members, forecaster.model, forecaster.window, windows).astype(np.float64)
    share = forecaster.trusted[windows.channel]
    moved = repeat_within(trust(raw, np.zeros(len(windows)), share, levels), windows, levels.index(0.5))
    return stretch(moved, forecaster.factors, levels)


def _difference(found: Array | Array32, ours: Array) -> float:
    """The largest difference of quantiles (B, H, Q), relative to the largest number of a window where above 1."""
    size = np.maximum(np.abs(ours).max(axis=(1, 2)), 1.0)
    return float((np.abs(found - ours).max(axis=(1, 2)) / size).max())


# ---- windows to compare on -----------------------------------------------------------------------


def _source(request: ExportRequest, artifact: Artifact) -> str | None:
    """The data named, else those remembered where they are still there; without any, random windows must do."""
    try:
        return find_data(request.source, artifact.manifest, request.model)
    except InputMissing:
        return None


def _windows(request: ExportRequest, source: str | None, artifact: Artifact,
             model: tuple[Forecaster, Scales]) -> _Real | None:
    """The newest windows of the data whose rows ahead are there, of all series, each once; None without data.

    Of a series too short for one that is the window after its first row, and what is ahead of it as far as it is there.
    """
    if source is None:
        return None
    _, panel, _ = read_gridded(source, request.read, artifact.manifest.layout)
    forecaster, scales = model
    streams = _streams(panel, artifact, forecaster, scales)
    horizon = forecaster.window.horizon
    each = max(1, JUDGED // len(streams.start))
    last = streams.length - horizon
    cutoff = np.maximum(last[:, None] - np.arange(each), 1).reshape(-1)
    stream = np.repeat(np.arange(len(streams.start)), each)
    at = np.unique([stream, cutoff], axis=1)[:, :JUDGED]  # a short series gives its first one many times
    y, seen = gather_targets(streams, horizon, *at)
    windows = gather(streams, forecaster.window, *at)
    usable = windows.mask.any(axis=1)
    if not usable.any():
        return None
    windows = _some(windows, usable)
    return _Real(windows, y[usable] - windows.level[:, None], seen[usable])


def _streams(panel: Panel, artifact: Artifact, forecaster: Forecaster, scales: Scales) -> Streams:
    setting = Setting(panel.layout.clock, first_row(artifact.manifest), forecaster.window.horizon,
                      forecaster.model.calendar)
    some = panel.series[:JUDGED]
    return flatten([make_source(one, scales, setting, stop=max(length_known(one), 1)) for one in some])


def _random(forecaster: Forecaster, scales: Scales) -> Windows:
    """Windows of random walks with a fifth of their rows missing, the same at every export, each of some series."""
    rng, model, spec = np.random.default_rng(0), forecaster.model, forecaster.window
    length, ahead = spec.context_length, spec.horizon
    mask = (rng.random((RANDOM, length)) < 0.8).astype(np.float32)
    mask[:, -1] = 1.0
    z = rng.normal(size=(RANDOM, length)).cumsum(axis=1) * rng.uniform(0.1, 2.0, (RANDOM, 1))

    def drawn(*shape: int) -> Any:
        return rng.normal(size=(RANDOM, *shape)).astype(np.float32)

    repeats = scales.repeats or no_repeats(1, len(forecaster.trusted))
    drawn_from = rng.integers(0, repeats.lag.size, RANDOM)
    lag, share = repeats.lag.reshape(-1)[drawn_from], repeats.share.reshape(-1)[drawn_from].astype(np.float32)
    return Windows(
        x=((z - z[:, -1:]) * mask).astype(np.float32), mask=mask, seen=mask, known=drawn(length + ahead, model.known),
        past=drawn(length, model.past), static=drawn(model.static), anchor=np.full(RANDOM, length - 1),
        channel=rng.integers(0, len(forecaster.trusted), RANDOM),
        phase=np.stack([rng.integers(0, one, RANDOM) for one in spec.seasons], axis=1) if spec.seasons
        else np.zeros((RANDOM, 0), np.int64),
        level=np.zeros(RANDOM), lag=lag, share=share)


def _some(windows: Windows, rows: Any) -> Windows:
    """Some of the windows."""
    return replace(windows, **{name: getattr(windows, name)[rows] for name in Windows.__dataclass_fields__})


# ---- words ---------------------------------------------------------------------------------------


def _loss(run: Any, contents: tuple[bytes, bytes], tried: Windows, real: _Real | None) -> dict[str, Any]:
    """What 8 bits cost: mean absolute errors of both medians on the data, and how far forecasts moved."""
    windows = tried if real is None else real.windows
    whole, small = (run(one, windows) for one in contents)
    moved = float(np.abs(small - whole).mean())
    if real is None or not real.seen.any():
        return {"moved": moved, "mae": None, "mae_int8": None}
    middle = whole.shape[2] // 2
    errors = [float(np.abs(one[:, :, middle] - real.y)[real.seen].mean()) for one in (whole, small)]
    return {"moved": moved, "mae": errors[0], "mae_int8": errors[1]}


def _about(artifact: Artifact, scales: Scales) -> dict[str, Any]:
    """What a program needs beside the graph, kept in its metadata: windows, scales, the way back."""
    manifest = artifact.manifest
    window, columns, few = manifest.window, manifest.layout.columns, len(scales.ids) <= MOST_SERIES
    return {
        "digest": artifact.digest, "versions": dict(manifest.versions), "context_length": window.context_length,
        "horizon": window.horizon, "seasons": list(window.seasons), "first": manifest.data.first,
        "freq": manifest.layout.clock.freq, "quantile_levels": list(manifest.model.quantile_levels),
        "columns": {name: list(getattr(columns, name)) for name in ("target", "known", "past", "static")},
        "calendar": list(manifest.model.calendar), "holidays": to_json(manifest)["holidays"],
        "transform": scales.transform.kind,
        "unit": scales.transform.unit.tolist(), "min": manifest.values.get("min"), "max": manifest.values.get("max"),
        "ids": list(scales.ids) if few else None, "scale": scales.scale.tolist() if few else None,
        "lag": scales.repeats.lag.tolist() if few and scales.repeats else None,
        "share": scales.repeats.share.tolist() if few and scales.repeats else None,
        "static": scales.static.tolist(),
        **{name: one.tolist() if few or one.ndim == 2 else None
           for name, one in (("known", scales.known), ("past", scales.past))},
    }


def _facts(request: ExportRequest, artifact: Artifact, exported: Exported, about: dict[str, Any]) -> dict[str, Any]:
    """What is told of every export."""
    from grucast.training.export import OPSET

    return {"model": str(request.model), "digest": artifact.digest, "opset": OPSET,
            "inputs": list(exported.inputs),
            "quantiles": ["series", about["horizon"], len(about["quantile_levels"])]}


def _notes(facts: dict[str, Any]) -> list[str]:
    """What a reader should know."""
    notes = []
    if not facts["windows"]["real"]:
        notes.append("compared on random windows only: there are no data to take windows from; name them with --data")
    return notes


def refuse_early(request: ExportRequest) -> None:
    """UsageError for an output that is no ONNX file."""
    if request.output is not None and request.output.suffix.lower() != ".onnx":
        raise UsageError(f"{request.output}: the exported network is a .onnx file")
