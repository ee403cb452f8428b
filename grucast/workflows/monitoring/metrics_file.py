"""Figures of a run in the text format of Prometheus, for the textfile collector of its node exporter.

One file for each job, written whole when a run succeeds: a job that fails or never runs is seen by the age of
`grucast_last_run_timestamp_seconds`. To add a figure, add a line to `FIGURES` and give its samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from grucast.core.files import write_whole
from grucast.core.results import Artifact, Visit
from grucast.workflows.monitoring.ages import age, kind_of, last_trained
from grucast.workflows.monitoring.standing import Standing

FIGURES = {
    "grucast_last_run_timestamp_seconds": "When the job last succeeded, by the clock of this machine.",
    "grucast_last_row_timestamp_seconds": "The newest row of the data.",
    "grucast_model_last_row_timestamp_seconds": "The newest row that the model was trained on.",
    "grucast_model_info": "The model that was used.",
    "grucast_forecast_series": "Series forecast in this run.",
    "grucast_forecast_steps": "Steps forecast ahead in this run.",
    "grucast_low_confidence": "1 where the newest values were missed by twice the error of the report, else 0.",
    "grucast_rows_scored": "Rows scored in this run.",
    "grucast_events": "Anomalous events reported in this run.",
    "grucast_events_open": "Events reported in this run that have not ended.",
    "grucast_ledger_forecasts": "Forecasts in the ledger that met a truth.",
    "grucast_ledger_truths": "Truths that forecasts in the ledger met.",
    "grucast_interval_coverage_ratio": "Share of truths within the interval of this level in per cent.",
    "grucast_interval_right": "1 where that share is what the level promises, 0 where it is not.",
    "grucast_skill_ratio": "1 - MAE / MAE of the seasonal naive forecast, in the ledger.",
}

Sample: TypeAlias = tuple[str, Mapping[str, str], float]  # name, labels, value


def render(samples: Iterable[Sample]) -> str:
    """Samples as text: a figure after the other in the order of `FIGURES`, each with its help."""
    found: dict[str, list[str]] = {}
    for name, labels, value in samples:
        said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        found.setdefault(name, []).append(f"{name}{{{said}}} {_number(value)}\n")
    return "".join(f"# HELP {name} {told}\n# TYPE {name} gauge\n{''.join(found[name])}"
                   for name, told in FIGURES.items() if name in found)


def write_metrics(path: Path, samples: Iterable[Sample]) -> None:
    """Put the samples at `path`, whole or not at all. Errors: those of `write_whole`."""
    write_whole(path, render(samples).encode("utf-8", "replace"))


def samples_of(visit: Visit, artifact: Artifact, model: Path, figures: Mapping[str, float],
               standing: Standing | None) -> list[Sample]:
    """All samples of a run: `figures` are those of its command by their names without `grucast_`."""
    labels = {"job": visit.job, "command": visit.command}
    out: list[Sample] = [("grucast_last_run_timestamp_seconds", labels, round(visit.at, 3))]
    trained, kind = last_trained(artifact.manifest), kind_of(artifact.manifest.layout.clock)
    for name, row in (("grucast_last_row_timestamp_seconds", visit.last_row),
                      ("grucast_model_last_row_timestamp_seconds", trained)):
        old = age(row, kind, visit.at)
        out += [] if old is None else [(name, labels, round(visit.at - old, 3))]
    out.append(("grucast_model_info", {**labels, "model": model.name, "digest": artifact.digest[:12]}, 1.0))
    out += [(f"grucast_{name}", labels, value) for name, value in figures.items()]
    return out + ([] if standing is None else _ledger(standing, labels))


def _ledger(standing: Standing, labels: Mapping[str, str]) -> list[Sample]:
    out: list[Sample] = [("grucast_ledger_forecasts", labels, float(standing.forecasts)),
                         ("grucast_ledger_truths", labels, float(standing.truths))]
    for level, one in standing.coverage.items():
        if one.realised is not None:
            out.append(("grucast_interval_coverage_ratio", {**labels, "level": level}, one.realised))
        if one.right is not None:
            out.append(("grucast_interval_right", {**labels, "level": level}, float(one.right)))
    return out if standing.skill is None else [*out, ("grucast_skill_ratio", labels, standing.skill)]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
