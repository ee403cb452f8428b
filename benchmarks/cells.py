"""The recurrent cells, and what can stand around them, side by side: accuracy, parameters, time and memory.

Everything but the cell is the default. ETTh1 is the long-horizon protocol of ett.py with every window, M4 Hourly that
of m4.py. Each trains in a process of its own, one after the other; a cell that the registry holds is measured
without a change here. The time is that of the processor from the first row to the last forecast. The other sets need
no data: `remembering.py` says what they are. A cell is a word such as gru, or gru+attention, gru+skip=24,
lstm+dilations=24/48: the cell and options of `grucast train`.

    python benchmarks/cells.py --data DIR [--cells gru,lstm,rnn] [--networks segment,recurrent] [--horizon 96]
                               [--sets ETTh1,hourly,adding,delayed,gradients,speed] [--context 96] [--epochs N]
                               [--steps N] [--plot FILE.png] [--json FILE]
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
from remembering import TASKS, draw_gradients, run_task

from grucast.core.config import (
    QUANTILE_LEVELS,
    FitOptions,
    NetworkOptions,
    ReadOptions,
    StructureOptions,
    TrainOptions,
    WindowOptions,
)
from grucast.data.reading import read_panel
from grucast.evaluation.metrics import as_json, owa, score, seasonal_scale
from grucast.networks import CELLS
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.splits import Split

SETS = ("ETTh1", "hourly", *TASKS)
AROUND = ("bidirectional", "attention", "activation=silu", "skip=24", "dilations=24/48", "hybrid=conv", "hybrid=es")


@dataclass(frozen=True)
class Job:
    """One cell, with what stands around it, on one set; horizon and context are those of ETTh1."""

    data: Path
    name: str
    network: str
    cell: str
    horizon: int
    context: int
    fit: FitOptions


def network_of(network: str, word: str) -> NetworkOptions:
    """The network that a word such as gru+skip=24+attention means."""
    cell, *more = word.split("+")
    given: dict[str, Any] = {}
    for name, _, value in (one.partition("=") for one in more):
        numbers = tuple(map(int, value.split("/"))) if value.replace("/", "").isdigit() else ()
        given[name] = numbers if name == "dilations" else numbers[0] if numbers else value or True
    return NetworkOptions(network, cell, structure=StructureOptions(**given))


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
    options = TrainOptions(WindowOptions(job.horizon, job.context), network_of(job.network, job.cell), job.fit)
    prepared = prepare(panel, options, splits=[Split(ett.FIT, held, held, stop)])
    prepared, learned = learn(prepared, Run())
    y = panel.series[0].y[:ett.FIT]
    found = assess(prepared, learned.forecaster,
                   Protocol(stride=1, baselines=(), standardise=(np.mean(y, axis=0), np.std(y, axis=0))))
    parameters = sum(value.size for weights in learned.members for value in weights.values())
    return {"parameters": parameters, "windows": found["windows"], "scores": found["holdout"]}


def on_m4(job: Job) -> dict[str, Any]:
    """sMAPE, MASE and OWA as in the competition."""
    data = m4.read_contest(job.data, m4.HOURLY)
    scale = np.stack([seasonal_scale(y, m4.HOURLY.season) for y in data.history])
    settings = TrainOptions(network=network_of(job.network, job.cell), fit=job.fit)
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


def options_of(words: list[str] | None) -> argparse.Namespace:
    """What was asked for, checked."""
    parser = arguments(__doc__ or "")
    everything = [*CELLS.names(), *(f"gru+{one}" for one in AROUND)]
    parser.add_argument("--cells", default=",".join(everything))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--networks", default="segment")
    parser.add_argument("--horizon", type=int, default=96, help="of ETTh1")
    parser.add_argument("--context", type=int, default=96, help="rows of look-back of ETTh1")
    parser.add_argument("--epochs", type=int, help="most epochs; the default of grucast train")
    parser.add_argument("--steps", type=int, default=1000, help="of training, for adding and delayed")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="a picture of the gradients")
    options = parser.parse_args(words)
    if unknown := set(options.sets.split(",")) - set(SETS):
        parser.error(f"--sets holds {', '.join(SETS)}, not {', '.join(sorted(unknown))}")
    return options


def on_data(name: str, path: Path, options: argparse.Namespace) -> tuple[list[dict[str, Any]], Table]:
    """Every cell on a set of data, each in a process of its own."""
    fit = FitOptions(seed=options.seed, epochs=options.epochs, threads=1)
    jobs = [Job(path, name, network, cell, options.horizon, options.context, fit)
            for network, cell in itertools.product(options.networks.split(","), options.cells.split(","))]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        found = list(pool.map(measure, jobs))
    columns = ("cell", "network", "parameters", *(said for _, said in METRICS[name]), "inside 80 %", "inside 95 %",
               "MSIS", "processor", "peak memory")
    title = (f"ETTh1, {options.horizon} steps from {options.context} rows, every window" if name == "ETTh1"
             else "M4 Hourly")
    return found, Table(title, columns, tuple(map(row, found)))


def main(words: list[str] | None = None) -> None:
    """Measure every cell on every set."""
    options = options_of(words)
    chosen = options.sets.split(",")
    threads_each(1)
    paths = {name: find(options.data, [f"forecast/energy/{name}.csv", f"{name}.csv"], ett.SOURCE) if name == "ETTh1"
             else options.data for name in chosen if name not in TASKS}
    if "hourly" in paths:
        m4.read_contest(options.data, m4.HOURLY)  # one line where it is not there, before an hour of work
    report = Report("cells", options)
    results: list[dict[str, Any]] = []
    plain = [cell for cell in options.cells.split(",") if "+" not in cell]
    for name in chosen:
        found, table = (on_data(name, paths[name], options) if name in paths else
                        run_task(name, plain, {"steps": options.steps, "seed": options.seed}))
        report.show(table)
        results += found
        if name == "gradients" and options.plot:
            draw_gradients(found, options.plot)
    report.close(results=results)


if __name__ == "__main__":
    main()
