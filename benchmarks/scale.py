"""What training and forecasting cost as rows, series, horizon and context grow: time of the processor, peak memory.

Made-up hourly series with a day and noise. Each point is `grucast train` for one epoch and `grucast forecast`, each
in a process of its own, measured in seconds of the processor (a busy machine changes them less than those of the
clock) and in peak memory. What the same command costs for the smallest file, mostly imports, is taken off before the
slope on log-log is fitted; points that cost hardly more than that say nothing of a slope and do not count. An epoch
has at most 200 steps: beyond some 10,000 rows training grows by what is read and judged alone.

    python benchmarks/scale.py [--only rows,series,horizon,context,windows,many] [--factor 1.0] [--many 100000]
                               [--json FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, number, seconds, threads_each
from trials import Spent, command

HORIZON, CONTEXT, ROWS = 24, 96, 8_000
SIZES = {"rows": (4_000, 16_000, 64_000, 256_000), "series": (16, 64, 256, 1024), "horizon": (24, 96, 384),
         "context": (96, 384, 1536)}
EACH = 300  # rows of one of several series
PANEL_ROWS = 48  # of each of the many series that are only forecast
LITTLE = 0.2  # of the cost of starting: growth that cannot be told from noise
PIECES = ("windows", "many")


@dataclass(frozen=True)
class Shape:
    """A file and a model."""

    rows: int = ROWS
    series: int = 1
    horizon: int = HORIZON
    context: int = CONTEXT

    def words(self) -> list[str]:
        """The options of `train`: everything fixed, so that only what is asked for grows."""
        return ["--horizon", str(self.horizon), "--context-length", str(self.context), "--season", "24",
                "--epochs", "1"]


@dataclass(frozen=True)
class Point:
    """What one shape costs."""

    dimension: str
    size: int
    train_cpu: float
    train_peak: float
    forecast_cpu: float
    forecast_peak: float


def shapes(dimension: str, factor: float) -> list[tuple[int, Shape]]:
    """Sizes and shapes of one dimension, sizes of data times `factor`."""
    if dimension == "rows":
        return [(rows, Shape(rows=rows)) for rows in (int(size * factor) for size in SIZES[dimension])]
    if dimension == "series":
        counts = (max(2, int(size * factor)) for size in SIZES[dimension])
        return [(count, Shape(EACH, count)) for count in counts]
    rows = max(5 * max(SIZES["context"]), ROWS)
    return [(size, Shape(rows, **{dimension: size})) for size in SIZES[dimension]]


def write(path: Path, rows: int, series: int, seed: int) -> None:
    """Hourly values with a day and noise; a long file where there are several series."""
    stamps = (np.datetime64("2020-01-01T00:00:00") + np.arange(rows) * np.timedelta64(1, "h")).astype(str).tolist()
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(rows) * np.pi / 12)
    with path.open("w", encoding="utf-8") as file:
        file.write("ds,y\n" if series == 1 else "unique_id,ds,y\n")
        for place in range(series):
            values = (100 + 20 * day + rng.normal(0, 3, rows)).tolist()
            name = "" if series == 1 else f"s{place},"
            file.writelines(f"{name}{stamp},{value:.2f}\n" for stamp, value in zip(stamps, values, strict=True))


def measure(shape: Shape, seed: int) -> tuple[Spent, Spent]:
    """The cost of `train` and of `forecast`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "data.csv", shape.rows, shape.series, seed)
        trained = command(["train", "data.csv", "-q", "--threads", "1", "--seed", str(seed), *shape.words()], folder)
        return trained, command(["forecast", "-q", "-o", "next.csv"], folder)


def slope(sizes: Sequence[float], costs: Sequence[float], start: float) -> float | None:
    """The slope of log cost, less that of starting, over log size; None where fewer than two points tell.

    >>> slope([10, 100, 1000], [3.0, 12.0, 102.0], 2.0)
    1.0
    """
    grown = [(size, cost - start) for size, cost in zip(sizes, costs, strict=True) if cost - start > LITTLE * start]
    if len(grown) < 2:
        return None
    x, y = np.log(np.array(grown)).T
    return round(float(np.polyfit(x, y, 1)[0]), 6)


