"""Do false-alarm budgets hold? Events on normal scores with known dependence, for every rule; no network, no data.

    python benchmarks/alarm_simulation.py --seeds 8 --json alarms.json

A cell is a process, a number of calibration rows, a budget, a length of the run and a seed; it holds when the
number of events lies inside the 95 % band of the Poisson law that the budget promises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
from common import Report, Table, arguments

from grucast.core.arrays import Array
from grucast.detection.events import find_events
from grucast.detection.thresholds import THRESHOLDS
from grucast.training.tail import fit_calibration

ROWS = (1000, 4000)
BUDGETS = (0.5, 1.0, 2.0, 5.0, 10.0)  # events in as many rows as were calibrated on
PERIODS, SHORT, LONG = "10 periods", "10 x calibration", "50 x calibration"
EVERYWHERE = ("pot", "pot-stream")  # the rules that are run over the long runs too
BAND = 0.95


def noise(kind: str, rng: np.random.Generator, rows: int) -> Array:
    """Absolute errors of independent rows."""
    if kind == "lognormal":
        return np.exp(rng.standard_normal(rows))
    return np.abs(rng.standard_normal(rows) if kind == "normal" else rng.standard_t(4, rows))


def moving(kind: str, width: int) -> Callable[[np.random.Generator, int], Array]:
    """The mean of absolute errors over `width` rows, as scores are gathered."""
    def make(rng: np.random.Generator, rows: int) -> Array:
        sums = np.cumsum(np.concatenate([[0.0], noise(kind, rng, rows + width - 1)]))
        return (sums[width:] - sums[:-width]) / width
    return make


def log_of(make: Callable[[np.random.Generator, int], Array]) -> Callable[[np.random.Generator, int], Array]:
    """Scores that were added after a logarithm."""
    return lambda rng, rows: np.log1p(5.0 * make(rng, rows))


def autoregressive(memory: float) -> Callable[[np.random.Generator, int], Array]:
    """|x_t|, x_t = memory x_{t-1} + noise: strangeness that fades."""
    def make(rng: np.random.Generator, rows: int) -> Array:
        burn = int(20 / (1.0 - memory))
        value, out = 0.0, []
        for step in (rng.standard_normal(rows + burn) * np.sqrt(1.0 - memory**2)).tolist():
            value = memory * value + step
            out.append(value)
        return np.abs(np.array(out[burn:]))
    return make


PROCESSES: dict[str, tuple[Callable[[np.random.Generator, int], Array], int]] = {  # and the gap
    "AR .5": (autoregressive(0.5), 2),
    "AR .9": (autoregressive(0.9), 10),
    "AR .98": (autoregressive(0.98), 50),
    "normal, 5 rows": (moving("normal", 5), 5),
    "normal, 20 rows": (moving("normal", 20), 20),
    "normal, 100 rows": (moving("normal", 100), 100),
    "t(4), 5 rows": (moving("t", 5), 5),
    "t(4), 20 rows": (moving("t", 20), 20),
    "lognormal, 5 rows": (moving("lognormal", 5), 5),
    "lognormal, 20 rows": (moving("lognormal", 20), 20),
    "log of t(4), 5 rows": (log_of(moving("t", 5)), 5),
    "log of normal, 20 rows": (log_of(moving("normal", 20)), 20),
}


@dataclass(frozen=True)
class Cell:
    """What was counted, and the band it should lie in."""

    process: str
    rows: int
    budget: float
    run: str
    rule: str
    events: int
    expected: float
    inside: bool


def poisson_band(mean: float) -> tuple[int, int]:
    """The smallest counts whose distribution function reaches 2.5 % and 97.5 %."""
    counts = np.arange(int(mean + 10 * np.sqrt(mean) + 20))
    logs = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])  # of the factorials
    reached = np.cumsum(np.exp(counts * np.log(mean) - mean - logs))
    low, high = np.searchsorted(reached, [(1.0 - BAND) / 2, (1.0 + BAND) / 2])
    return int(low), int(high)


def cells(process: str, rows: int, seed: int) -> Iterator[Cell]:
    """Every budget, run and rule on one calibration part and one run."""
    make, gap = PROCESSES[process]
    rng = np.random.default_rng([seed, rows, list(PROCESSES).index(process)])
    calibration = fit_calibration(make(rng, rows), gap=gap)
    run = make(rng, 50 * rows)
    for budget in BUDGETS:
        if budget * 4 * (gap + 1) > rows:
            continue  # events of which one lasts a quarter of what lies between two are no events
        lengths = {PERIODS: int(10 * rows / budget), SHORT: 10 * rows, LONG: 50 * rows}
        for rule in THRESHOLDS.names():
            longest = max(lengths.values()) if rule in EVERYWHERE else lengths[PERIODS]
            score = run[:longest]
            threshold = THRESHOLDS.load(rule)(score, calibration, budget / rows)
            starts = np.array([event.start for event in find_events(score, threshold, min_gap=gap)])
            for name, length in lengths.items():
                if length <= longest and (rule in EVERYWHERE or name == PERIODS):
                    expected, count = budget * length / rows, int(np.count_nonzero(starts < length))
                    low, high = poisson_band(expected)
                    yield Cell(process, rows, budget, name, rule, count, expected, low <= count <= high)


def shares(title: str, found: list[Cell], by: Callable[[Cell], str], run: str) -> Table:
    """For each group and rule the share of cells that hold, and events over expected events."""
    groups: dict[str, dict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in found:
        if cell.run == run:
            groups[by(cell)][cell.rule].append(cell)
    rules = [rule for rule in THRESHOLDS.names() if any(rule in group for group in groups.values())]
    rows = []
    for group, members in groups.items():
        row = [group]
        for rule in rules:
            ratio = np.mean([cell.events / cell.expected for cell in members[rule]])
            row.append(f"{100 * np.mean([cell.inside for cell in members[rule]]):.0f} % ({ratio:.2f})")
        rows.append(tuple(row))
    return Table(title, ("", *rules), tuple(rows))


def main() -> None:
    """Run, print, write."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--seeds", type=int, default=8, help="calibration parts and runs of each process")
    options = parser.parse_args()
    report = Report("alarm_simulation", options)
    found = [cell for seed in range(options.seed, options.seed + options.seeds) for rows in ROWS
             for process in PROCESSES for cell in cells(process, rows, seed)]
    for run in (PERIODS, SHORT, LONG):
        report.show(shares(f"Runs of {run}, by events in the calibration length: cells in the band (events / expected)",
                           found, lambda cell: f"{cell.budget:g}", run))
    report.show(shares(f"Runs of {PERIODS}, by process", found, lambda cell: cell.process, PERIODS))
    report.show(shares(f"Runs of {PERIODS}, by calibration rows", found, lambda cell: str(cell.rows), PERIODS))
    report.close(cells=[asdict(cell) for cell in found])


if __name__ == "__main__":
    main()
