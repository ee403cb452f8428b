"""The head that rebuilds the window, in torch and in NumPy."""

import numpy as np
import pytest
import torch

from grucast import networks
from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.network import forward, outputs, states_of
from grucast.inference.predict import predict_all
from grucast.networks.network import Network
from grucast.preprocessing.windows import gather
from grucast.training.fit import examples_at
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=14, horizon=9, segment=4)
SEASONAL = WindowSpec(context_length=14, horizon=9, segment=4, seasons=(5, 7))
AT = np.array([0, 4, 2, 5, 1, 3]), np.array([40, 3, 21, 14, 33, 9])  # the context of some begins before the series
HIDDEN = 6


def ready(window, *, seed=0, **more):
    """A network with random weights, its weights in NumPy with a law of the states, and streams that fit it."""
    settings = {"hidden": HIDDEN, "channels": 3, "narrow": 5, "quantile_levels": (0.1, 0.3, 0.5, 0.7, 0.9)}
    model = ModelConfig(**(settings | more))
    made = torch_network(model, window, seed=seed)
    rng, size = np.random.default_rng(seed), HIDDEN * model.layers
    law = {"state.mean": rng.normal(size=size), "state.whiten": rng.normal(size=(size, size - 2))}
    weights = weights_of(made) | {name: value.astype(np.float32) for name, value in law.items()}
    return model, made, weights, random_streams(covariates=(model.known, model.past, model.static))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", networks.CELLS.names())
@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("seasonal", [(), (5, 7)])
@pytest.mark.parametrize("covariates", [(0, 0, 0), (2, 3, 5)])
def test_numpy_rebuilds_what_torch_rebuilds(network, cell, layers, seasonal, covariates):
    known, past, static = covariates
    window = SEASONAL if seasonal else SPEC
    model, made, weights, streams = ready(window, network=network, cell=cell, layers=layers, seasonal=seasonal,
                                          known=known, past=past, static=static)  # fmt: skip
    batch, _ = examples_at(streams, window, AT, "cpu")
    with torch.no_grad():
        wanted = made.rebuilt(batch).numpy()
    found = outputs(weights, model, window, gather(streams, window, *AT)).rebuilt
    assert found.shape == (6, 14)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("cell", networks.CELLS.names())
@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("seasonal", [(), (5, 7)])
def test_forecasts_are_the_same_with_and_without_the_head(network, cell, seasonal):
    window = SEASONAL if seasonal else SPEC
    more = {"network": network, "cell": cell, "layers": 2, "linear_rank": 3, "seasonal": seasonal}
    model, made, weights, streams = ready(window, **more)
    windows = gather(streams, window, *AT)
    said = outputs(weights, model, window, windows)
    np.testing.assert_array_equal(said.quantiles, forward(weights, model, window, windows))
    batch, _ = examples_at(streams, window, AT, "cpu")
    with torch.no_grad():
        before = made(batch)
        made.rebuild = None
        torch.testing.assert_close(made(batch), before, rtol=0, atol=0)


def test_a_network_without_the_head_rebuilds_nothing():
    model, made, weights, streams = ready(SPEC, narrow=0)
    said = outputs(weights, model, SPEC, gather(streams, SPEC, *AT))
    assert said.rebuilt is None
    assert said.distance is None
    with pytest.raises(ValueError, match="no head that rebuilds"):
        made.rebuilt(examples_at(streams, SPEC, AT, "cpu")[0])


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_a_head_that_gives_its_bias_rebuilds_it_in_the_units_of_the_window(network):
    """With weights of zero the normalised window is the bias: what is left are the spread and the season table."""
    model, _, weights, streams = ready(SEASONAL, network=network, seasonal=(5,), seed=4)
    weights["rebuild.up.weight"][:] = 0.0
    bias = weights["rebuild.up.bias"]
    windows = gather(streams, SEASONAL, *AT)
    found = outputs(weights, model, SEASONAL, windows).rebuilt
    for b, (stream, cutoff) in enumerate(zip(*AT, strict=True)):
        table = weights["seasons.tables.0"][stream % 3]
        phases = (cutoff - 14 + np.arange(14) + streams.origin[stream]) % 5
        behind = table[phases] - table[phases[windows.anchor[b]]]
        seen = windows.mask[b] > 0
        spread = np.abs((windows.x[b] - behind)[seen]).mean() + 0.3
        np.testing.assert_allclose(found[b], bias * spread + behind, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_distance_is_that_of_mahalanobis_over_the_states_of_all_layers(layers):
    model, _, weights, streams = ready(SPEC, layers=layers)
    windows = gather(streams, SPEC, *AT)
    states = states_of(weights, model, SPEC, windows)[2].astype(np.float64)
    assert states.shape == (6, 6 * layers)
    away = states - weights["state.mean"]
    precision = weights["state.whiten"].astype(np.float64) @ weights["state.whiten"].T
    directions = weights["state.whiten"].shape[1]
    wanted = [np.sqrt(one @ precision @ one / directions) for one in away]
    np.testing.assert_allclose(outputs(weights, model, SPEC, windows).distance, wanted, rtol=1e-4)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_a_value_that_was_not_observed_moves_neither_window_nor_state(network):
    model, _, weights, streams = ready(SEASONAL, network=network, seasonal=(5, 7))
    before = outputs(weights, model, SEASONAL, gather(streams, SEASONAL, *AT))
    streams.z[~streams.observed] = 1e6
    after = outputs(weights, model, SEASONAL, gather(streams, SEASONAL, *AT))
    np.testing.assert_array_equal(after.rebuilt, before.rebuilt)
    np.testing.assert_array_equal(after.distance, before.distance)


def test_an_ensemble_says_the_mean_of_its_members():
    model, _, one, streams = ready(SPEC, seed=1)
    _, _, two, _ = ready(SPEC, seed=2)
    windows = gather(streams, SPEC, *AT)
    first, second = (outputs(weights, model, SPEC, windows) for weights in (one, two))
    both = predict_all([one, two], model, SPEC, windows)
    for name in ("quantiles", "rebuilt", "distance"):
        mean = (getattr(first, name) + getattr(second, name)) / 2
        np.testing.assert_allclose(getattr(both, name), mean, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_head_of_a_network_has_the_layers_it_says():
    made = Network(ModelConfig(hidden=6, layers=3, narrow=5, quantile_levels=(0.1, 0.5, 0.9)), SPEC)
    shapes = {name: tuple(value.shape) for name, value in made.rebuild.state_dict().items()}
    assert shapes == {"down.weight": (5, 18), "down.bias": (5,), "up.weight": (14, 5), "up.bias": (14,)}
