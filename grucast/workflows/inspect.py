"""What is in a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from grucast.artifacts.manifest import to_json
from grucast.artifacts.store import load
from grucast.core.holidays import Holidays
from grucast.core.results import Artifact
from grucast.core.series import Clock
from grucast.preprocessing.grid import rewritten


def _holidays(holidays: Holidays) -> dict[str, Any] | None:
    """Whose holidays it looks at, and from which day to which it knows them."""
    if not holidays.codes:
        return None
    first, last = (str(np.datetime64(day, "D")) for day in (holidays.first, holidays.last))
    return {"codes": dict(holidays.codes), "first": first, "last": last}


def _repeats(artifact: Artifact) -> dict[str, int]:
    """How many columns of series repeat what stood so many rows before, by the number of rows."""
    lag = artifact.tensors.get("repeat.lag", np.zeros(0, dtype=np.int64))
    lags, counts = np.unique(lag[lag > 0], return_counts=True)
    return {str(one): count for one, count in zip(lags.tolist(), counts.tolist(), strict=True)}


def _data(facts: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """What it learned from, with stamps for people."""
    shown = facts | {name: rewritten(facts[name], clock) for name in ("first", "last")}
    if "excluded" in facts:
        shown["excluded"] = ["/".join(rewritten(end, clock) for end in one.split("/")) for one in facts["excluded"]]
    return shown


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
        "data": _data(manifest["data"], artifact.manifest.layout.clock),
        "columns": layout["columns"],
        "freq": layout["clock"]["freq"],
        "tz": layout["clock"]["tz"],
        "season": window["seasons"],
        "repeats": _repeats(artifact),
        "holidays": _holidays(artifact.manifest.holidays),
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
