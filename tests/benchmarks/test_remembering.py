"""The tasks with a known answer that the cells are compared by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grucast.core.config import NetworkOptions, StructureOptions
from grucast.networks import CELLS

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    torch.set_num_threads(1)


def load(name):
    return __import__(name)


def test_the_adding_problem_asks_for_the_sum_of_the_two_that_are_marked():
    torch.manual_seed(1)
    x, y, asked = load("remembering").adding(9, 7)
    assert x.shape == (7, 9, 2)
    assert asked == slice(8, None)
    for row in range(7):
        first, second = x[row, :, 1].nonzero()[:, 0].tolist()
        assert first < 4 <= second
        assert y[row].item() == pytest.approx((x[row, first, 0] + x[row, second, 0]).item())


def test_the_delayed_copy_asks_at_each_step_for_what_came_that_much_before():
    remembering = load("remembering")
    x, y, asked = remembering.delayed(7, 3)
    assert x.shape == (3, remembering.SPAN, 1)
    steps = range(remembering.SPAN)[asked]
    assert len(steps) == y.shape[1]
    for place, step in enumerate(steps):
        torch.testing.assert_close(y[:, place], x[:, step - 7, 0])


def test_a_cell_that_learns_has_less_variance_left_than_one_that_guesses():
    remembering = load("remembering")
    guessed, learned = (remembering.remember(remembering.Trial("delayed", "rnn", 1, steps, 0))["left"]
                        for steps in (1, 200))
    assert learned < 0.5 < guessed


@pytest.mark.parametrize("task", ["gradients", "speed"])
def test_every_cell_has_a_line(task, monkeypatch):
    remembering = load("remembering")
    monkeypatch.setattr(remembering, "ROWS", 24)
    found, table = remembering.run_task(task, list(CELLS.names()), {"steps": 1, "seed": 0})
    assert [one["cell"] for one in found] == list(CELLS.names())
    assert [line[0] for line in table.rows] == list(CELLS.names())
    assert all(len(line) == len(table.columns) for line in table.rows)


def test_gradients_are_told_relative_to_the_last_input():
    norms = load("remembering").gradients("rnn", 0)["norms"]
    assert norms[0] == 1.0
    assert norms[100] < norms[10] < norms[1]


def test_a_word_of_cells_is_a_cell_and_options_of_train():
    network_of = load("cells").network_of
    assert network_of("segment", "lstm") == NetworkOptions("segment", "lstm")
    wanted = StructureOptions(attention=True, skip=24, dilations=(24, 48), hybrid="es")
    assert network_of("recurrent", "gru+attention+skip=24+dilations=24/48+hybrid=es") == NetworkOptions(
        "recurrent", "gru", structure=wanted)
    assert network_of("segment", "gru+dilations=24").structure.dilations == (24,)
