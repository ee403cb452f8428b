"""What the benchmarks over many sets share: which files there are, what is in them, and a command with its cost."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, Failed, Report, each, environment, find, grucast_command, threads_each
from forecast_folder import files, last_line

from grucast.core.config import ReadOptions
from grucast.core.series import Panel
from grucast.data.reading import read_panel
from grucast.preprocessing.frequency import default_horizon
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.seasons import find_seasons
from grucast.preprocessing.sources import length_known

SOURCE = "the publishers listed in benchmarks/README.md"
DAY = 86_400.0  # seconds; nobody waits longer for a command
REPEATED = 0.8  # a column that repeats the row before more often is a code or nearly constant
ELSEWHERE = ("ETT", "m4_", "exchange_rate")  # sets that have a benchmark of their own, by how their names begin
EARLY = 0.8  # of the rows, that a season may be sought in where it says how long the horizon is


@dataclass(frozen=True)
class Spent:
    """A command that has ended: its exit code, what it said, and what it cost (s of clock, s of processor, MiB)."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu: float
    peak: float


def spend(command: Sequence[str], folder: Path, *, limit: float = DAY) -> Spent:
    """What a command said and cost; exit code 124 where it was ended after `limit` seconds of the clock.

    The cost is that of the command and of the processes that it waited for, and of nothing else.
    """
    with tempfile.TemporaryDirectory() as scratch:
        facts = Path(scratch) / "facts.json"
        # a small process between: memory counts from the peak of whoever starts a command
        between = [sys.executable, "-I", "-S", str(HERE / "peers" / "measure.py"), str(facts), str(limit)]
        done = subprocess.run([*between, *command], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        cost = json.loads(facts.read_text(encoding="utf-8"))
    said = done.stderr + (f"longer than {limit:.0f} s\n" if done.returncode == 124 else "")
    return Spent(done.returncode, done.stdout, said, cost["wall"], cost["cpu"], cost["peak"] / 2**20)


def command(words: Sequence[str], folder: Path, *, limit: float = DAY) -> Spent:
    """A command of grucast that ended well; Failed, with its last line, where it did not."""
    done = spend([*grucast_command(), *words], folder, limit=limit)
    if done.code:
        raise Failed(f"{words[0]}: exit {done.code}: {last_line(done.stderr) or 'it said nothing'}")
    return done


def backtest(path: Path, words: Sequence[str], *, limit: float = DAY) -> tuple[dict[str, Any], Spent]:
    """The report of `grucast backtest` on one file, and its cost; Failed where it went wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        done = command(["backtest", str(path.resolve()), *words, "--json", "-o", "report.json"], Path(scratch),
                       limit=limit)
        return json.loads((Path(scratch) / "report.json").read_text(encoding="utf-8")), done


def sets(folder: Path, only: Sequence[str]) -> list[Path]:
    """The sets below `folder` that have no benchmark of their own, those of INDEX.csv where there is one.

    `only` names folders or files. The smallest files come first.
    """
    found = files(folder, list(only))
    index = folder / "INDEX.csv"
    if index.exists():
        with index.open(newline="", encoding="utf-8") as lines:
            listed = {(folder / row["file"]).resolve() for row in csv.DictReader(lines)}
        found = [path for path in found if path.resolve() in listed]
    kept = (path for path in found if not path.name.startswith(ELSEWHERE))
    return sorted(kept, key=lambda path: path.stat().st_size)


@dataclass(frozen=True, eq=False)
class Look:
    """A set on its grid: `rows` of its longest series, its default `horizon`, and the columns that are left out."""

    panel: Panel
    rows: int
    horizon: int
    left_out: tuple[str, ...]

    def kept(self) -> list[bool]:
        """Whether each channel of each series is judged, series after series, as reports list them."""
        return [name not in self.left_out for name in self.panel.channels] * len(self.panel.series)


def look(path: Path) -> Look:
    """What a command without options sees in a file; the horizon comes from its first rows, never from the last."""
    panel, _ = regularise(read_panel([str(path)], ReadOptions()).panel)
    lengths = [length_known(one) for one in panel.series]
    early = tuple(one.rows(0, int(rows * EARLY)) for one, rows in zip(panel.series, lengths, strict=True))
    seasons = find_seasons(type(panel)(early, panel.layout))
    horizon = default_horizon(panel.freq, seasons, min(rows for rows in lengths if rows))
    left_out = tuple(name for place, name in enumerate(panel.channels)
                     if repeated([one.y[:, place] for one in panel.series]) > REPEATED)
    return Look(panel, max(lengths), horizon, left_out)


def repeated(columns: Sequence[np.ndarray]) -> float:
    """The share of rows of one column, over all series, that repeat the row before; NaN is not observed."""
    steps = np.concatenate([np.diff(column) for column in columns])
    steps = steps[~np.isnan(steps)]
    return float(np.mean(steps == 0)) if len(steps) else 1.0


def arguments_of_sets(parser: argparse.ArgumentParser) -> None:
    """The options that all benchmarks over many sets have."""
    parser.add_argument("--only", default="", metavar="NAMES", help="folders or files, with commas")
    parser.add_argument("--train", default="", metavar="WORDS", help="options of grucast backtest; none by default")
    parser.add_argument("--limit", type=float, default=1800.0, metavar="S", help="longest time for a set")
    parser.add_argument("--processes", type=int, default=1)


def over_sets(
    measure: Callable[..., dict[str, Any]], row: Callable[[Mapping[str, Any]], tuple[str, ...]],
    options: argparse.Namespace, **more: Any
) -> tuple[list[dict[str, Any]], bool]:
    """What `measure(path, words=, limit=, **more)` gives for each set, by name, each shown as it comes.

    The second is whether all sets are there: an interruption leaves those that were done.
    """
    folder = find(options.data, ["forecast", "."], SOURCE)
    jobs = sets(folder, [name for name in options.only.split(",") if name])
    words = ["--seed", str(options.seed), "--threads", str(threads_each(options.processes)),
             *shlex.split(options.train)]
    results: list[dict[str, Any]] = []
    for one in each(partial(measure, words=words, limit=options.limit, **more), jobs, options.processes):
        results.append(one)
        print(f"{len(results)}/{len(jobs)}", " · ".join(row(one)), file=sys.stderr, flush=True)
    return sorted(results, key=lambda one: str(one["set"])), len(results) == len(jobs)


def close(report: Report, found: Mapping[str, Any], results: Sequence[Mapping[str, Any]], *, whole: bool) -> None:
    """End a benchmark over many sets: 130 where it was interrupted, 1 where a set went wrong, else 0."""
    report.close(**found, results=results)
    raise SystemExit(130 if not whole else 1 if found["wrong"] else 0)
