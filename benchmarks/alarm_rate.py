"""Budgets of false alarms against the events that come on normal data.

The samples' generators without a fault: the first two thirds of the rows to train on, the last third is new. For each
budget, `grucast detect-anomalies --false-alarms` on all rows; counted are the events that begin in the last third,
which lasts at least ten times the period of the budget. A period is longer than the rows that a score is gathered
over: what comes in more often than that cannot be told apart. A cell is right where the count lies inside the 95 % band
of a Poisson law with the expected number. The threshold is itself an estimate from the rows trained on, so these are
twice as many as those it is judged on: from as many, not even exact order statistics would hold the band.

    python benchmarks/alarm_rate.py [--seeds 20] [--generators energy,stock,ecg] [--processes 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import Failed, Report, Table, arguments, each, events, grucast, number, percent, threads_each

from grucast.detection.budget import parse_budget, rate
from sample_data.generate import Sample, ecg, energy, stock, to_csv

BAR = 0.9  # of the cells
INSIDE = 0.95  # of the Poisson law lies in its band, or more
HOUR, HEARTBEAT = 3600.0, 0.008  # seconds from one row to the next


@dataclass(frozen=True)
class Plan:
    """A generator of normal data: its rows last `step` seconds each, None where only rows are counted."""

    make: Callable[[int], Sample]
    budgets: tuple[str, ...]
    step: float | None = None


PLANS = {
    "energy": Plan(partial(energy, fault_sizes=()),
                   ("1 per 24d", "1 per 14d", "1 per 500 rows", "3 per 24d", "1 per 7d"), HOUR),
    "stock": Plan(partial(stock, rows=15000, fault_sizes=()),
                  ("1 per 500 rows", "1 per 400 rows", "2 per 500 rows", "1 per 300 rows", "3 per 500 rows")),
    "ecg": Plan(partial(ecg, fault_sizes=()),
                ("1 per 2500 rows", "1 per 1500 rows", "1 per 10s", "3 per 2400 rows", "5 per 20s"), HEARTBEAT),
}


@dataclass(frozen=True)
class Job:
    """One generator with one seed."""

    generator: str
    seed: int


def expected(budget: str, rows: int, step: float | None) -> float:
    """How many events a budget allows in that many rows."""
    return rows * rate(parse_budget(budget), step)


def band(mean: float) -> tuple[int, int]:
    """The least and the most events of the central 95 % band of a Poisson law, both inside.

    The quantiles at 2.5 % and 97.5 %: at most that share lies below the one and above the other.
    """
    edge = (1.0 - INSIDE) / 2.0
    low, high, count, below = -1, -1, 0, 0.0
    while high < 0:
        below += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1.0))
        low = count if low < 0 and below >= edge else low
        high = count if below >= 1.0 - edge else high
        count += 1
    return low, high


def measure(job: Job, *, train: tuple[str, ...] = ()) -> dict[str, Any]:
    """The events of each budget on the last third of one file; `train` are options of `grucast train`."""
    plan = PLANS[job.generator]
    sample = plan.make(job.seed)
    sample = replace(sample, columns={name: column for name, column in sample.columns.items() if name != "label"})
    rows = len(next(iter(sample.columns.values())))
    known = 2 * rows // 3
    result: dict[str, Any] = {"generator": job.generator, "seed": job.seed, "rows": rows - known, "wrong": "",
                              "counts": {}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "data.csv").write_bytes(to_csv(sample))
        try:
            grucast(["train", "data.csv", "--train-rows", str(known), "-o", "m.grucast", "-q", *train], folder)
            for budget in plan.budgets:
                grucast(["detect-anomalies", "data.csv", "-m", "m.grucast", "--false-alarms", budget,
                         "--scores", "scores.csv", "-q"], folder)
                result["counts"][budget] = sum(first >= known for first, _ in events(folder / "scores.csv"))
        except Failed as error:
            result["wrong"] = str(error)
    return result


def rows_of(results: Sequence[dict[str, Any]], generator: str) -> list[tuple[float, tuple[str, ...]]]:
    """For each budget the share of cells inside the band, and its line of the table."""
    plan = PLANS[generator]
    out = []
    for budget in plan.budgets:
        cells = [(one["counts"][budget], expected(budget, one["rows"], plan.step)) for one in results
                 if one["generator"] == generator and budget in one["counts"]]
        if cells:
            counts = [count for count, _ in cells]
            inside = float(np.mean([band(mean)[0] <= count <= band(mean)[1] for count, mean in cells]))
            mean = float(np.mean([mean for _, mean in cells]))
            out.append((inside, (generator, budget, number(mean, 3), "{} to {}".format(*band(mean)), str(len(cells)),
                                 number(float(np.mean(counts)), 3), f"{min(counts)} to {max(counts)}",
                                 percent(inside, 0))))
    return out


def table(results: Sequence[dict[str, Any]]) -> Table:
    """A line a budget, and the share of all cells that lie inside."""
    lines = [line for generator in PLANS for line in rows_of(results, generator)]
    weights = [int(line[4]) for _, line in lines]
    share = float(np.average([inside for inside, _ in lines], weights=weights)) if lines else float("nan")
    columns = ("data", "budget", "expected", "95 % band", "seeds", "events, mean", "events", "inside")
    return Table(f"{percent(share)} of the cells inside the Poisson band (asked for: {percent(BAR, 0)})", columns,
                 tuple(line for _, line in lines))


def main(words: list[str] | None = None) -> None:
    """Measure every generator with every seed and print the table."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds of the generators: 1 to N")
    parser.add_argument("--generators", default=",".join(PLANS))
    parser.add_argument("--processes", type=int, default=2)
    options: argparse.Namespace = parser.parse_args(words)
    jobs = [Job(name, seed) for seed in range(1, options.seeds + 1) for name in options.generators.split(",")]
    train = ("--seed", str(options.seed), "--threads", str(threads_each(options.processes)))
    report = Report("alarm_rate", options)
    results = []
    for one in each(partial(measure, train=train), jobs, options.processes):
        results.append(one)
        print(f"{len(results)}/{len(jobs)}", one["generator"], one["seed"], one["counts"], one["wrong"],
              file=sys.stderr, flush=True)
    report.show(table(results))
    report.close(results=sorted(results, key=lambda one: (one["generator"], one["seed"])))
    raise SystemExit(130 if len(results) < len(jobs) else 1 if any(one["wrong"] for one in results) else 0)


if __name__ == "__main__":
    main()
