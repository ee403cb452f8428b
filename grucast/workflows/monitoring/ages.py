"""How old rows are, by the clock on the wall of this machine.

It is the only place where grucast compares data with the present. Stamps with a zone or an offset, and epochs, are
instants and compared with UTC. Stamps without one are compared with the local time of this machine: where the data
are local to another zone, ages are off by the difference. Numbered rows have no age.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from grucast.core.errors import ModelError, UsageError
from grucast.core.results import Manifest, Visit
from grucast.core.series import STAMP, Clock, Panel
from grucast.detection.budget import SECONDS
from grucast.preprocessing.alias import SECOND, parse_frequency
from grucast.preprocessing.grid import is_numeric, rewritten
from grucast.preprocessing.sources import length_passed
from grucast.preprocessing.zones import written

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1)
_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def seconds_in(text: str, option: str) -> float:
    """The seconds that a duration such as 36h or 7d says; a UsageError names the `option`.

    >>> seconds_in("1.5h", "--max-age")
    5400.0
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or found[2].lower() not in SECONDS or not float(found[1]):
        raise UsageError(f"{option} {text!r} is not a duration such as 36h or 7d ({', '.join(SECONDS)})")
    return float(found[1]) * SECONDS[found[2].lower()]


def in_words(seconds: float) -> str:
    """A duration for people, in its largest unit.

    >>> in_words(90000.0)
    '1.0 d'
    """
    unit, size = next((one for one in _UNITS if abs(seconds) >= one[1]), _UNITS[-1])
    return f"{seconds / size:.1f} {unit}"


def kind_of(clock: Clock) -> str:
    """What the points of an axis are: "utc" instants, "local" stamps, or "number"."""
    if is_numeric(clock):
        return "number"
    return "utc" if clock.tz or clock.kind.startswith("epoch") else "local"


def age(last_row: float, kind: str, at: float) -> float | None:
    """Seconds from a row to now, `at` (seconds since 1970); None where rows have no age.

    `last_row` is microseconds since 1970, UTC or on the local clock, as `kind` says. Below 0: it lies ahead.
    """
    if kind == "number":
        return None
    if kind == "utc":
        return at - last_row / SECOND
    return (datetime.fromtimestamp(at) - _EPOCH).total_seconds() - last_row / SECOND


def clock_in_words(kind: str, at: float) -> str:
    """Which clock ages are taken by, and what it shows."""
    if kind == "local":
        return f"local time of this machine, {datetime.fromtimestamp(at):%Y-%m-%dT%H:%M:%S}"
    return f"UTC, {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"


def last_trained(manifest: Manifest) -> float:
    """The last row trained on, as a number of its axis."""
    last = manifest.data.last
    return float(last) if is_numeric(manifest.layout.clock) else float(np.datetime64(last, "us").astype(np.int64))


def row_seconds(clock: Clock) -> float:
    """Seconds that a row lasts, in the mean; 0 where rows are only numbered."""
    if clock.freq:
        return parse_frequency(clock.freq).microseconds / SECOND
    return 0.0 if clock.kind in ("row", "index") else clock.step


def visit_of(job: str, command: str, panel: Panel, at: float, *, steps: int = 1) -> Visit:
    """That a job ran `at` this time on this panel, looking `steps` rows ahead."""
    clock = panel.layout.clock
    last = max(one.ds[length_passed(one) - 1] for one in panel.series)
    number = float(last.astype(np.int64)) if panel.series[0].ds.dtype == STAMP else float(last)
    return Visit(job, command, at, number, kind_of(clock), steps * row_seconds(clock))


def refuse_old_model(max_age: str, manifest: Manifest, model: Path, at: float) -> None:
    """ModelError where the last row trained on is older than `max_age`; UsageError where rows have no age."""
    limit, clock = seconds_in(max_age, "--max-age"), manifest.layout.clock
    old = age(last_trained(manifest), kind_of(clock), at)
    if old is None:
        raise UsageError(f"--max-age {max_age}: {model} was trained on numbered rows, which have no age; leave it out")
    if old > limit:
        stamp = rewritten(manifest.data.last, clock)
        raise ModelError(f"{model}: the last row it was trained on, {stamp}, is {in_words(old)} old, and --max-age is "
                         f"{max_age} (clock: {clock_in_words(kind_of(clock), at)}); train it on newer rows")


def refuse_old_data(max_age: str, visit: Visit, file: str) -> None:
    """ModelError where the last row of a run is older than `max_age`: what is forecast would be past."""
    old = age(visit.last_row, visit.axis, visit.at)
    if old is not None and old > seconds_in(max_age, "--max-age"):
        raise ModelError(f"{file}: its last row, {row_in_words(visit)}, is {in_words(old)} old, and --max-age is "
                         f"{max_age} (clock: {clock_in_words(visit.axis, visit.at)}); do new rows still come?")


def row_in_words(visit: Visit) -> str:
    """The newest row of a run, for people; instants in UTC."""
    if visit.axis == "number":
        return f"{visit.last_row:.10g}"
    return written(np.datetime64(int(visit.last_row), "us"), Clock(tz="UTC" if visit.axis == "utc" else ""))
