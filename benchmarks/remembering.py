"""How long a recurrent cell remembers, and what that costs: tasks with a known answer, without any data.

adding     numbers in [0, 1] and two marks among them: the sum of the two marked (Hochreiter & Schmidhuber 1997)
delayed    numbers in [0, 1]: at each step the number that came d steps before
gradients  how much an input k steps back still moves the last state, of cells that have not been trained
speed      one step of training on windows of 2,048 rows, beside the GRU of torch

Every cell has the same width, steps and seed; `benchmarks/cells.py --sets adding,delayed,gradients,speed` runs them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from common import Table, number, percent, seconds
from torch import Tensor, nn

from grucast.core.config import Structure
from grucast.networks import CELLS

TASKS = ("adding", "delayed", "gradients", "speed")
LENGTHS = {"adding": (25, 50, 100), "delayed": (5, 10, 20)}  # steps of a sequence; of the delay
WIDTH, BATCH, RATE = 32, 32, 5e-3
SPAN = 60  # steps of a sequence whose numbers come back
DISTANCES = (1, 2, 5, 10, 20, 50, 100)
ROWS = 2048


@dataclass(frozen=True)
class Trial:
    """One cell and one task, trained for so many steps."""

    task: str
    cell: str
    length: int
    steps: int
    seed: int


class Reader(nn.Module):
    """A cell and a linear map of its outputs to one number."""

    def __init__(self, cell: str, inputs: int, width: int, delay: int) -> None:
        super().__init__()
        self.cell = CELLS.load(cell)(inputs, width, Structure(delay=delay if cell == "tau-gru" else 0))
        self.out = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T) from x (B, T, I)."""
        told: Tensor = self.out(self.cell(x)[0])[:, :, 0]
        return told


def adding(length: int, size: int) -> tuple[Tensor, Tensor, slice]:
    """Numbers and marks (B, T, 2), the sum of the marked (B, 1), and the steps that are asked: the last."""
    values, marks = torch.rand(size, length), torch.zeros(size, length)
    half = length // 2
    rows = torch.arange(size)
    first, second = torch.randint(0, half, (size,)), torch.randint(half, length, (size,))
    marks[rows, first], marks[rows, second] = 1.0, 1.0
    return torch.stack([values, marks], dim=2), (values * marks).sum(1, keepdim=True), slice(length - 1, None)


def delayed(length: int, size: int) -> tuple[Tensor, Tensor, slice]:
    """Numbers (B, SPAN, 1), those `length` steps before (B, SPAN - length), and the steps that have one."""
    values = torch.rand(size, SPAN)
    return values[:, :, None], values[:, :-length], slice(length, None)


def remember(trial: Trial) -> dict[str, Any]:
    """The variance of the answers that is left after training, as a share, and the time of the processor."""
    torch.set_num_threads(1)
    torch.manual_seed(trial.seed)
    draw = adding if trial.task == "adding" else delayed
    inputs = 2 if trial.task == "adding" else 1
    model = Reader(trial.cell, inputs, WIDTH, delay=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    began = time.process_time()
    for step in range(trial.steps):
        x, y, asked = draw(trial.length, BATCH)
        loss = (model(x)[:, asked] - y).square().mean()
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1.0 - step / trial.steps)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    spent = time.process_time() - began
    with torch.no_grad():
        x, y, asked = draw(trial.length, 2000)
        left = float((model(x)[:, asked] - y).square().mean() / (y - y.mean()).square().mean())
    weights = sum(one.numel() for one in model.parameters())
    return {"set": trial.task, "cell": trial.cell, "length": trial.length, "left": left, "parameters": weights,
            "cpu": spent}


def remembered(task: str, found: list[dict[str, Any]]) -> Table:
    """One row for each cell: the variance left at each length, parameters, processor."""
    rows = []
    for cell in dict.fromkeys(one["cell"] for one in found):
        mine = [one for one in found if one["cell"] == cell]
        rows.append((cell, f"{mine[0]['parameters']:,}", *(percent(one["left"]) for one in mine),
                     seconds(sum(one["cpu"] for one in mine))))
    what = "sequences of" if task == "adding" else "a delay of"
    columns = [f"{what} {one['length']}" for one in found if one["cell"] == found[0]["cell"]]
    return Table(f"{task}: variance of the answer that is left", ("cell", "parameters", *columns, "processor"),
                 tuple(rows))


def gradients(cell: str, seed: int) -> dict[str, Any]:
    """Norms of the derivative of the last state by the input k steps back, over that by the last input.

    Mean over 16 sequences and 5 draws of the weights, as they begin here.
    """
    reach = max(DISTANCES)
    total = torch.zeros(reach + 1)
    for draw in range(5):
        torch.manual_seed(seed + draw)
        layer = CELLS.load(cell)(4, WIDTH, Structure(delay=10 if cell == "tau-gru" else 0))
        x = torch.randn(16, reach + 1, 4, requires_grad=True)
        states, _ = layer(x)
        probe = torch.randn(16, WIDTH)
        (states[:, -1] * probe).sum().backward()
        assert x.grad is not None
        total += x.grad.norm(dim=2).mean(0).flip(0)
    return {"set": "gradients", "cell": cell, "norms": (total / total[0]).tolist()}


def faded(found: list[dict[str, Any]]) -> Table:
    """The norms at some distances."""
    rows = tuple((one["cell"], *(f"{one['norms'][k]:.1e}" for k in DISTANCES)) for one in found)
    return Table("gradients: what an input k steps back moves, the last input being 1",
                 ("cell", *(f"k = {k}" for k in DISTANCES)), rows)


def draw_gradients(found: list[dict[str, Any]], path: Path) -> None:
    """A picture of the norms over the distance."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for one in found:
        axes.semilogy(one["norms"], label=one["cell"])
    axes.set(xlabel="steps between the input and the last state", ylabel="norm of the derivative, at the start",
             ylim=(1e-12, 3.0))
    axes.legend(ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def speed(cell: str, seed: int, width: int = 64, repeats: int = 3) -> dict[str, Any]:
    """Seconds of the processor of one step of training (forwards and backwards) on 32 windows of ROWS rows."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = Reader(cell, 2, width, delay=24)
    x = torch.randn(32, ROWS, 2)
    spent = []
    for _ in range(repeats + 1):
        began = time.process_time()
        model(x)[:, -1].square().mean().backward()
        spent.append(time.process_time() - began)
    return {"set": "speed", "cell": cell, "cpu": min(spent[1:])}


def raced(found: list[dict[str, Any]]) -> Table:
    """Seconds, and how many times as fast as the GRU."""
    usual = next((one["cpu"] for one in found if one["cell"] == "gru"), float("nan"))
    rows = tuple((one["cell"], number(one["cpu"], 3), number(usual / one["cpu"], 2)) for one in found)
    return Table(f"speed: one step of training on 32 windows of {ROWS:,} rows", ("cell", "processor, s", "times a GRU"),
                 rows)


def run_task(task: str, cells: list[str], settings: Mapping[str, int]) -> tuple[list[dict[str, Any]], Table]:
    """What each cell does at a task; `settings` are its steps and its seed."""
    steps, seed = settings["steps"], settings["seed"]
    if task == "gradients":
        found = [gradients(cell, seed) for cell in cells]
        return found, faded(found)
    if task == "speed":
        found = [speed(cell, seed) for cell in cells]
        return found, raced(found)
    found = [remember(Trial(task, cell, length, steps, seed)) for cell in cells for length in LENGTHS[task]]
    return found, remembered(task, found)
