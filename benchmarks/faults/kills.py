"""Killed at a random moment: no model is lost or torn, and no reader of two writers ever sees a mixture.

    python benchmarks/faults/kills.py [--saves N] [--trainings N] [--seconds S] [--json FILE]

*Saves*: a process that saves two models over each other for ever, without torch, is killed (SIGKILL) after a random
time, and the model must load and be one of the two, with nothing beside it but `.NAME.lock` and `.NAME.tmp`.
*Trainings*: a `grucast train` over a good model is killed at a random moment of its life; the old model, or the new
one, must be there, whole, and the next training must end well. *Writers*: two processes save models of their own and
a third loads, for some seconds: each load must give a whole model, and a writer that comes second is told so (75).

SIGKILL does not show what a loss of power does: that the bytes are on the disk before the name changes rests on
`fsync`, of the file and of its folder, and on the disk telling the truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Report, arguments, environment, grucast, grucast_command
from tally import TINY, Tally, shown, small_model

from grucast.artifacts.store import load, save
from grucast.core.errors import Busy
from grucast.core.results import Artifact

ROWS = 200_000  # float32 numbers that make a model large enough to be hit while it is written


def marked(model: Artifact, mark: int) -> Artifact:
    """The model with an array that says which one it is."""
    return dataclasses.replace(model, tensors={**model.tensors, "mark": np.full(ROWS, mark, np.float32)})


def mark_of(path: Path) -> int:
    """Which model lies at `path`, loaded and verified; AssertionError for a mixture."""
    found = set(load(path).tensors["mark"].tolist())
    assert len(found) == 1, found
    return int(found.pop())


def child_of(work: Callable[[], None]) -> int:
    """The id of a child process that does `work` for ever."""
    child = os.fork()
    if not child:
        try:
            while True:
                work()
        finally:
            os._exit(1)
    return child


def beside(path: Path) -> set[str]:
    """The hidden files beside a model."""
    return {one.name for one in path.parent.iterdir() if one.name.startswith(".")}


def killed_saves(folder: Path, kills: int, seed: int) -> Tally:
    """Kill a process that saves for ever, `kills` times."""
    tally, draw = Tally("killed while it saved, over a good model"), random.Random(seed)
    path = folder / "load.grucast"
    models = [marked(load(path), mark) for mark in (1, 2)]
    save(models[0], path)
    left_behind = 0
    for turn in range(kills):
        with tally.attempt(f"kill {turn}"):
            child = child_of(lambda: [save(one, path) for one in models] and None)
            time.sleep(draw.uniform(0, 0.1))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert mark_of(path) in (1, 2)
            assert beside(path) <= {".load.grucast.lock", ".load.grucast.tmp"}, beside(path)
            left_behind += ".load.grucast.tmp" in beside(path)
    save(models[0], path)
    assert beside(path) == {".load.grucast.lock"}
    print(f"{left_behind} of {kills} kills came while the new file was half written")
    return tally


def killed_trainings(folder: Path, kills: int, seed: int) -> Tally:
    """Kill `grucast train` over a good model at a random moment, then train once more."""
    tally, draw = Tally("training killed, over a good model"), random.Random(seed)
    path = small_model(folder)
    began = time.perf_counter()
    grucast(["train", "load.csv", "-q", *TINY], folder)
    usual = time.perf_counter() - began
    good = path.read_bytes()
    command = [*grucast_command(), "train", "load.csv", "-q", *TINY, "--seed", "1"]
    for turn in range(kills):
        with tally.attempt(f"kill {turn}", patience=600):
            path.write_bytes(good)
            process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.1, 1.1) * usual)
            process.kill()
            process.wait()
            load(path)
            names = {".load.grucast.lock", ".load.grucast.tmp", ".load.grucast.resume", "..load.grucast.resume.tmp"}
            assert beside(path) <= names, beside(path)
    grucast(["train", "load.csv", "-q", *TINY], folder)
    assert path.read_bytes() == good
    assert beside(path) == {".load.grucast.lock"}, beside(path)
    return tally


def writers_and_reader(folder: Path, seconds: float) -> tuple[Tally, int, int]:
    """Two writers and a reader for some seconds; also how often each writer was told that it is second."""
    tally = Tally("loads beside two writers")
    path = folder / "load.grucast"
    model = load(path)
    save(marked(model, 0), path)
    told: list[int] = []
    children = []
    stop = time.monotonic() + seconds
    for mark in (1, 2):
        read, write = os.pipe()
        children.append((_writer(marked(model, mark), path, stop, write), read))
        os.close(write)
    seen = set()
    while time.monotonic() < stop:
        with tally.attempt("load"):
            seen.add(mark_of(path))
    for child, read in children:
        os.waitpid(child, 0)
        told.append(int(os.read(read, 100)))
        os.close(read)
    assert seen & {1, 2}, "neither writer got to write"
    return tally, told[0], told[1]


def _writer(model: Artifact, path: Path, stop: float, answer: int) -> int:
    """The id of a process that saves `model` until `stop`, then writes to `answer` how often it was told to wait."""
    child = os.fork()
    if child:
        return child
    told = 0
    try:
        while time.monotonic() < stop:
            try:
                save(model, path)
            except Busy:
                told += 1
        os.write(answer, str(told).encode())
    finally:
        os._exit(0)


def measure(folder: Path, options: argparse.Namespace) -> Iterator[Tally]:
    """A tally for saves, for writers and a reader, and for trainings, as they come."""
    small_model(folder)
    yield killed_saves(folder, options.saves, options.seed)
    loads, first, second = writers_and_reader(folder, options.seconds)
    print(f"the writers were told {first} and {second} times that another is writing")
    yield loads
    if options.trainings:
        yield killed_trainings(folder, options.trainings, options.seed)


def main() -> int:
    """Measure and print; 1 when anything went wrong."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--saves", type=int, default=950, help="kills while saving")
    parser.add_argument("--trainings", type=int, default=50, help="kills of whole trainings")
    parser.add_argument("--seconds", type=float, default=60, help="how long two write and one reads")
    options = parser.parse_args()
    report = Report("faults/kills", options)
    with tempfile.TemporaryDirectory() as scratch:
        return shown(report, "Killed, and several at once", measure(Path(scratch), options))


if __name__ == "__main__":
    sys.exit(main())