def windows_per_second(rows: int, seed: int) -> dict[str, float]:
    """Seconds of the processor for 10^6 windows trained on, and for 10^6 forecasts, without reading and starting."""
    from grucast.core.config import FitOptions, ReadOptions, TrainOptions, WindowOptions
    from grucast.data.reading import read_panel
    from grucast.forecasting.predict import quantiles_at
    from grucast.preprocessing.gaps import regularise
    from grucast.training.fit import Run
    from grucast.training.setup import configure
    from grucast.workflows.learning.learn import learn, prepare

    marks: list[tuple[int, float]] = []

    def hear(stage: str, done: int, total: int | None = None, note: str = "") -> None:  # noqa: ARG001
        if stage == "train":
            marks.append((done, time.process_time()))

    configure("cpu", 1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "data.csv"
        write(path, rows, 1, seed)
        panel, _ = regularise(read_panel([str(path)], ReadOptions()).panel)
    fit = FitOptions(epochs=1, seed=seed)
    prepared = prepare(panel, TrainOptions(WindowOptions(HORIZON, CONTEXT, (24,)), fit=fit))
    prepared, learned = learn(prepared, Run(progress=hear))
    (first, began), (last, ended) = marks[0], marks[-1]
    trained = (last - first) * prepared.training.batch_size
    cutoff = np.resize(np.arange(CONTEXT, rows - HORIZON), 20_000)
    start = time.process_time()
    quantiles_at(learned.forecaster, prepared.streams, (np.zeros_like(cutoff), cutoff))
    took = time.process_time() - start
    return {"train_per_million": 1e6 * (ended - began) / trained, "forecast_per_million": 1e6 * took / len(cutoff)}


def many(series: int, seed: int) -> dict[str, Any]:
    """One forecast of each of so many series with a model that was trained on a few."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shape = Shape(EACH, 64, horizon=8, context=PANEL_ROWS)
        write(folder / "few.csv", shape.rows, shape.series, seed)
        command(["train", "few.csv", "-q", "--threads", "1", *shape.words()], folder)
        start = command(["forecast", "few.csv", "-q", "-o", "next.csv"], folder)
        write(folder / "many.csv", PANEL_ROWS, series, seed)
        spent = command(["forecast", "many.csv", "-m", "few.grucast", "-q", "-o", "next.csv"], folder)
    return {"series": series, "rows": series * PANEL_ROWS, "cpu": spent.cpu, "seconds": spent.seconds,
            "peak": spent.peak, "bytes_a_row": max(0.0, spent.peak - start.peak) * 2**20 / (series * PANEL_ROWS)}


def show_dimension(report: Report, dimension: str, points: Sequence[Point], start: Point) -> dict[str, Any]:
    """Print the points of one dimension; the slopes."""
    sizes = [one.size for one in points]
    slopes = {"train": slope(sizes, [one.train_cpu for one in points], start.train_cpu),
              "forecast": slope(sizes, [one.forecast_cpu for one in points], start.forecast_cpu)}
    rows = [(str(one.size), seconds(one.train_cpu), f"{one.train_peak:.0f} MiB", seconds(one.forecast_cpu),
             f"{one.forecast_peak:.0f} MiB") for one in (start, *points)]
    rows[0] = (f"start ({start.size} rows)", *rows[0][1:])
    rows.append(("slope", number(slopes["train"], 3), "", number(slopes["forecast"], 3), ""))
    report.show(Table(f"Cost by {dimension}", (dimension, "train", "peak", "forecast", "peak "), tuple(rows)))
    return {"points": [asdict(one) for one in points], "slopes": slopes}


def point(dimension: str, size: int, spent: tuple[Spent, Spent]) -> Point:
    """The costs of a shape by name."""
    trained, ahead = spent
    return Point(dimension, size, trained.cpu, trained.peak, ahead.cpu, ahead.peak)


def alone(work: Callable[[int], dict[str, Any]], job: int) -> dict[str, Any]:
    """The result of work in a process of its own, so that its torch is not in this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, job).result()


def main(words: list[str] | None = None) -> None:
    """Measure what was asked for."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--only", default=",".join((*SIZES, *PIECES)))
    parser.add_argument("--factor", type=float, default=1.0, help="times the rows and series there would be")
    parser.add_argument("--many", type=int, default=100_000, metavar="N", help="series that are forecast once")
    options: argparse.Namespace = parser.parse_args(words)
    asked = options.only.split(",")
    if unknown := set(asked) - {*SIZES, *PIECES}:
        parser.error(f"--only holds {', '.join((*SIZES, *PIECES))}, not {', '.join(sorted(unknown))}")
    threads_each(1)
    report = Report("scale", options)
    results: dict[str, Any] = {}
    dimensions = [name for name in SIZES if name in asked]
    start = point("start", EACH, measure(Shape(EACH), options.seed)) if dimensions else None
    for dimension in dimensions:
        points = [point(dimension, size, measure(shape, options.seed))
                  for size, shape in shapes(dimension, options.factor)]
        results[dimension] = show_dimension(report, dimension, points, start)
    if "windows" in asked:
        found = alone(partial(windows_per_second, seed=options.seed), max(2_000, int(ROWS * options.factor)))
        results["windows"] = found
        report.show(Table(f"Seconds of the processor, horizon {HORIZON}, context {CONTEXT}", ("", "10^6 windows"),
                          (("trained on", number(found["train_per_million"], 3)),
                           ("forecast", number(found["forecast_per_million"], 3)))))
    if "many" in asked:
        found = results["many"] = many(options.many, options.seed)
        report.show(Table(f"One forecast of each of {found['series']:,} series, {PANEL_ROWS} rows each",
                          ("", "processor", "clock", "peak", "bytes a row beyond the start"),
                          (("grucast forecast", seconds(found["cpu"]), seconds(found["seconds"]),
                            f"{found['peak']:.0f} MiB", f"{found['bytes_a_row']:.0f}"),)))
    report.close(start=asdict(start) if start else None, **results)


if __name__ == "__main__":
    main()
