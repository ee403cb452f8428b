"""`grucast train FILE` and `grucast forecast`, without an option, on every file of a folder.

What a newcomer does, on many kinds of data: each file is trained on and forecast in processes of its own.
Checked: both commands end well, every number is finite, the stamps go on from the last row in the
frequency that was found. Printed: the accuracy on held-out rows beside the best naive forecast.

    python benchmarks/forecast_folder.py --data DIR [--only energy,stock] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from common import Report, Table, arguments, find, grucast_command, number, percent, run, seconds

SOURCE = "the publishers listed in benchmarks/README.md"


@dataclass(frozen=True)
class Outcome:
    """What came of one file; `wrong` is empty where all went well."""

    file: str
    wrong: str
    freq: str = ""
    horizon: int = 0
    series: int = 0
    mase: float | None = None
    naive_mase: float | None = None
    skill: float | None = None
    coverage80: float | None = None
    coverage95: float | None = None
    train_seconds: float = 0.0
    forecast_seconds: float = 0.0


def files(folder: Path, only: list[str]) -> list[Path]:
    """Every CSV below `folder`, those of test parts and indexes left out."""
    found = [path for path in sorted(folder.rglob("*.csv*")) if path.name != "INDEX.csv" and "_test." not in path.name]
    return [path for path in found if not only or path.parent.name in only or path.name.split(".")[0] in only]


def try_file(path: Path, limit: float) -> Outcome:
    """Train on a copy of `path` in an empty folder, forecast, and judge what came."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(path, folder)
        began = time.perf_counter()
        trained = run([*grucast_command(), "train", path.name, "--json"], folder, limit=limit)
        middle = time.perf_counter()
        if trained.returncode:
            return Outcome(path.name, f"train: exit {trained.returncode}: {last_line(trained.stderr)}")
        ahead = run([*grucast_command(), "forecast", "--json"], folder, limit=limit)
        end = time.perf_counter()
    if ahead.returncode:
        return Outcome(path.name, f"forecast: exit {ahead.returncode}: {last_line(ahead.stderr)}")
    report, found = json.loads(trained.stdout), json.loads(ahead.stdout)
    return judge(path.name, report, found, (middle - began, end - middle))


def judge(name: str, report: dict[str, Any], found: dict[str, Any], took: tuple[float, float]) -> Outcome:
    """The outcome of a file whose two commands succeeded."""
    holdout, coverage = report["holdout"], report["holdout"].get("coverage", {})
    naive = [one["mase"] for key, one in report["baselines"].items() if "naive" in key and one["mase"] is not None]
    return Outcome(
        name, wrong_forecast(found, report["horizon"]), report["freq"] or "none", report["horizon"],
        len(found["forecasts"]), holdout["mase"], min(naive, default=None), report["skill"], coverage.get("80"),
        coverage.get("95"), took[0], took[1])


def wrong_forecast(found: dict[str, Any], horizon: int) -> str:
    """What is wrong with a forecast, in words; empty where nothing is."""
    for one in found["forecasts"]:
        who = one["unique_id"] or "the series"
        values = [value for key, column in one.items() if key not in ("unique_id", "ds") for value in column]
        if len(one["ds"]) != horizon:
            return f"{who}: {len(one['ds'])} stamps for a horizon of {horizon}"
        if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
            return f"{who}: a value is not finite"
        if not stamps_right(one["ds"], found["freq"]):
            return f"{who}: stamps {one['ds'][0]} … {one['ds'][-1]} are not steps of {found['freq'] or 'one kind'}"
    return "" if found["forecasts"] else "no forecast"


def stamps_right(ds: list[Any], freq: str) -> bool:
    """Whether stamps rise, and in steps of `freq` where there is one."""
    if not isinstance(ds[0], str):
        return all(later > earlier for earlier, later in itertools.pairwise(ds))
    instants = pd.DatetimeIndex([pd.Timestamp(stamp).tz_convert("UTC").tz_localize(None)
                                 if pd.Timestamp(stamp).tz else pd.Timestamp(stamp) for stamp in ds])
    if not instants.is_monotonic_increasing or not instants.is_unique:
        return False
    local = pd.DatetimeIndex([pd.Timestamp(stamp).tz_localize(None) for stamp in ds])
    if not freq:
        return True
    return any(axis.equals(pd.date_range(axis[0], periods=len(axis), freq=freq)) for axis in (instants, local))


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def row(one: Outcome) -> tuple[str, ...]:
    """One line of the table."""
    return (one.file, one.freq, str(one.horizon), str(one.series), number(one.mase, 3), number(one.naive_mase, 3),
            percent(one.skill), percent(one.coverage80), percent(one.coverage95), seconds(one.train_seconds),
            seconds(one.forecast_seconds), one.wrong or "right")


def main() -> None:
    """Try every file and print what came of it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="", metavar="NAMES", help="folders or files, with commas")
    parser.add_argument("--limit", type=float, default=600.0, metavar="S", help="longest time for a command")
    options: argparse.Namespace = parser.parse_args()
    report = Report("forecast_folder", options)
    folder = find(options.data, ["forecast", "."], SOURCE)
    outcomes = []
    for path in files(folder, [name for name in options.only.split(",") if name]):
        outcomes.append(try_file(path, options.limit))
        print(" · ".join(row(outcomes[-1])), flush=True)
    print()
    columns = ("file", "freq", "horizon", "series", "MASE", "naive MASE", "skill", "inside 80 %", "inside 95 %",
               "train", "forecast", "")
    report.show(Table(f"{sum(not one.wrong for one in outcomes)} of {len(outcomes)} files right", columns,
                      tuple(map(row, outcomes))))
    report.close(files=[asdict(one) for one in outcomes])


if __name__ == "__main__":
    main()
