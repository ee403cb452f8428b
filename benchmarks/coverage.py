"""How right the intervals are on many kinds of data: coverage at 80 and 95 %, MSIS and WQL on rows after calibration.

`grucast backtest FILE` with default settings: trained and calibrated on the rows before the report part (the last
tenth, at least two horizons), judged on windows from all over it. Means over columns and series, those left out that
repeat the row before in more than 80 % of rows. Beside it the intervals of the seasonal naive forecast, which are
quantiles of all that it missed before. Where these are more than 5 points off themselves, the rows are not like those
before them, whatever the method: such a set counts as one that shifts.

    python benchmarks/coverage.py --data DIR [--only energy,shampoo] [--windows 200] [--processes 1] [--json FILE]
                                  [--train "--epochs 1"]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Failed, Report, Table, arguments, number, percent, seconds
from trials import arguments_of_sets, backtest, close, look, over_sets

from grucast.core.errors import GrucastError
from grucast.workflows.backtesting.table import names_of

NEAR, STEADY = 0.02, 0.05  # as shares: what is asked for, and what may come of rows that are like those before
LEVELS = ("80", "95")
BESIDE = "seasonal_naive"


def step_of(rows: int, horizon: int, windows: int) -> int:
    """Rows between origins for about so many windows in the last tenth, or two horizons, of `rows`."""
    return max(1, (max(rows // 10, 2 * horizon) - horizon) // windows)


def gather(series: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over entries of `by_series`, of ours and of the methods beside it; None where nothing is defined.

    Coverage is a mean over all. MSIS and WQL are means over those that all methods have them for.
    """
    out: dict[str, Any] = {}
    for name in ("grucast", BESIDE, "linear"):
        out[name] = {level: mean([one[name]["coverage"][level] for one in series]) for level in LEVELS}
    for metric in ("msis", "wql"):
        whole = [one for one in series if all(one[name][metric] is not None for name in out)]
        for name in out:
            out[name][metric] = mean([one[name][metric] for one in whole])
    return out


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is defined, None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def off(scores: Mapping[str, float | None]) -> float:
    """By how much the worse of the two coverages is off; infinite where there is none."""
    known = [abs(share - int(level) / 100) for level in LEVELS if (share := scores[level]) is not None]
    return max(known, default=np.inf)


def measure(path: Path, *, windows: int, words: Sequence[str], limit: float) -> dict[str, Any]:
    """Everything about one set; `wrong` is empty where all went well."""
    result: dict[str, Any] = {"set": path.name.split(".")[0], "wrong": ""}
    try:
        seen = look(path)
        step = step_of(seen.rows, seen.horizon, windows)
        report, spent = backtest(path, ["--step", str(step), *words], limit=limit)
    except (Failed, GrucastError) as error:
        return {**result, "wrong": str(error)}
    kept = {name for name, keep in zip(names_of(seen.panel), seen.kept(), strict=True) if keep}
    found = gather([one for one in report["by_series"] if one["unique_id"] in kept])
    return {**result, "freq": seen.panel.freq or "none", "rows": seen.rows, "horizon": report["protocol"]["horizon"],
            "step": step, "series": len(kept), "windows": report["windows"], "left_out": seen.left_out, **found,
            "steady": off(found[BESIDE]) <= STEADY, "cpu": spent.cpu, "notes": report["notes"]}


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    if one["wrong"]:
        return (one["set"], *["–"] * 13, one["wrong"])
    ours, beside = one["grucast"], one[BESIDE]
    return (one["set"], one["freq"], str(one["windows"]), *(percent(ours[level]) for level in LEVELS),
            *(percent(beside[level]) for level in LEVELS), number(ours["msis"], 3), number(beside["msis"], 3),
            number(ratio(one, "msis"), 3), *(number(one[name]["wql"], 3) for name in ("grucast", BESIDE, "linear")),
            seconds(one["cpu"]), "" if one["steady"] else "shifts")


def ratio(one: Mapping[str, Any], metric: str) -> float | None:
    """Ours over that of the seasonal naive forecast."""
    ours, theirs = one["grucast"][metric], one[BESIDE][metric]
    return ours / theirs if ours is not None and theirs else None


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many sets reach what is asked for."""
    right = [one for one in results if not one["wrong"]]
    steady = [one for one in right if one["steady"]]
    # a rounding of the machine is no miss
    near = [one["set"] for one in steady if off(one["grucast"]) <= NEAR + 1e-9]
    sharper = [one["set"] for one in right if (share := ratio(one, "msis")) is not None and share <= 1.0]
    return {"sets": len(right), "steady": len(steady), "near": near, "msis_no_worse": sharper,
            "mean_coverage": {level: mean([one["grucast"][level] for one in right]) for level in LEVELS},
            "wrong": [one["set"] for one in results if one["wrong"]]}


def main(words: list[str] | None = None) -> None:
    """Try every set and print what came of it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--windows", type=int, default=200, help="about so many windows of each series")
    arguments_of_sets(parser)
    options: argparse.Namespace = parser.parse_args(words)
    report = Report("coverage", options)
    results, whole = over_sets(measure, row, options, windows=options.windows)
    found = summary(results)
    title = (f"Intervals on rows after calibration: {len(found['near'])} of {found['steady']} sets that do not shift "
             f"within 2 points at 80 and 95, MSIS no worse than the seasonal naive's on {len(found['msis_no_worse'])} "
             f"of {found['sets']}")
    columns = ("set", "freq", "windows", "inside 80 %", "inside 95 %", "seasonal naive 80", "seasonal naive 95", "MSIS",
               "seasonal naive MSIS", "ratio", "WQL", "seasonal naive WQL", "linear WQL", "processor", "")
    report.show(Table(title, columns, tuple(map(row, results))))
    close(report, found, results, whole=whole)


if __name__ == "__main__":
    main()
