"""Gates and attention while a window is read: against the states that each step leaves behind."""

from dataclasses import replace

import numpy as np
import pytest

from grucast.core.config import ModelConfig, Structure, WindowSpec
from grucast.forecasting.predict import Forecaster
from grucast.forecasting.workings import workings
from grucast.inference import CELLS
from grucast.inference.gates import GATES
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import gather
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=22, horizon=9, segment=4)
LEVELS = (0.1, 0.5, 0.9)
WINDOW = gather(random_streams(), SPEC, np.array([1]), np.array([33]))


def forecaster_of(*, members=1, **more):
    structure = Structure(**{key: more.pop(key) for key in Structure.__dataclass_fields__ if key in more})
    structure = replace(structure, delay=2 if more.get("cell") == "tau-gru" else 0)
    model = ModelConfig(**{"hidden": 5, "channels": 3, "quantile_levels": LEVELS, "structure": structure,
                           "layers": len(structure.dilations) or 1} | more)
    weights = [weights_of(torch_network(model, SPEC, seed=seed)) for seed in range(members)]
    return Forecaster(weights, model, SPEC, Transform("none", np.ones(3)), np.ones((9, 3)), np.ones(3))


def by_name(found):
    return {(one.layer, one.name): one.by_step for one in found.gates}


def test_every_cell_says_what_its_gates_do():
    assert set(GATES) == set(CELLS.names())


@pytest.mark.parametrize(("cell", "gates"), [
    ("gru", {"kept", "reset"}), ("gru-v1", {"kept", "reset"}), ("gru-simple", {"kept"}), ("mingru", {"kept"}),
    ("lstm", {"kept", "input", "output"}), ("tau-gru", {"kept", "delayed"}), ("rnn", set())])
def test_each_gate_has_a_share_for_each_segment(cell, gates):
    found = by_name(workings(forecaster_of(cell=cell), WINDOW))
    assert set(found) == {("1", gate) for gate in gates}
    assert all(one.shape == (6,) and (one > 0).all() and (one < 1).all() for one in found.values())


@pytest.mark.parametrize("cell", ["gru", "gru-v1", "gru-simple", "mingru"])
def test_what_is_kept_is_how_much_of_the_state_a_step_leaves(cell):
    """h' = k h + (1 - k) n: with a candidate that does not change, k is the slope of h' by h."""
    rng = np.random.default_rng(3)
    weights = weights_of(torch_network(forecaster_of(cell=cell).model, SPEC))
    weights = {name.removeprefix("core.cells.layers.0."): one.astype(np.float64) for name, one in weights.items()}
    for name in weights:  # nothing comes from the state but through the gate of what is kept
        if name in ("u", "core.weight_hh_l0"):
            weights[name] = np.zeros_like(weights[name])
    one = CELLS.load(cell)(weights, Structure())
    projected, state = one.project(rng.normal(size=(4, 5))), rng.normal(size=(4, 5))
    slope = (one.step(projected, state + 1e-3) - one.step(projected, state)) / 1e-3
    np.testing.assert_allclose(GATES[cell](one, projected, state)["kept"], slope, rtol=1e-8)


def test_what_an_lstm_keeps_is_how_much_of_its_memory_a_step_leaves():
    rng = np.random.default_rng(3)
    weights = {name.removeprefix("core.cells.layers.0."): one.astype(np.float64)
               for name, one in weights_of(torch_network(forecaster_of(cell="lstm").model, SPEC)).items()}
    one = CELLS.load("lstm")(weights, Structure())
    projected, state = one.project(rng.normal(size=(4, 5))), rng.normal(size=(4, 10))
    moved = state + np.concatenate([np.zeros((4, 5)), np.full((4, 5), 1e-3)], axis=1)
    slope = (one.step(projected, moved) - one.step(projected, state))[:, 5:] / 1e-3
    np.testing.assert_allclose(GATES["lstm"](one, projected, state)["kept"], slope, rtol=1e-8)


def test_gates_of_phases_stand_in_the_order_of_time():
    """With weights that make each gate follow its own input alone, the order is that of the inputs."""
    forecaster = forecaster_of(cell="mingru")
    plain = by_name(workings(forecaster, WINDOW))["1", "kept"]
    apart = replace(forecaster, model=replace(forecaster.model, structure=Structure(dilations=(4,))))
    np.testing.assert_allclose(by_name(workings(apart, WINDOW))["1", "kept"], plain, rtol=1e-6)


def test_gates_that_were_read_backwards_stand_in_the_order_of_time():
    forecaster = forecaster_of(cell="mingru", bidirectional=True)
    weights = dict(forecaster.members[0])
    for name in ("w", "b"):  # the same cell both ways
        weights[f"core.cells.layers.0.back.{name}"] = weights[f"core.cells.layers.0.forth.{name}"]
    found = by_name(workings(replace(forecaster, members=[weights]), WINDOW))
    np.testing.assert_allclose(found["1 backwards", "kept"], found["1", "kept"], rtol=1e-6)


def test_each_layer_and_the_cell_that_looks_back_are_told_apart():
    found = by_name(workings(forecaster_of(cell="gru-simple", layers=2, skip=3), WINDOW))
    assert [layer for layer, _ in found] == ["1", "2", "skip"]


def test_the_gates_of_an_ensemble_are_means():
    both = forecaster_of(members=2)
    each = [by_name(workings(replace(both, members=[one]), WINDOW))["1", "kept"] for one in both.members]
    np.testing.assert_allclose(by_name(workings(both, WINDOW))["1", "kept"], np.mean(each, axis=0))


# ---- attention -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "shape"), [("segment", (3, 6)), ("recurrent", (1, 22))])
def test_attention_shares_the_context_out(network, shape):
    found = workings(forecaster_of(network=network, attention=True), WINDOW).attention
    assert found.shape == shape
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)


def test_without_attention_there_is_none():
    assert workings(forecaster_of(), WINDOW).attention is None


@pytest.mark.parametrize("network", ["segment", "recurrent"])
def test_nothing_is_asked_of_what_was_not_observed(network):
    unseen = replace(WINDOW, mask=np.where(np.arange(22) < 6, 0.0, WINDOW.mask).astype(np.float32))
    found = workings(forecaster_of(network=network, attention=True), unseen).attention
    silent = 2 if network == "segment" else 6  # 22 rows are six segments of four: the first is not whole
    assert not found[:, :silent].any()
    assert found[:, silent:].sum() == pytest.approx(len(found))
