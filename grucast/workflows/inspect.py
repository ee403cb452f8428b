"""What is in a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grucast.artifacts.manifest import to_json
from grucast.artifacts.store import load


def inspect(path: Path) -> dict[str, Any]:
    """The facts of the model in `path` as JSON values: what it learned from, its settings, how good it is.

    `parameters` counts the numbers of all its networks, `calibration` names each array of the calibration with
    its shape. Errors: those of `load`.
    """
    artifact = load(path)
    manifest = to_json(artifact.manifest)
    layout, window = manifest["layout"], manifest["window"]
    sizes = {name: array for name, array in artifact.tensors.items() if name.startswith("network.")}
    return {
        "model": path.name,
        "digest": artifact.digest,
        "parent": manifest["parent"],
        "bytes": path.stat().st_size,
        "format_version": manifest["format_version"],
        "versions": manifest["versions"],
        "data": manifest["data"],
        "columns": layout["columns"],
        "freq": layout["clock"]["freq"],
        "tz": layout["clock"]["tz"],
        "season": window["seasons"],
        "horizon": window["horizon"],
        "context_length": window["context_length"],
        "parameters": sum(array.size for array in sizes.values()),
        "members": manifest["members"],
        "steps": manifest["steps"],
        "settings": {"window": window, "network": manifest["model"], "training": manifest["training"],
                     "values": manifest["values"], "reading": layout},
        "accuracy": manifest["accuracy"],
        "calibration": {name: list(array.shape) for name, array in sorted(artifact.tensors.items())
                        if name.startswith("calibration.")},
    }
