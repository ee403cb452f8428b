"""ETTh1 and ETTh2, the long-horizon protocol with every window: grucast beside the simple methods and the papers.

Hourly, 7 columns; the first 8,640 rows to fit on, 2,880 to stop and calibrate on, 2,880 to judge; contexts
reach back over the border, every window counts, errors on values standardised by the fit part. One set of
defaults for all; look-backs are never mixed. Each horizon trains in a process of its own.

    python benchmarks/ett.py --data DIR [--sets ETTh1,ETTh2] [--horizons 96,192,336,720] [--context 96|free]
                             [--networks segment,recurrent] [--processes 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, find, number, percent

from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.data.reading import read_panel
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.splits import Split

SOURCE = "https://github.com/zhouhaoyi/ETDataset"
FIT, HELD, JUDGED = 8640, 2880, 2880
PUBLISHED = {  # MSE / MAE at a look-back of 96, from the papers' own tables: SegRNN, TimeMixer, iTransformer, PatchTST
    "ETTh1": {96: ".368/.395 .375/.400 .386/.405 .414/.419", 192: ".408/.419 .429/.421 .441/.436 .460/.445",
              336: ".444/.440 .484/.458 .487/.458 .501/.466", 720: ".446/.457 .498/.482 .503/.491 .500/.488"},
    "ETTh2": {96: ".278/.335 .289/.341 .297/.349 .302/.348", 192: ".359/.389 .372/.392 .380/.400 .388/.400",
              336: ".421/.436 .386/.414 .428/.432 .426/.433", 720: ".432/.455 .412/.434 .427/.445 .431/.446"},
}


def measure(path: Path, horizon: int, context: int | None, network: str, seed: int) -> dict[str, Any]:
    """Train on one set for one horizon and judge every window of its test part."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from grucast.training.fit import Run
    from grucast.training.setup import configure
    from grucast.workflows.learning.assess import Protocol, assess
    from grucast.workflows.learning.learn import learn, prepare

    configure("cpu", 1)
    panel, _ = regularise(read_panel([str(path)], ReadOptions()).panel)
    stop = FIT + HELD + JUDGED
    options = TrainOptions(WindowOptions(horizon, context), NetworkOptions(network), FitOptions(seed=seed))
    split = Split(FIT, FIT + HELD, FIT + HELD, stop)
    shortened = type(panel)(tuple(one.rows(0, stop) for one in panel.series), panel.layout)
    began = time.perf_counter()
    prepared = prepare(shortened, options, splits=[split])
    prepared, learned = learn(prepared, Run())
    trained = time.perf_counter() - began
    y = panel.series[0].y[:FIT]
    beside = ("naive", "seasonal_naive", "linear") if network == "segment" else ()
    found = assess(prepared, learned.forecaster,
                   Protocol(stride=1, baselines=beside, standardise=(np.mean(y, axis=0), np.std(y, axis=0))))
    return {"set": path.name.split(".")[0], "horizon": horizon, "context": prepared.window.context_length,
            "network": network, "steps": learned.found[0].steps, "seconds": trained, **found}


def rows(results: list[dict[str, Any]]) -> list[list[str]]:
    """A row for each set, horizon and network, and the means."""
    out = []
    for one in results:
        holdout = one["holdout"]
        beside = [pair(scores) for scores in one["baselines"].values()] or ["", "", ""]
        out.append([one["set"], str(one["horizon"]), str(one["context"]), one["network"], pair(holdout), *beside,
                    percent(holdout["coverage"]["80"]), percent(holdout["coverage"]["95"]), number(holdout["msis"]),
                    str(one["windows"]), str(one["steps"]), f"{one['seconds']:.0f} s",
                    PUBLISHED.get(one["set"], {}).get(one["horizon"], "") if one["context"] == 96 else ""])
    for (name, network), group in groups(results).items():
        means = [np.mean([one["holdout"][metric] for one in group]) for metric in ("mse", "mae")]
        out.append([name, "mean", "", network, f"**{means[0]:.4f}/{means[1]:.4f}**", *[""] * 10])
    return out


def groups(results: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The results of each set and network."""
    keys = dict.fromkeys((one["set"], one["network"]) for one in results)
    return {key: [one for one in results if (one["set"], one["network"]) == key] for key in keys}


def pair(scores: dict[str, Any]) -> str:
    """MSE/MAE."""
    return f"{scores['mse']:.4f}/{scores['mae']:.4f}"


def main(words: list[str] | None = None) -> None:
    """Run what was asked for and print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sets", default="ETTh1,ETTh2")
    parser.add_argument("--horizons", default="96,192,336,720")
    parser.add_argument("--context", default="96", help="rows of look-back, or free")
    parser.add_argument("--networks", default="segment")
    parser.add_argument("--processes", type=int, default=2)
    options: argparse.Namespace = parser.parse_args(words)
    report = Report("ett", options)
    paths = {name: find(options.data, [f"forecast/energy/{name}.csv", f"{name}.csv"], SOURCE)
             for name in options.sets.split(",")}
    context = None if options.context == "free" else int(options.context)
    jobs = list(itertools.product(paths, map(int, options.horizons.split(",")), options.networks.split(",")))
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure, paths[name], horizon, context, network, options.seed)
                   for name, horizon, network in jobs]
        results = []
        for one in waiting:
            results.append(one.result())
            print(results[-1]["set"], results[-1]["horizon"], results[-1]["network"], pair(results[-1]["holdout"]),
                  file=sys.stderr, flush=True)
    columns = ["set", "horizon", "context", "network", "grucast", "naive", "seasonal naive", "linear", "coverage 80",
               "coverage 95", "MSIS", "windows", "steps", "training", "SegRNN, TimeMixer, iTransformer, PatchTST"]
    report.show(Table("MSE / MAE on standardised values", tuple(columns), tuple(map(tuple, rows(results)))))
    report.close(results=results)


if __name__ == "__main__":
    main()
