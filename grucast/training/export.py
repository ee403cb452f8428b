"""The network as ONNX, and what it says when another program runs it: the one door to onnx and onnxruntime.

torch writes the graph (onnxscript 0.7.2 or later; earlier ones wrote GRUs wrongly). It holds any number of windows at
once, of several series if need be, normalised as `preprocessing/windows.py` says, and gives their quantiles calibrated
as `forecasting/predict.py` does, less the anchor. Only the inputs that the network looks at are in it. Networks ask for
`x.shape[0]`, never for `len(x)`, which would be a fixed number of windows in the graph.

Weights of 8 bits (`to_int8`) are whole numbers with a scale for each row or column, whichever loses less; a node
DequantizeLinear before each use makes them numbers again, so that every kind of operation can have them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grucast.core.arrays import Array, Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.core.errors import ModelError, UsageError
from grucast.networks.batch import Batch
from grucast.networks.network import Network
from grucast.preprocessing.windows import Windows

OPSET = 18
KEY = "grucast"  # of the metadata
SERIES = torch.export.Dim("series", min=1)  # how many windows are given at once
SMALL = 256  # numbers below which a weight stays as it is


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """What is written: a network with what calibrates its quantiles. `trusted` is (C,), `factors` (H, Q).

    `repeats` is whether a series repeats anything: then the graph takes the lag and the share of each window.
    """

    members: Sequence[Mapping[str, Array32]]
    model: ModelConfig
    window: WindowSpec
    trusted: Array
    factors: Array
    repeats: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs that the graph looks at, fields of `Windows`."""
        model = self.model
        wanted = {"x": True, "mask": True, "known": model.known, "past": model.past, "static": model.static,
                  "anchor": model.seasonal or model.effects, "channel": len(self.trusted) > 1, "phase": model.seasonal,
                  "lag": self.repeats, "share": self.repeats}
        return tuple(name for name, there in wanted.items() if there)


def check_installed() -> None:
    """UsageError where the packages of the extra `onnx` are missing."""
    _onnx()


def to_onnx(exported: Exported, windows: Windows) -> bytes:
    """The network as the bytes of an ONNX file; `windows` are any two or more, for their shapes.

    ModelError where torch cannot write such a network.
    """
    _onnx()
    names = exported.inputs
    given = tuple(torch.from_numpy(np.ascontiguousarray(getattr(windows, name))) for name in names)
    whole = _Calibrated(exported, names).eval()
    try:
        with torch.no_grad(), _silence():
            program = torch.onnx.export(whole, given, dynamo=True, input_names=list(names), opset_version=OPSET,
                                        output_names=["quantiles"], verbose=False,
                                        dynamic_shapes=(({0: SERIES},) * len(names),))
    except torch.onnx.OnnxExporterError as error:
        model, cause = exported.model, type(error.__cause__ or error).__name__
        raise ModelError(f"torch {torch.__version__} cannot write this network as ONNX (--network {model.network} "
                         f"--cell {model.cell}): {cause}; nothing is written") from error
    if program is None:
        raise RuntimeError("torch gave no ONNX program")
    content: bytes = program.model_proto.SerializeToString()
    return content


