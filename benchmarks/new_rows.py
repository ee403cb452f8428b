"""What a run with --state costs when ten rows came: on a short file and on a long one, and whether it says the same.

    python benchmarks/new_rows.py [--command forecast] [--sizes 1000,10000000] [--runs 5]
                                  [--whole 1000000] [--json FILE]

Minutes of a cycle and noise; a small model. The first run over each file reads all of it (for ten million rows minutes
and 2.5 GB); then ten rows are appended before each of the runs that are counted, which alternate between the files.

What the last run said is compared with two that know nothing of a state. One works on the last rows of the file alone,
from a row at which windows begin: no average reaches further back, so the scores of the ten rows must be the same to
six digits, and medians that are forecast to the last. (Thresholds are not compared there: the rule learns from all
rows.) The other works on the whole file, where that has no more
than --whole rows, and everything must be the same; of a forecast it is one with --verify, as intervals follow a ledger.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, grucast, grucast_command, percent, seconds, threads_each
from trials import Spent, command, spend

NEW, CHUNK = 10, 100_000
START = np.datetime64("2005-01-01T00:00:00")
TAIL, EVEN = 20_000, 960  # rows that stand for all, and what their first one is a multiple of: windows end alike
NUMBERS = ("score", "p_value", "threshold", "y_hat")


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


def words(name: str, size: int) -> list[str]:
    """The command over the file of that size."""
    out = ["-o", f"{size}.out"] if name == "forecast" else ["--scores", f"{size}.out"]
    return [name, f"{size}.csv", "-m", "model.grucast", "--state", f"{size}.state", "-q", *out]


def table(path: Path) -> list[dict[str, str]]:
    """The lines of a file that a run wrote."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- what others say -----------------------------------------------------------------------------


def by_the_tail(name: str, size: int, folder: Path) -> float:
    """The largest relative difference to a run over the last rows of the file as a file of their own."""
    with (folder / f"{size}.csv").open() as file:
        header, *rows = file
    first = max(0, (len(rows) - TAIL) // EVEN * EVEN)
    (folder / "tail.csv").write_text(header + "".join(rows[first:]))
    out = ["-o", "tail.out"] if name == "forecast" else ["--scores", "tail.out"]
    command([name, "tail.csv", "-m", "model.grucast", "-q", *out], folder)
    return differ(table(folder / f"{size}.out"), table(folder / "tail.out"),
                  ("y_hat",) if name == "forecast" else ("score", "y_hat"), ("ds", "flags"))


def by_the_whole(name: str, size: int, folder: Path, state: Path) -> tuple[float, Spent]:
    """The largest relative difference to a run over the whole file, and its cost; `state` is as before the last run."""
    shutil.copyfile(state, folder / "whole.state")
    ledger = ["--state", "whole.state", "--verify", "-o"]
    more = ledger if name == "forecast" else ["--scores"]
    done = command([name, f"{size}.csv", "-m", "model.grucast", "-q", *more, "whole.out"], folder)
    mine, theirs = table(folder / f"{size}.out"), table(folder / "whole.out")
    columns = [one for one in theirs[0] if one.startswith(("y_hat", "lo-", "hi-"))] if name == "forecast" else NUMBERS
    return differ(mine, theirs, columns), done


def differ(mine: list[dict[str, str]], theirs: list[dict[str, str]], columns: Sequence[str],
           same: Sequence[str] = ("ds", "is_anomaly", "flags")) -> float:
    """The largest relative difference of the last lines; infinite where what must be the `same` is not."""
    theirs = theirs[-len(mine) :]
    for one, other in zip(mine, theirs, strict=True):
        if any(one.get(name) != other.get(name) for name in same):
            return float("inf")
    values = [(float(one[name] or "nan"), float(other[name] or "nan"))
              for one, other in zip(mine, theirs, strict=True) for name in columns]
    return float(np.max([0.0 if np.isnan([one, other]).all() else abs(one - other) / max(abs(other), 1e-9)
                         for one, other in values]))


# ---- the runs ------------------------------------------------------------------------------------


def main(options: Any) -> None:
    """First runs, then runs of ten rows in turn."""
    threads_each(1)
    report, sizes = Report("new_rows", options), [int(one) for one in options.sizes.split(",")]
    name = options.command
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "train.csv", 6_000)
        grucast(["train", "train.csv", "-o", "model.grucast", "-q", "--hidden", "8", "--epochs", "1", "--threads", "1",
                 "--context-length", "96", "--horizon", "48", "--season", "48"], folder)
        first = {}
        for size in sizes:
            write(folder / f"{size}.csv", size)
            first[size] = spend([*grucast_command(), *words(name, size)], folder)
        cost: dict[int, list[float]] = {size: [] for size in sizes}
        for run in range(options.runs):
            for size in sizes:
                with (folder / f"{size}.csv").open("a") as file:
                    file.writelines(lines(size + NEW * run, size + NEW * (run + 1)))
                shutil.copyfile(folder / f"{size}.state", folder / f"{size}.before")
                cost[size].append(spend([*grucast_command(), *words(name, size)], folder).cpu)
        tails = {size: by_the_tail(name, size, folder) for size in sizes}
        whole = {size: by_the_whole(name, size, folder, folder / f"{size}.before") for size in sizes
                 if size <= options.whole}
    usual = {size: float(np.median(cost[size])) for size in sizes}
    rows = tuple((f"{size:,}", seconds(first[size].cpu), f"{first[size].peak:,.0f} MiB", seconds(usual[size]),
                  percent(usual[size] / usual[sizes[0]]), f"{tails[size]:.1g}",
                  *((f"{whole[size][0]:.1g}", seconds(whole[size][1].cpu)) if size in whole else ("", "")))
                 for size in sizes)
    report.show(Table(f"{name}: ten new rows, seconds of the processor",
                      ("rows before", "first run", "its peak", "a run of ten", "of that on the first file",
                       "differs from the tail", "from the whole", "that run"), rows))
    report.close(cost=usual, tail=tails, whole={size: one[0] for size, one in whole.items()})


if __name__ == "__main__":
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--command", choices=("detect-anomalies", "forecast"), default="detect-anomalies",
                        help="what runs; detect-anomalies")
    parser.add_argument("--sizes", default="1000,10000000", help="rows of the files; 1000,10000000")
    parser.add_argument("--runs", type=int, default=5, help="runs counted for each; 5")
    parser.add_argument("--whole", type=int, default=1_000_000, help="rows up to which the whole file is run; 1000000")
    main(parser.parse_args())
