"""grucast beside neuralforecast, darts and statsforecast: the same series, cutoffs and metrics, in one run.

Every method is trained once on the rows before the last five horizons, saved, and forecasts from five cutoffs a horizon
apart; statsforecast fits at each cutoff anew. Training and a cold forecast are processes of their own environments, one
after the other and in turns, so that what else the machine does meets all of them. Times are the processor's seconds,
of all that a process did; the JSON has those of the clock too. Each peer keeps its defaults; its library itself ends a
training that is longer than `--cap` seconds of the clock.

    python benchmarks/peers/environments.py
    taskset -c 1 nice -n 10 python benchmarks/peers/compare.py --data DIR --work WORK [--json FILE]

What WORK holds already is not run again, so a run that was ended goes on, and a method can be added later.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from common import Report, arguments, find, number  # noqa: E402
from environments import ENVS, installed, made, packages_of, versions  # noqa: E402
from figures import accuracy, costs, training, verdict  # noqa: E402
from methods import METHODS, Bench, Failed, Method, Trained, cold, train  # noqa: E402
from sets import CUTOFFS, SOURCES, Source, Task, prepare  # noqa: E402

from grucast.evaluation.metrics import POINT_METRICS, score, seasonal_scale  # noqa: E402

Outcome = dict[str, Any]  # of one method on one set, as JSON has it


def judge(forecasts: dict[str, np.ndarray], task: Task) -> dict[str, float]:
    """MASE and sMAPE of forecasts (CUTOFFS, H) by series, over all cutoffs and at the last."""
    names = list(task.truth)
    y = np.stack([task.truth[name] for name in names])[..., None]  # (N, CUTOFFS, H, 1)
    point = np.stack([forecasts[name] for name in names])[..., None, None]
    scale = np.stack([seasonal_scale(task.past[name][:, None], task.source.season) for name in names])  # (N, 1)
    chosen = {name: POINT_METRICS[name] for name in ("mase", "smape")}
    steps = y.shape[2]
    every = score(y.reshape(-1, steps, 1), point.reshape(-1, steps, 1, 1), (0.5,), metrics=chosen,
                  scale=np.repeat(scale, CUTOFFS, axis=0))
    last = score(y[:, -1], point[:, -1], (0.5,), scale=scale, metrics=chosen)
    return {"mase": every["mase"], "smape": every["smape"], "mase_last": last["mase"], "smape_last": last["smape"]}


def measure(task: Task, bench: Bench, methods: Sequence[Method], rounds: int) -> dict[str, Outcome]:
    """What came of every method on one set; trainings one after the other, then cold forecasts in turns."""
    found: dict[str, Outcome] = {}
    trained: dict[Method, Trained] = {}
    for method in methods:
        try:
            one = trained[method] = train(method, task, bench)
            scores = judge(one.forecasts, task)
            found[method.label] = {**scores, "train": asdict(one.cost), "cold": [], "size": one.size, **one.facts}
            said = f"MASE {number(scores['mase'], 3)} · {one.cost.wall:.0f} s, {one.cost.cpu:.0f} s of it busy"
        except Failed as wrong:
            found[method.label] = {"wrong": str(wrong)}
            said = str(wrong)
        print(f"{task.source.name} · {method.label} · {said}", file=sys.stderr, flush=True)
    for _ in range(rounds):
        for method, one in trained.items():
            try:
                found[method.label]["cold"].append(asdict(cold(method, one, task, bench)))
            except Failed as wrong:
                found[method.label]["wrong"] = str(wrong)
    return found


def look(source: Source, methods: Sequence[Method], options: argparse.Namespace) -> dict[str, Outcome]:
    """What is known of a set: what `--work` holds, and what is measured now because it does not."""
    file = options.work / f"{source.name}.json"
    found: dict[str, Outcome] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    missing = [method for method in methods if method.label not in found]
    if missing and not options.tables:
        path = find(options.data, [f"forecast/{source.file}", source.file], "benchmarks/README.md")
        with tempfile.TemporaryDirectory() as scratch:
            bench = Bench(options.envs, Path(scratch), options.cap, options.seed)
            found |= undefined(measure(prepare(path, source, bench.folder), bench, missing, options.rounds))
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return {method.label: found[method.label] for method in methods if method.label in found}


def places(envs: Path, methods: list[Method]) -> dict[str, dict[str, Any]]:
    """Versions and installed bytes of every environment that is used."""
    found = {}
    for name in dict.fromkeys(method.env for method in methods):
        every, own = installed(packages_of(envs, name))
        found[name] = {"versions": versions(envs, name), "bytes": every, "bytes_without_torch": own}
    return found


def undefined(value: Any) -> Any:
    """`value` with what is not finite as null, as JSON wants it."""
    if isinstance(value, dict):
        return {name: undefined(one) for name, one in value.items()}
    if isinstance(value, list):
        return [undefined(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def words() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--envs", type=Path, default=ENVS, metavar="DIR", help="where environments.py made them")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="what was found, a file a set")
    parser.add_argument("--cap", type=float, default=300.0, metavar="S", help="longest training of a peer's network")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="cold forecasts of each method on a set")
    parser.add_argument("--only", default="", metavar="NAMES", help="some of the sets, with commas")
    parser.add_argument("--without", default="", metavar="NAMES", help="methods to leave out, with semicolons")
    parser.add_argument("--tables", action="store_true", help="print what WORK holds and measure nothing")
    return parser.parse_args()


def main() -> None:
    """Run what is not there yet, and print the tables of all of it."""
    options = words()
    report = Report("peers", options)
    without, only = options.without.split(";"), options.only.split(",")
    wanted = [method for method in METHODS if method.label not in without]
    methods = [method for method in wanted if made(options.envs, method.env)]
    for name in dict.fromkeys(method.env for method in wanted if method not in methods):
        print(f"{name} is not installed in {options.envs} and left out", file=sys.stderr)
    options.work.mkdir(parents=True, exist_ok=True)
    chosen = [source for source in SOURCES if not options.only or source.name in only]
    found = {source.name: look(source, methods, options) for source in chosen}
    results = {name: one for name, one in found.items() if one}
    where = places(options.envs, methods)
    for table in (*accuracy(results), training(results), costs(results, where, methods)):
        report.show(table)
    for line in verdict(results, methods):
        print(line)
    report.close(sets=results, environments=where, cap=options.cap)


if __name__ == "__main__":
    main()