def run(content: bytes, windows: Windows) -> Array32:
    """What onnxruntime makes of the windows, all at once: quantiles (B, H, Q)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    said: Array32 = session.run(None, {one.name: getattr(windows, one.name) for one in session.get_inputs()})[0]
    return said


def with_metadata(content: bytes, text: str) -> bytes:
    """The file with `text` as its metadata under `KEY`, and without the paths and the prose that torch leaves in it."""
    onnx = _onnx()
    proto = onnx.load_from_string(content)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {KEY: text})
    proto.producer_name = KEY
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    written: bytes = proto.SerializeToString(deterministic=True)
    return written


def to_int8(content: bytes) -> bytes:
    """The same network with weights of 8 bits."""
    onnx = _onnx()
    proto = onnx.load_from_string(content)
    kept, nodes = [], []
    for weight in proto.graph.initializer:
        value = onnx.numpy_helper.to_array(weight)
        if value.dtype != np.float32 or value.ndim < 2 or value.size < SMALL:
            kept.append(weight)
            continue
        axis, whole, scale = _whole(value)
        name = weight.name
        kept += [onnx.numpy_helper.from_array(whole, f"{name}.int8"),
                 onnx.numpy_helper.from_array(scale, f"{name}.scale")]
        nodes.append(onnx.helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], axis=axis))
    rest = list(proto.graph.node)
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend([*nodes, *rest])
    proto.graph.initializer.extend(kept)
    onnx.checker.check_model(proto)
    written: bytes = proto.SerializeToString(deterministic=True)
    return written


def _whole(value: Array32) -> tuple[int, Any, Array32]:
    """Axis, whole numbers and scales along it, for the axis of `value` along which the least is lost."""
    best: tuple[float, int, Any, Array32] | None = None
    for axis in (one for one in range(value.ndim) if value.shape[one] > 1):
        others = tuple(one for one in range(value.ndim) if one != axis)
        scale = np.maximum(np.abs(value).max(axis=others, keepdims=True) / 127.0, np.float32(1e-12)).astype(np.float32)
        whole = np.clip(np.rint(value / scale), -127, 127).astype(np.int8)
        lost = float(np.square(whole * scale - value).sum())
        if best is None or lost < best[0]:
            best = lost, axis, whole, scale.reshape(-1)
    if best is None:  # a single number
        return 0, np.ones(value.shape, np.int8), value.reshape(-1)
    return best[1:]


class _Calibrated(nn.Module):
    """The mean of the networks, trusted as far as validation does, each step stretched by its factors."""

    def __init__(self, exported: Exported, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names, self.middle = names, exported.model.quantile_levels.index(0.5)
        self.members = nn.ModuleList([_network(one, exported) for one in exported.members])
        self.trusted: Tensor
        self.factors: Tensor
        self.register_buffer("trusted", torch.tensor(exported.trusted, dtype=torch.float32))
        self.register_buffer("factors", torch.tensor(exported.factors, dtype=torch.float32))
        self.empty = {"known": exported.window.context_length + exported.window.horizon,
                      "past": exported.window.context_length}

    def forward(self, *given: Tensor) -> Tensor:
        """Quantiles (B, H, Q) less the anchor."""
        named = dict(zip(self.names, given, strict=True))
        batch = self._batch({name: value for name, value in named.items() if name in Batch._fields})
        said = torch.stack([one(batch) for one in self.members]).mean(0)
        k = self.middle
        centre = said[:, :, k : k + 1]
        share = self.trusted[batch.channel][:, None, None]
        moved = centre * share
        if "lag" in named:
            moved = moved + self._repeated(named, moved[:, :, 0])[:, :, None]
        out = moved + (said - centre) * self.factors
        up, down = [out[:, :, k]], [out[:, :, k]]
        for level in range(k + 1, out.shape[2]):  # again not decreasing
            up.append(torch.maximum(up[-1], out[:, :, level]))
        for level in range(k - 1, -1, -1):
            down.append(torch.minimum(down[-1], out[:, :, level]))
        return torch.stack([*down[:0:-1], *up], dim=2)

    def _repeated(self, named: dict[str, Tensor], centre: Tensor) -> Tensor:
        """How far forecasts (B, H) move towards what stood a lag before (`preprocessing/repeats.py`)."""
        lag, steps = torch.clamp(named["lag"], min=1)[:, None], torch.arange(centre.shape[1])
        rows = torch.clamp(named["x"].shape[1] + steps - lag * (steps // lag + 1), min=0)
        seen = torch.gather(named["mask"], 1, rows) * (named["lag"] > 0)[:, None]
        return named["share"][:, None] * seen * (torch.gather(named["x"], 1, rows) - centre)

    def _batch(self, given: dict[str, Tensor]) -> Batch:
        """The batch with what this network does not look at filled in."""
        size = given["x"].shape[0]
        first = torch.zeros(size, dtype=torch.int64)
        rest = {"known": torch.zeros(size, self.empty["known"], 0), "past": torch.zeros(size, self.empty["past"], 0),
                "static": torch.zeros(size, 0), "anchor": first, "channel": first,
                "phase": torch.zeros(size, 0, dtype=torch.int64)}
        return Batch(**rest | given)


def _network(weights: Mapping[str, Array32], exported: Exported) -> Network:
    """One network of these weights, in torch; the head that rebuilds is left out."""
    network = Network(replace(exported.model, narrow=0), exported.window)
    wanted = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(np.array(weights[name], np.float32)) for name in wanted})
    return network


def _onnx() -> ModuleType:
    """onnx, where all packages of the extra are there."""
    try:
        import onnx
        import onnxruntime  # noqa: F401 - `run` needs it
        import onnxscript  # noqa: F401 - torch needs it
    except ImportError as error:
        raise UsageError(f"ONNX needs more packages ({error.name} is missing): pip install 'grucast[onnx]'") from error
    module: ModuleType = onnx
    return module


@contextlib.contextmanager
def _silence() -> Any:
    """Without what torch prints and logs while it exports, none of which helps the user of a model."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
