"""Every cell and structure as ONNX: onnxruntime gives what our own networks give."""

import numpy as np
import pytest

from grucast.core.config import ModelConfig, Structure, WindowSpec
from grucast.inference import CELLS, NETWORKS
from grucast.inference.predict import predict
from grucast.preprocessing.windows import gather
from grucast.training import export as door
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=22, horizon=9, segment=4, seasons=(5,))
STREAMS = random_streams(covariates=(2, 3, 4))
WINDOWS = gather(STREAMS, SPEC, np.array([4, 1, 0]), np.array([20, 33, 7]))
ONE = gather(STREAMS, SPEC, np.array([4]), np.array([20]))
ALONE = [{"bidirectional": True}, {"attention": True}, {"skip": 3}, {"dilations": (1, 3)}, {"hybrid": "conv"},
         {"hybrid": "es", "period": 5}, {"hybrid": "es"}]


def assert_alike(network, cell, **more):
    structure = Structure(delay=2 if cell == "tau-gru" else 0, **more)
    model = ModelConfig(network=network, cell=cell, layers=len(structure.dilations) or 1, hidden=5, channels=3, known=2,
                        past=3, static=4, seasonal=(5,), linear_rank=2, quantile_levels=(0.1, 0.5, 0.9),
                        structure=structure)
    members = [weights_of(torch_network(model, SPEC, seed=seed)) for seed in range(2)]
    content = door.to_onnx(door.Exported(members, model, SPEC, np.ones(3), np.ones((9, 3))), ONE)
    ours = predict(members, model, SPEC, WINDOWS)
    found = door.run(content, WINDOWS)
    assert found.shape == ours.shape
    assert np.abs(found - ours).max() <= 1e-5 * max(1.0, np.abs(ours).max())


def test_the_default_network_of_several_members_is_alike():
    assert_alike("segment", "gru")


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_every_cell_is_alike(network, cell):
    assert_alike(network, cell)


@pytest.mark.slow
@pytest.mark.parametrize("alone", ALONE, ids=str)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_every_structure_is_alike(network, alone):
    assert_alike(network, "gru", **alone)
