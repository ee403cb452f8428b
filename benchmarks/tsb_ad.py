"""VUS-PR on public series, the protocol of TSB-AD: grucast beside a ridge, a forest and the published methods.

For each file of `DIR/anomaly/INDEX.csv`: a copy without its labels and stamps, `grucast train` on its first rows,
`grucast detect-anomalies` on all of it, VUS-PR of the scores against the labels, the training rows included. No point
adjustment. Files with several channels are judged over all channels, and again with the labelled one named.

    python benchmarks/tsb_ad.py --data DIR [--part tune|dev|all] [--mode offline,online] [--tracks u,m,ecg]
                                [--only NAMES] [--floors-only] [--processes 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import Failed, Report, Table, arguments, each, find, grucast, number, threads_each
from floors import Floats, forest_floor, ridge_floor

from grucast.evaluation.vus import vus

SOURCE = "https://github.com/TheDatumOrg/TSB-AD"
NAMED = {"tsb_smap_m": "c00", "tsb_msl_m": "c00"}  # there the first column is the telemetry that experts labelled
ECG_ROWS, ECG_TRAIN, ECG_WINDOW = 60_000, 10_000, 99
TRACKS = {"u": "one channel", "m": "several channels", "named": "several channels, the labelled one named where the"
          " set says which", "ecg": "electrocardiograms"}
OURS = ("grucast", "next step", "ridge", "forest")
LABEL, STAMP = "label", "timestamp"


@dataclass(frozen=True)
class Job:
    """One file as the protocol gives it: its first `rows`, of which `train` to train on; `window` is W of VUS."""

    path: Path
    collection: str
    track: str
    rows: int
    train: int
    window: int
    target: str
    published: Mapping[str, float]


def read_index(path: Path, part: str, tracks: Sequence[str]) -> list[Job]:
    """The files of a part and of some tracks; the electrocardiograms belong to every part.

    Files with several channels come twice, the second time in the track `named`.
    """
    jobs = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            track = "ecg" if row["collection"].startswith("ecg") else "u" if int(row["channels"]) == 1 else "m"
            wanted = part == "all" or track == "ecg" or (row["evalset"] == "True") == (part == "dev")
            if wanted:
                jobs += [one for one in entries(row, path.parent, track) if track in tracks or one.track in tracks]
    return jobs


def entries(row: Mapping[str, str], folder: Path, track: str) -> list[Job]:
    """The one or two jobs of a line of the index."""
    collection = row["collection"]
    sizes = (int(row["n"]), int(float(row["train_len"])), int(float(row["vus_window"])))
    if track == "ecg":  # its targets are of each record
        collection, sizes = Path(row["file"]).name.split(".")[0], (min(ECG_ROWS, sizes[0]), ECG_TRAIN, ECG_WINDOW)
    published = {key.removeprefix("pub_"): float(value) for key, value in row.items()
                 if key.startswith("pub_") and key != "pub_best_method" and value}
    plain = Job(folder / row["file"], collection, track, *sizes, "", published)
    named = Job(folder / row["file"], collection, "named", *sizes, NAMED.get(collection, ""), published)
    return [plain, named] if track == "m" else [plain]


def read_values(job: Job) -> tuple[list[str], list[list[str]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The names of the channels, their cells as they stand in the file, and the labels (T,)."""
    opened = gzip.open if job.path.suffix == ".gz" else open
    with opened(job.path, "rt", newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        header = next(lines)
        keep = [place for place, name in enumerate(header) if name not in (LABEL, STAMP)]
        cells, label = [], []
        for line, _ in zip(lines, range(job.rows), strict=False):
            cells.append([line[place] for place in keep])
            label.append(int(float(line[header.index(LABEL)])))
    return [header[place] for place in keep], cells, np.array(label)


def measure(job: Job, *, modes: Sequence[str], ours: bool, threads: int, seed: int) -> dict[str, Any]:
    """VUS-PR of each method in each mode, and the seconds; `wrong` says what went wrong with grucast."""
    names, cells, label = read_values(job)
    x = np.array(cells, dtype=np.float64)
    seen = x[:, [names.index(job.target)]] if job.target else x
    result: dict[str, Any] = {"file": job.path.name, "collection": job.collection, "track": job.track, "rows": len(x),
                              "channels": seen.shape[1], "target": job.target, "wrong": "", "seconds": {},
                              "published": dict(job.published), "scores": {mode: {} for mode in modes}}
    for mode in modes:
        began = time.perf_counter()
        ridge = ridge_floor(seen, job.train, mode)
        middle = time.perf_counter()
        forest = forest_floor(seen, job.train, mode, seed)
        result["seconds"] |= {f"ridge {mode}": middle - began, f"forest {mode}": time.perf_counter() - middle}
        result["scores"][mode] = {"ridge": vus(ridge, label, job.window)[0],
                                  "forest": vus(forest, label, job.window)[0]}
    if ours:
        try:
            with tempfile.TemporaryDirectory() as scratch:
                run_ours(job, result, Path(scratch), ("--threads", str(threads), "--seed", str(seed)))
        except Failed as error:
            result["wrong"] = str(error)
    return result


def run_ours(job: Job, result: dict[str, Any], folder: Path, options: tuple[str, ...]) -> None:
    """Train and detect by the installed command in `folder`, and add what came to `result`."""
    names, cells, label = read_values(job)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *cells])
    deviations = np.std(np.array(cells[:job.train], dtype=np.float64), axis=0)
    target = ("--target-col", job.target) if job.target else ()
    result["seconds"]["train"] = grucast(["train", "data.csv", "--no-time", "--train-rows", str(job.train),
                                          *target, "-o", "m.grucast", *options, "-q"], folder)
    for mode in result["scores"]:
        result["seconds"][f"detect {mode}"] = grucast(
            ["detect-anomalies", "data.csv", "-m", "m.grucast", "--mode", mode, "--scores", "scores.csv", "-q"], folder)
        score, step = read_scores(folder / "scores.csv", dict(zip(names, deviations.tolist(), strict=True)))
        if len(score) != len(label):
            raise Failed(f"detect-anomalies: {len(score)} scores for {len(label)} rows")
        result["scores"][mode] |= {"grucast": vus(score, label, job.window)[0],
                                   "next step": vus(step, label, job.window)[0]}


