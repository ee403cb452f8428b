"""What a run with --state costs when ten rows came: on a short file and on a long one.

    python benchmarks/new_rows.py [--sizes 1000,10000000] [--runs 5] [--json FILE]

Minutes of a cycle and noise; a small model. The first run over each file scores all of it (for ten million rows minutes
and 2.5 GB); then ten rows are appended before each of the runs that are counted, which alternate between the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, grucast, grucast_command, percent, seconds, threads_each
from trials import spend

NEW, CHUNK = 10, 100_000
START = np.datetime64("2005-01-01T00:00:00")


def lines(first: int, stop: int) -> Iterator[str]:
    """The rows `first` to `stop`, not included."""
    for begin in range(first, stop, CHUNK):
        at = np.arange(begin, min(begin + CHUNK, stop))
        noise = np.random.default_rng(begin).normal(0, 1, len(at))
        y = np.round(100 + 20 * np.sin(at * np.pi / 720) + noise, 2)
        stamps = np.datetime_as_string(START + at * np.timedelta64(1, "m"), unit="s")
        yield from (f"{stamp},{value}\n" for stamp, value in zip(stamps.tolist(), y.tolist(), strict=True))


def write(path: Path, rows: int) -> None:
    """A file of so many rows."""
    with path.open("w") as file:
        file.write("ds,load\n")
        file.writelines(lines(0, rows))


def words(size: int) -> list[str]:
    """The command over the file of that size."""
    return ["detect-anomalies", f"{size}.csv", "-m", "model.grucast", "--state", f"{size}.state", "-q"]


def main(options: Any) -> None:
    """First runs, then runs of ten rows in turn."""
    threads_each(1)
    report, sizes = Report("new_rows", options), [int(one) for one in options.sizes.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "train.csv", 6_000)
        grucast(["train", "train.csv", "-o", "model.grucast", "-q", "--hidden", "8", "--epochs", "1", "--threads", "1",
                 "--context-length", "96", "--horizon", "48", "--season", "48"], folder)
        first = {}
        for size in sizes:
            write(folder / f"{size}.csv", size)
            first[size] = spend([*grucast_command(), *words(size)], folder)
        cost: dict[int, list[float]] = {size: [] for size in sizes}
        for run in range(options.runs):
            for size in sizes:
                with (folder / f"{size}.csv").open("a") as file:
                    file.writelines(lines(size + NEW * run, size + NEW * (run + 1)))
                cost[size].append(spend([*grucast_command(), *words(size)], folder).cpu)
    usual = {size: float(np.median(cost[size])) for size in sizes}
    rows = tuple((f"{size:,}", seconds(first[size].cpu), f"{first[size].peak:,.0f} MiB", seconds(usual[size]),
                  percent(usual[size] / usual[sizes[0]])) for size in sizes)
    report.show(Table("Ten new rows, seconds of the processor", ("rows before", "first run", "its peak", "a run of ten",
                                                                  "of that on the first file"), rows))
    report.close(cost=usual)


if __name__ == "__main__":
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--sizes", default="1000,10000000", help="rows of the files; 1000,10000000")
    parser.add_argument("--runs", type=int, default=5, help="runs counted for each; 5")
    main(parser.parse_args())
