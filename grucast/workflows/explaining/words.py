"""An explanation in words: a short report, and what a reader of it should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.forecasting.attribution import Attribution
from grucast.forecasting.predict import Forecaster
from grucast.forecasting.workings import Workings
from grucast.workflows.explaining.choose import Chosen
from grucast.workflows.explaining.table import Strand

INCOMPLETE = 0.01  # of the distance from the baseline: beyond it a note says that contributions do not sum up


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """All that was found of one forecast."""

    chosen: Chosen
    found: Attribution
    parts: dict[str, Array]  # of the network, (H,) each
    inside: Workings
    strands: list[Strand]
    static: dict[str, float]
    steps: Stamps  # (S,) first row of each step in which the network read the context


def report_of(explained: Explained, document: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values: what is explained, from what it differs, how complete the contributions are, what went on."""
    found, event, stamps = explained.found, document["event"], document["ds"]
    what = f"the sum of {len(stamps)} values from {stamps[0]} on" if len(stamps) > 1 else f"the value at {stamps[0]}"
    flat = f"every past value as the last one, {document['last']:.6g}; covariates at their mean"
    lines = [("explained", f"{document['unique_id']}: {what}")]
    if event is not None:
        lines.append(("event", f"{event['event_id']}: {event['reason']}"))
    lines += [
        ("forecast", f"{found.forecast:.6g}"), ("flat window", f"{found.baseline:.6g}  ({flat})"),
        ("contributions", f"{found.total:+.6g}  (they miss {100 * found.error:.2g} % of the difference)"),
        ("parts", ", ".join(f"{name} {value:.6g}" for name, value in document["parts"].items())),
    ]
    return lines + _inside(document)


def _inside(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What the gates kept and what attention asked for, where the network has them."""
    lines = []
    for one in document["gates"]:
        if one["gate"] == "kept":
            mean, last = 100 * float(np.mean(one["by_step"])), 100 * one["by_step"][-1]
            lines.append((f"layer {one['layer']}", f"keeps {mean:.0f} % of its state a step, {last:.0f} % at the last"))
    if document["attention"] is not None:
        shares = np.mean(document["attention"], axis=0)
        most = int(np.argmax(shares))
        lines.append(("attention", f"{100 * float(shares[most]):.0f} % on the step from {document['steps'][most]}"))
    return lines


def notes_on(explained: Explained, forecaster: Forecaster, *, asked_event: str | None) -> list[str]:
    """What a reader should know."""
    chosen, found, notes = explained.chosen, explained.found, list[str]()
    if asked_event is not None and chosen.event is None:
        notes.append(f"no event at {asked_event}: it is the expected value of this row that is explained")
    if found.error > INCOMPLETE:
        notes.append(f"the contributions miss {100 * found.error:.2g} % of what they should sum to: they cancel out")
    if forecaster.trusted[chosen.channel] == 0.0:
        notes.append("validation did not believe this network: every forecast is the last value, whatever the inputs")
    if len(chosen.steps) == 1 and not forecaster.low <= found.forecast <= forecaster.high:
        notes.append("the forecast is held at a bound (--min, --max); what is explained is the value before that")
    return notes