def read_scores(path: Path, deviations: Mapping[str, float]) -> tuple[Floats, Floats]:
    """The scores of a file (T,), and the next-step error alone, |y - y_hat| (T,) in deviations of its channel.

    NaN where a cell is empty: there was no context. `vus` takes it for the lowest.
    """
    units = {"": 1.0, **{name: value or 1.0 for name, value in deviations.items()}}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(cell(row["score"]), abs(cell(row["y"]) - cell(row["y_hat"])) / units[row["channel"]])
                for row in csv.DictReader(file)]
    found = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def cell(text: str) -> float:
    """The number of a cell, NaN for an empty one."""
    return float(text) if text else float("nan")


# ---- tables --------------------------------------------------------------------------------------


def table(results: Sequence[dict[str, Any]], track: str, mode: str) -> Table:
    """A line a collection of a track and one for all; means over the files for which there is a score."""
    chosen = [one for one in results if one["track"] == track]
    lines = [line(name, [one for one in chosen if one["collection"] == name], mode)
             for name in sorted({one["collection"] for one in chosen})]
    columns = ("collection", "files", *OURS, "LSTM", "POLY", "best published", "s a series", "rows a second")
    return Table(f"VUS-PR, {TRACKS[track]}, {mode}", columns, (*lines, line("all", chosen, mode)))


def line(name: str, group: Sequence[dict[str, Any]], mode: str) -> tuple[str, ...]:
    """The means of a group of files; the best published method is one known for every file that has any."""
    means = [mean([one["scores"][mode].get(method) for one in group]) for method in OURS]
    known = [one["published"] for one in group if one["published"]]
    methods = [key for key in (known[0] if known else {}) if key != "best" and all(key in one for one in known)]
    published = {key: float(np.mean([one[key] for one in known])) for key in methods}
    best = max(published, key=published.__getitem__, default="")
    done = [one for one in group if f"detect {mode}" in one["seconds"]]
    took = [one["seconds"]["train"] + one["seconds"][f"detect {mode}"] for one in done]
    pace = sum(one["rows"] for one in done) / (sum(one["seconds"][f"detect {mode}"] for one in done) or np.nan)
    return (name, f"{len(done)} of {len(group)}", *map(places, means), places(published.get("LSTMAD")),
            places(published.get("POLY")), f"{places(published.get(best))} {best}".strip(),
            number(mean(took), 3), f"{pace:,.0f}" if done else number(None))


def places(value: float | None) -> str:
    """VUS-PR with three decimals."""
    return number(value) if value is None else f"{value:.3f}"


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is there."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def main(words: list[str] | None = None) -> None:
    """Measure what was asked for and print the tables."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--part", choices=("tune", "dev", "all"), default="dev", help="which files; tune on tune only")
    parser.add_argument("--mode", default="offline,online")
    parser.add_argument("--tracks", default="u,m,ecg")
    parser.add_argument("--only", default="", metavar="NAMES", help="collections or parts of file names, with commas")
    parser.add_argument("--floors-only", action="store_true", help="grucast is not run: it takes minutes, not hours")
    parser.add_argument("--processes", type=int, default=2)
    options: argparse.Namespace = parser.parse_args(words)
    index = find(options.data, ["anomaly/INDEX.csv", "INDEX.csv"], SOURCE)
    only = [name for name in options.only.split(",") if name]
    jobs = [job for job in read_index(index, options.part, options.tracks.split(","))
            if not only or any(name == job.collection or name in job.path.name for name in only)]
    jobs.sort(key=lambda job: -job.rows * len(job.track))  # the longest first, so that no process waits at the end
    modes = tuple(options.mode.split(","))
    work = partial(measure, modes=modes, ours=not options.floors_only, threads=threads_each(options.processes),
                   seed=options.seed)
    report = Report("tsb_ad", options)
    results = []
    for one in each(work, jobs, options.processes):
        results.append(one)
        said = " ".join(f"{mode}: " + " ".join(f"{key} {value:.3f}" for key, value in sorted(scores.items()))
                        for mode, scores in one["scores"].items())
        print(f"{len(results)}/{len(jobs)}", one["track"], one["file"], said, one["wrong"], file=sys.stderr, flush=True)
    for track in TRACKS:
        for mode in modes if any(one["track"] == track for one in results) else ():
            report.show(table(results, track, mode))
    report.close(results=sorted(results, key=lambda one: (one["track"], one["file"])))
    raise SystemExit(130 if len(results) < len(jobs) else 1 if any(one["wrong"] for one in results) else 0)


if __name__ == "__main__":
    main()
