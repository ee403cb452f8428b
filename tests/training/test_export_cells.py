"""Every cell with every structure as ONNX: onnxruntime gives what our own networks give, for any number of windows."""

import numpy as np
import pytest

from grucast.core.config import QUANTILE_LEVELS, ModelConfig, Structure, WindowSpec
from grucast.inference import CELLS, NETWORKS
from grucast.inference.predict import predict
from grucast.preprocessing.windows import gather
from grucast.training import export as door
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=22, horizon=9, segment=4, seasons=(5,))
STREAMS = random_streams(covariates=(2, 3, 4))
WINDOWS = gather(STREAMS, SPEC, np.array([4, 1, 0]), np.array([20, 33, 7]))
TWO, ONE = (gather(STREAMS, SPEC, np.array([4, 1])[:count], np.array([20, 33])[:count]) for count in (2, 1))
STRUCTURES = [{}, {"bidirectional": True}, {"attention": True}, {"activation": "silu"}, {"skip": 3},
              {"dilations": (1, 3)}, {"hybrid": "conv"}, {"hybrid": "es", "period": 5}, {"hybrid": "es"}]
ALL = {"bidirectional": True, "attention": True, "activation": "gelu", "skip": 3, "dilations": (1, 3), "hybrid": "conv"}


def assert_alike(network, cell, members=1, **more):
    """The graph gives what NumPy gives, to 1e-5, of three windows at once and of one."""
    structure = Structure(delay=2 if cell == "tau-gru" else 0, **more)
    model = ModelConfig(network=network, cell=cell, layers=len(structure.dilations) or 1, hidden=5, channels=3, known=2,
                        past=3, static=4, seasonal=(5,), linear_rank=2, quantile_levels=(0.1, 0.5, 0.9),
                        structure=structure)
    weights = [weights_of(torch_network(model, SPEC, seed=seed)) for seed in range(members)]
    content = door.to_onnx(door.Exported(weights, model, SPEC, np.ones(3), np.ones((9, 3))), TWO)
    for windows in (WINDOWS, ONE):
        ours, found = predict(weights, model, SPEC, windows), door.run(content, windows)
        assert found.shape == ours.shape
        assert np.abs(found - ours).max() <= 1e-5 * max(1.0, np.abs(ours).max())


def test_the_default_network_of_several_members_is_alike():
    assert_alike("segment", "gru", members=2)


def test_a_scan_and_attention_are_alike_too():
    assert_alike("segment", "mingru", attention=True)


@pytest.mark.slow
@pytest.mark.parametrize("more", STRUCTURES, ids=str)
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_every_cell_with_every_structure_is_alike(network, cell, more):
    assert_alike(network, cell, **more)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_every_cell_with_all_structures_that_go_together_is_alike(network, cell):
    assert_alike(network, cell, **ALL)


@pytest.mark.slow
def test_a_narrow_network_for_an_hourly_week_is_below_a_hundred_kilobytes():
    spec = WindowSpec(context_length=336, horizon=24, segment=24, seasons=(24,))  # as train has it for two seasons
    model = ModelConfig(hidden=16, known=7, seasonal=(24,), linear_rank=-1, narrow=0)
    weights, levels = weights_of(torch_network(model, spec)), len(QUANTILE_LEVELS)
    streams = random_streams((400, 380), channels=1, covariates=(7, 0, 0), ahead=24)
    windows = gather(streams, spec, np.array([0, 1]), np.array([400, 370]))
    content = door.to_onnx(door.Exported([weights], model, spec, np.ones(1), np.ones((24, levels))), windows)
    assert sum(value.nbytes for value in weights.values()) < 100_000
    assert len(door.to_int8(content)) < 100_000
