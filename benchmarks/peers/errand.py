"""What a runner and `compare.py` say to each other, in files: standard library only, as it runs in every environment.

A runner is started with one argument, a JSON file (`Request`). For `train` it trains on the first history, writes the
model and then, its clock stopped, forecasts from each history; for `forecast` it reads the model back and forecasts
from the last. A forecast is a CSV `cutoff, unique_id, step, y_hat`, cutoffs and steps counted from 0.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Row = tuple[int, str, int, float]  # cutoff, unique_id, step, y_hat


@dataclass(frozen=True)
class Request:
    """What a runner is asked for; `freq` is empty where rows are numbered, `cap` is in seconds."""

    action: str
    method: str
    histories: tuple[str, ...]
    model: str
    output: str
    facts: str
    horizon: int
    season: int
    freq: str
    cap: float
    seed: int

    @property
    def context(self) -> int:
        """The context of a peer that has no default for it: three horizons, and two seasons where that is more."""
        return max(3 * self.horizon, 2 * self.season)


def asked() -> Request:
    """The request in the file that the command line names."""
    words = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return Request(**{**words, "histories": tuple(words["histories"])})


def write(path: str, rows: Iterable[Row]) -> None:
    """Write forecasts."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("cutoff", "unique_id", "step", "y_hat"))
        out.writerows(rows)


def write_aside(request: Request, forecast: Callable[[str], Iterable[tuple[str, int, float]]], **facts: object) -> None:
    """Forecast from every history and write that, and how long it took: the time is no part of training."""
    began, busy = time.perf_counter(), time.process_time()
    write(request.output, ((cutoff, *row) for cutoff, path in enumerate(request.histories) for row in forecast(path)))
    aside = {"wall": time.perf_counter() - began, "cpu": time.process_time() - busy}
    Path(request.facts).write_text(json.dumps({"aside": aside, **facts}), encoding="utf-8")
