"""The recurrent cells side by side: accuracy, parameters, time of the processor and memory on ETTh1 and M4 Hourly.

Everything but the cell is the default. ETTh1 is the long-horizon protocol of ett.py with every window, M4 Hourly that
of m4.py. Each cell trains in a process of its own, one after the other; a cell that the registry holds is measured
without a change here. The time is that of the processor from the first row to the last forecast.

    python benchmarks/cells.py --data DIR [--cells gru,lstm,rnn] [--sets ETTh1,hourly] [--networks segment,recurrent]
                               [--horizon 96] [--context 96] [--epochs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ett
import m4
import numpy as np
from common import Report, Table, arguments, find, number, percent, seconds, threads_each

from grucast.core.config import QUANTILE_LEVELS, FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.data.reading import read_panel
from grucast.evaluation.metrics import as_json, owa, score, seasonal_scale
from grucast.networks import CELLS
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.splits import Split

SETS = ("ETTh1", "hourly")


@dataclass(frozen=True)
class Job:
    """One cell on one set; horizon and context are those of ETTh1."""

    data: Path
    name: str
    network: str
    cell: str
    horizon: int
    context: int
    fit: FitOptions


def measure(job: Job) -> dict[str, Any]:
    """Train and judge, in this process and in no other."""
    began = time.process_time()
    found = on_m4(job) if job.name == "hourly" else on_ett(job)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # of ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"set": job.name, "network": job.network, "cell": job.cell, "cpu": time.process_time() - began,
            "peak": peak, **found}


def on_ett(job: Job) -> dict[str, Any]:
    """MSE and MAE on standardised values of every window of the test part."""
    from grucast.training.fit import Run
    from grucast.training.setup import configure
    from grucast.workflows.learning.assess import Protocol, assess
    from grucast.workflows.learning.learn import learn, prepare

    configure("cpu", 1)
    panel, _ = regularise(read_panel([str(job.data)], ReadOptions()).panel)
    held, stop = ett.FIT + ett.HELD, ett.FIT + ett.HELD + ett.JUDGED
    panel = type(panel)(tuple(one.rows(0, stop) for one in panel.series), panel.layout)
    options = TrainOptions(WindowOptions(job.horizon, job.context), NetworkOptions(job.network, job.cell), job.fit)
    prepared = prepare(panel, options, splits=[Split(ett.FIT, held, held, stop)])
    learned = learn(prepared, Run())
    y = panel.series[0].y[:ett.FIT]
    found = assess(prepared, learned.forecaster,
                   Protocol(stride=1, baselines=(), standardise=(np.mean(y, axis=0), np.std(y, axis=0))))
    parameters = sum(value.size for weights in learned.members for value in weights.values())
    return {"parameters": parameters, "windows": found["windows"], "scores": found["holdout"]}


def on_m4(job: Job) -> dict[str, Any]:
    """sMAPE, MASE and OWA as in the competition."""
    data = m4.read_contest(job.data, m4.HOURLY)
    scale = np.stack([seasonal_scale(y, m4.HOURLY.season) for y in data.history])
    settings = TrainOptions(network=NetworkOptions(job.network, job.cell), fit=job.fit)
    quantiles, report = m4.grucast_quantiles(data, m4.HOURLY, settings)
    scores = score(data.y, quantiles, QUANTILE_LEVELS, scale=scale)
    return {"parameters": report["parameters"], "windows": len(data.ids),
            "scores": {**as_json(scores), "owa": owa(scores, m4.reference(data, m4.HOURLY, scale))}}


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table of a set."""
    scores, metrics = one["scores"], METRICS[one["set"]]
    return (one["cell"], one["network"], f"{one['parameters']:,}", *(number(scores[name]) for name, _ in metrics),
            *(percent(scores["coverage"][level]) for level in ("80", "95")), number(scores["msis"], 3),
            seconds(one["cpu"]), f"{one['peak']:.0f} MiB")


METRICS = {"ETTh1": (("mse", "MSE"), ("mae", "MAE")), "hourly": (("smape", "sMAPE"), ("mase", "MASE"), ("owa", "OWA"))}


def main(words: list[str] | None = None) -> None:
    """Measure every cell on every set."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--cells", default=",".join(CELLS.names()))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--networks", default="segment")
    parser.add_argument("--horizon", type=int, default=96, help="of ETTh1")
    parser.add_argument("--context", type=int, default=96, help="rows of look-back of ETTh1")
    parser.add_argument("--epochs", type=int, help="most epochs; the default of grucast train")
    options: argparse.Namespace = parser.parse_args(words)
    chosen = options.sets.split(",")
    if unknown := set(chosen) - set(SETS):
        parser.error(f"--sets holds {', '.join(SETS)}, not {', '.join(sorted(unknown))}")
    threads_each(1)
    paths = {name: find(options.data, [f"forecast/energy/{name}.csv", f"{name}.csv"], ett.SOURCE) if name == "ETTh1"
             else options.data for name in chosen}
    if "hourly" in paths:
        m4.read_contest(options.data, m4.HOURLY)  # one line where it is not there, before an hour of work
    report = Report("cells", options)
    fit = FitOptions(seed=options.seed, epochs=options.epochs, threads=1)
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in chosen:
            jobs = [Job(paths[name], name, network, cell, options.horizon, options.context, fit)
                    for network, cell in itertools.product(options.networks.split(","), options.cells.split(","))]
            found = list(pool.map(measure, jobs))
            columns = ("cell", "network", "parameters", *(said for _, said in METRICS[name]), "inside 80 %",
                       "inside 95 %", "MSIS", "processor", "peak memory")
            title = (f"ETTh1, {options.horizon} steps from {options.context} rows, every window" if name == "ETTh1"
                     else "M4 Hourly")
            report.show(Table(title, columns, tuple(map(row, found))))
            results += found
    report.close(results=results)


if __name__ == "__main__":
    main()
