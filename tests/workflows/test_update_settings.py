"""The settings of a model, as options, make the same model again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grucast.core.config import FitOptions, NetworkOptions, StructureOptions, TrainOptions, ValueOptions, WindowOptions
from grucast.core.results import DataFacts, Manifest
from grucast.workflows.learning.learn import prepare
from grucast.workflows.updating.settings import options_of
from tests.workflows.small_panels import panel_of, values

WINDOW = WindowOptions(horizon=6, context_length=48, season=(24,))
NETWORKS = [
    NetworkOptions(hidden=4),
    NetworkOptions(hidden=5, cell="lstm", layers=2, dropout=0.1, objective="forecast"),
    NetworkOptions(hidden=4, network="recurrent", cell="rnn", objective="reconstruct"),
    NetworkOptions(hidden=4, cell="tau-gru", structure=StructureOptions(delay=16)),
    NetworkOptions(hidden=4, structure=StructureOptions(bidirectional=True, attention=True, activation="relu")),
    NetworkOptions(hidden=4, structure=StructureOptions(skip=24)),
    NetworkOptions(hidden=4, structure=StructureOptions(dilations=(8, 24))),
    NetworkOptions(hidden=4, structure=StructureOptions(hybrid="es")),
]
OTHERS = [
    (FitOptions(), ValueOptions()),
    (FitOptions(loss="mse", optimizer="adam", learning_rate=0.02, clip=0.5, epochs=3, batch_size=17, patience=2, seed=9,
                preset="best"), ValueOptions(transform="asinh", min=-5.0, max=900.0, levels=(50,))),
]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize(("fit", "value"), OTHERS)
def test_the_options_of_a_model_make_the_same_network_training_and_windows(network, fit, value):
    panel = panel_of(values())
    made = prepare(panel, TrainOptions(WINDOW, network, fit, value))
    again = prepare(panel, options_of(manifest_of(made)))
    assert (again.model, again.training, again.window) == (made.model, made.training, made.window)
    assert (again.seasons, again.scales.transform.kind) == (made.seasons, made.scales.transform.kind)
    assert replace(again.options.values, transform=None) == replace(made.options.values, transform=None)


def test_a_model_without_a_season_is_not_given_one():
    panel = panel_of(values())
    made = prepare(panel, TrainOptions(replace(WINDOW, season=(1,)), NetworkOptions(hidden=4)))
    assert prepare(panel, options_of(manifest_of(made))).seasons == made.seasons == ()


def manifest_of(made):
    """What the file of such a model would say of itself."""
    asked = made.options.values
    return Manifest(
        {}, made.panel.layout, DataFacts("", "", 1, 1, "", ""), made.window, made.model, made.training,
        {"transform": made.scales.transform.kind, "min": asked.min, "max": asked.max, "levels": list(asked.levels)},
        1, {"season": list(made.seasons)})
