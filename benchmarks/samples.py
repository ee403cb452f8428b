"""Events found on the samples, by the size of the fault: recall and precision over seeds of the generators.

`grucast train FILE` and `grucast detect-anomalies`, no options, on a file whose faults take 1 to 8 deviations in turn:
what a newcomer does. Then the same model on files that differ in their faults alone, all of one size: for each size
a recall and a precision. A fault is found where an event shares a row with it, an event is right
where a fault shares a row with it; `--slack N` lets them miss each other by N rows.

    python benchmarks/samples.py [--seeds 20] [--generators energy,stock,ecg] [--sizes 1,2,3,4,5,6,7,8] [--slack 0]
                                 [--processes 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from common import Failed, Report, Table, arguments, each, events, grucast, number, percent, threads_each

from sample_data.generate import Fault, Sample, ecg, energy, stock, to_csv

MAKERS = {"energy": energy, "stock": stock, "ecg": ecg}
LARGE = 4.0  # deviations, from which on faults are to be found
BARS = "asked for: recall 90 % from 4 deviations on, precision 70 %"


@dataclass(frozen=True)
class Job:
    """One generator with one seed: the sizes in turn, then each alone."""

    generator: str
    seed: int
    sizes: tuple[float, ...]
    slack: int


@dataclass(frozen=True)
class Count:
    """Faults and those found, events and those right."""

    faults: int = 0
    found: int = 0
    events: int = 0
    right: int = 0

    def __add__(self, other: Count) -> Count:
        """Both together."""
        return Count(self.faults + other.faults, self.found + other.found, self.events + other.events,
                     self.right + other.right)


def touching(rows: tuple[int, int], others: Sequence[tuple[int, int]], slack: int) -> bool:
    """Whether rows, half-open, come within `slack` rows of any of the others."""
    return any(rows[0] < stop + slack and start < rows[1] + slack for start, stop in others)


def count(found: Sequence[tuple[int, int]], faults: Sequence[Fault], slack: int) -> dict[str, Count]:
    """Faults of each size and kind, and `events`: how many there are and how many are right.

    Keys: the size without its sign, `stuck` for faults that have none, `events`.
    """
    places = [(fault.start, fault.stop) for fault in faults]
    out = {"events": Count(events=len(found), right=sum(touching(one, places, slack) for one in found))}
    for fault, place in zip(faults, places, strict=True):
        key = f"{abs(fault.size):g}" if fault.size else fault.kind
        out[key] = out.get(key, Count()) + Count(1, int(touching(place, found, slack)))
    return out


def measure(job: Job, *, train: tuple[str, ...] = ()) -> dict[str, Any]:
    """The counts of the file with all sizes (`together`), and of each size alone (`apart`)."""
    make = MAKERS[job.generator]
    result: dict[str, Any] = {"generator": job.generator, "seed": job.seed, "wrong": "", "together": {}, "apart": {},
                              "seconds": {}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            mixed = make(job.seed, fault_sizes=job.sizes)
            (folder / "data.csv").write_bytes(unlabelled(mixed))
            result["seconds"]["train"] = grucast(["train", "data.csv", "-q", *train], folder)
            result["seconds"]["detect"] = detect(folder)
            result["together"] = plain(count(events(folder / "scores.csv"), mixed.faults, job.slack))
            for size in job.sizes:
                alone = make(job.seed, fault_sizes=(size,))
                (folder / "data.csv").write_bytes(unlabelled(alone))
                detect(folder)
                result["apart"][f"{size:g}"] = plain(count(events(folder / "scores.csv"), alone.faults, job.slack))
        except Failed as error:
            result["wrong"] = str(error)
    return result


def detect(folder: Path) -> float:
    """The seconds of a detection in the folder, without an option but the file for its scores."""
    return grucast(["detect-anomalies", "data.csv", "--scores", "scores.csv", "-q"], folder)


def unlabelled(sample: Sample) -> bytes:
    """The file without its labels, which nobody has in life."""
    return to_csv(replace(sample, columns={name: one for name, one in sample.columns.items() if name != "label"}))


def plain(counts: dict[str, Count]) -> dict[str, dict[str, int]]:
    """The counts as JSON."""
    return {key: asdict(one) for key, one in counts.items()}


def total(results: Sequence[dict[str, Any]], path: Sequence[str]) -> Count:
    """The sum over results of the count that lies at `path`."""
    out = Count()
    for one in results:
        for key in path:
            one = one.get(key, {})
        out += Count(**one)
    return out


def table(results: Sequence[dict[str, Any]], generator: str, sizes: Sequence[float]) -> Table:
    """A line a size, a line for faults without one, and all from 4 deviations on with the precision of the file."""
    chosen = [one for one in results if one["generator"] == generator]
    lines = []
    for size in [f"{size:g}" for size in sizes]:
        alone, ranked = total(chosen, ["apart", size, size]), total(chosen, ["apart", size, "events"])
        lines.append((f"{size} deviations", *share(alone), *precision(ranked), *share(total(chosen,
                                                                                            ["together", size]))))
    stuck = total(chosen, ["together", "stuck"])
    if stuck.faults:
        lines.append(("stuck", *[number(None)] * 4, *share(stuck)))
    together = total(chosen, ["together", "events"])
    large = sum((total(chosen, ["together", f"{size:g}"]) for size in sizes if size >= LARGE), Count())
    lines.append(("the file, from 4 on", number(None), number(None), *precision(together), *share(large)))
    columns = ("fault", "faults", "recall", "events", "precision", "faults, sizes in turn", "recall, sizes in turn")
    return Table(f"{generator}, {len(chosen)} seeds ({BARS})", columns, tuple(lines))


def share(one: Count) -> tuple[str, str]:
    """How many faults, and the share found."""
    return str(one.faults), percent(one.found / one.faults if one.faults else None)


def precision(one: Count) -> tuple[str, str]:
    """How many events, and the share that is right."""
    return str(one.events), percent(one.right / one.events if one.events else None)


def main(words: list[str] | None = None) -> None:
    """Measure every generator with every seed and print a table for each."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds of the generators: 1 to N")
    parser.add_argument("--generators", default=",".join(MAKERS))
    parser.add_argument("--sizes", default="1,2,3,4,5,6,7,8", help="of faults, in deviations")
    parser.add_argument("--slack", type=int, default=0, metavar="N", help="rows by which a fault and an event may miss")
    parser.add_argument("--processes", type=int, default=2)
    options: argparse.Namespace = parser.parse_args(words)
    sizes = tuple(map(float, options.sizes.split(",")))
    jobs = [Job(name, seed, sizes, options.slack) for seed in range(1, options.seeds + 1)
            for name in options.generators.split(",")]
    train = ("--seed", str(options.seed), "--threads", str(threads_each(options.processes)))
    report = Report("samples", options)
    results = []
    for one in each(partial(measure, train=train), jobs, options.processes):
        results.append(one)
        print(f"{len(results)}/{len(jobs)}", one["generator"], one["seed"], one["together"].get("events"), one["wrong"],
              file=sys.stderr, flush=True)
    for generator in options.generators.split(","):
        report.show(table(results, generator, sizes))
    report.close(results=sorted(results, key=lambda one: (one["generator"], one["seed"])))
    raise SystemExit(130 if len(results) < len(jobs) else 1 if any(one["wrong"] for one in results) else 0)


if __name__ == "__main__":
    main()
