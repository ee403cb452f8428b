"""The methods that are compared, each as processes of its own environment: train and save, then forecast from that."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from environments import python_of
from sets import CUTOFFS, Task

HERE = Path(__file__).resolve().parent
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Failed(Exception):
    """A process that did not end well, in one line."""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds by the clock and of the processor, bytes of memory at most."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Method:
    """A method by its name in tables, its environment, and its name in the runner of that environment."""

    label: str
    env: str
    name: str = ""

    @property
    def gru(self) -> bool:
        """Whether this is the GRU of a peer, which the bars of the issue are about."""
        return self.env != "grucast" and "GRU" in self.label


METHODS = (
    Method("grucast", "grucast"),
    Method("neuralforecast GRU", "neuralforecast", "gru"),
    Method("neuralforecast NHITS", "neuralforecast", "nhits"),
    Method("darts GRU", "darts", "block"),
    Method("darts GRU, step by step", "darts", "rnn"),
    Method("AutoETS", "statsforecast", "ets"),
    Method("AutoTheta", "statsforecast", "theta"),
    Method("seasonal naive", "statsforecast", "snaive"),
)


@dataclass(frozen=True)
class Bench:
    """Where environments lie, how long a training may take, the seed, and a folder to work in."""

    envs: Path
    folder: Path
    cap: float
    seed: int


@dataclass(frozen=True)
class Trained:
    """A method after its training: the model, its cost, its forecasts (CUTOFFS, H) by series, what its runner said."""

    model: Path
    cost: Cost
    forecasts: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all that was saved."""
        if self.model.is_file():
            return self.model.stat().st_size
        return sum(one.stat().st_size for one in self.model.rglob("*") if one.is_file())


def train(method: Method, task: Task, bench: Bench) -> Trained:
    """Train on the shortest history, save, and forecast from every history; the latter is not counted as training."""
    if method.env == "grucast":
        return _train_grucast(task, bench)
    asked = _request(method, task, bench, "train")
    cost = _process(_runner(method, asked, bench), bench, 3 * bench.cap + 900.0)
    facts = json.loads(Path(asked["facts"]).read_text(encoding="utf-8"))
    aside = facts.pop("aside")
    cost = replace(cost, wall=cost.wall - aside["wall"], cpu=cost.cpu - aside["cpu"])
    return Trained(Path(asked["model"]), cost, read_forecasts(Path(asked["output"]), task), facts)


def cold(method: Method, trained: Trained, task: Task, bench: Bench) -> Cost:
    """What one forecast from the saved model costs in a new process, the longest history given."""
    if method.env == "grucast":
        command = _grucast(bench, "forecast", str(task.histories[-1]), "-m", str(trained.model), "-q", "-o", "cold.csv")
        return _process(command, bench, 120.0)
    return _process(_runner(method, _request(method, task, bench, "forecast"), bench), bench, 300.0)


def read_forecasts(path: Path, task: Task) -> dict[str, np.ndarray]:
    """The forecasts of a runner, (CUTOFFS, H) by series; NaN where there is none."""
    found = {name: np.full((CUTOFFS, task.source.horizon), np.nan) for name in task.truth}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["unique_id"]][int(row["cutoff"]), int(row["step"])] = float(row["y_hat"])
    return found


# ---- grucast -------------------------------------------------------------------------------------


def _train_grucast(task: Task, bench: Bench) -> Trained:
    model, said = bench.folder / "model.grucast", bench.folder / "train.json"
    cost = _process(_grucast(bench, "train", str(task.histories[0]), "--horizon", str(task.source.horizon), "--seed",
                             str(bench.seed), "-o", str(model), "--json"), bench, 3600.0, stdout=said)
    parts = [_grucast_forecast(task, bench, model, cutoff) for cutoff in range(CUTOFFS)]
    facts = json.loads(said.read_text(encoding="utf-8"))
    kept = {name: facts[name] for name in ("parameters", "season", "context_length")}
    return Trained(model, cost, {name: np.stack([part[name] for part in parts]) for name in task.truth}, kept)


def _grucast_forecast(task: Task, bench: Bench, model: Path, cutoff: int) -> dict[str, np.ndarray]:
    """The forecast from one history by series, (H,)."""
    out = bench.folder / f"forecast_{cutoff}.csv"
    command = _grucast(bench, "forecast", str(task.histories[cutoff]), "-m", str(model), "-q", "-o", str(out))
    _process(command, bench, 120.0)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if len(task.truth) == 1:  # a file of one series is a wide one to grucast, named after the column
        return {name: np.array([float(row["y_hat"]) for row in rows]) for name in task.truth}
    return {name: np.array([float(row["y_hat"]) for row in rows if row["unique_id"] == name]) for name in task.truth}


def _grucast(bench: Bench, *words: str) -> list[str]:
    return [str(python_of(bench.envs, "grucast").with_name("grucast")), *words]


# ---- processes -----------------------------------------------------------------------------------


def _request(method: Method, task: Task, bench: Bench, action: str) -> dict[str, Any]:
    """The words of `errand.Request`."""
    source, folder = task.source, bench.folder
    return {"action": action, "method": method.name, "histories": list(map(str, task.histories)),
            "model": str(folder / f"model-{method.env}-{method.name}"), "output": str(folder / f"{action}.csv"),
            "facts": str(folder / "facts.json"), "horizon": source.horizon, "season": source.season,
            "freq": source.freq, "cap": bench.cap, "seed": bench.seed}


def _runner(method: Method, asked: Mapping[str, Any], bench: Bench) -> list[str]:
    request = bench.folder / "request.json"
    request.write_text(json.dumps(asked), encoding="utf-8")
    return [str(python_of(bench.envs, method.env)), str(HERE / f"run_{method.env}.py"), str(request)]


def _process(command: Sequence[str], bench: Bench, limit: float, *, stdout: Path | None = None) -> Cost:
    """What a process cost; Failed, with its last line, where it did not end with 0."""
    facts = bench.folder / "cost.json"
    measured = [sys.executable, "-I", "-S", str(HERE / "measure.py"), str(facts), str(limit), *command]
    done = subprocess.run(measured, cwd=bench.folder, env={**os.environ, **QUIET}, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit {done.returncode}"]
        raise Failed(f"longer than {limit:.0f} s" if done.returncode == 124 else said[-1])
    if stdout:
        stdout.write_text(done.stdout, encoding="utf-8")
    return Cost(**json.loads(facts.read_text(encoding="utf-8")))
