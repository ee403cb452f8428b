"""What every network and cell promises, in torch and in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from grucast import inference, networks
from grucast.core.config import QUANTILE_LEVELS, ModelConfig, Structure, WindowSpec
from grucast.inference.predict import chunk_size, predict, predict_streams
from grucast.networks.batch import Batch
from grucast.networks.network import Network
from grucast.preprocessing.windows import flatten, gather
from grucast.training.fit import examples_at
from tests.making import random_sources, random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=14, horizon=9, segment=4)
SEASONAL = WindowSpec(context_length=14, horizon=9, segment=4, seasons=(5, 7))
AT = np.array([0, 4, 2, 5, 1, 3]), np.array([40, 3, 21, 14, 33, 9])  # the context of some begins before the series


def model_of(**more) -> ModelConfig:
    settings = {"hidden": 6, "channels": 3, "quantile_levels": (0.1, 0.3, 0.5, 0.7, 0.9)}
    return ModelConfig(**(settings | more))


def ready(model, window, **more):
    """A network with random weights, and streams that fit it."""
    covariates = model.known, model.past, model.static
    return torch_network(model, window, **more), random_streams(covariates=covariates)


def assert_numpy_gives_what_torch_gives(model, window):
    """The forecasts of both, of random weights, are one; that of NumPy."""
    made, streams = ready(model, window)
    batch, _ = examples_at(streams, window, AT, "cpu")
    with torch.no_grad():
        wanted = made(batch).numpy()
    found = predict([weights_of(made)], model, window, gather(streams, window, *AT))
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    return found


@pytest.mark.parametrize("kind", ["NETWORKS", "CELLS"])
def test_torch_and_numpy_offer_the_same_names(kind):
    assert getattr(networks, kind).names() == getattr(inference, kind).names()


@pytest.mark.parametrize("table", [networks.NETWORKS, networks.CELLS, inference.NETWORKS, inference.CELLS])
def test_every_entry_of_a_table_loads_and_says_what_it_is(table):
    for name in table.names():
        assert table.load(name).__doc__, name


# ---- the two are one -----------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", networks.CELLS.names())
@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("linear_rank", [0, -1, 3])
@pytest.mark.parametrize("seasonal", [(), (5, 7)])
@pytest.mark.parametrize("covariates", [(0, 0, 0), (2, 3, 5)])
def test_numpy_gives_what_torch_gives(network, cell, layers, linear_rank, seasonal, covariates):
    known, past, static = covariates
    model = model_of(network=network, cell=cell, layers=layers, linear_rank=linear_rank, seasonal=seasonal,
                     known=known, past=past, static=static)  # fmt: skip
    window = SEASONAL if seasonal else SPEC
    found = assert_numpy_gives_what_torch_gives(model, window)
    assert found.shape == (6, 9, 5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_the_default_levels_and_a_context_of_one_row_agree_too(network):
    model, window = model_of(network=network, quantile_levels=QUANTILE_LEVELS, linear_rank=-1), WindowSpec(1, 5, 3)
    assert_numpy_gives_what_torch_gives(model, window)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("seasonal", [(), (5, 7)])
@pytest.mark.parametrize("structure", [Structure(), Structure(hybrid="es", period=5)])
def test_effects_of_covariates_agree_too(network, seasonal, structure):
    model = model_of(network=network, linear_rank=-1, seasonal=seasonal, known=4, past=2, static=1,
                     effects=(0, 3), structure=structure)
    window = SEASONAL if seasonal else SPEC
    assert_numpy_gives_what_torch_gives(model, window)


# ---- each of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_quantiles_never_cross(network, spread):
    model = model_of(network=network, quantile_levels=QUANTILE_LEVELS, linear_rank=-1, seasonal=(5, 7))
    for seed in range(5):
        made, streams = ready(model, SEASONAL, seed=seed, spread=spread)
        found = predict([weights_of(made)], model, SEASONAL, gather(streams, SEASONAL, *AT))
        assert (np.diff(found, axis=2) >= 0).all()


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_gradients_of_a_network_are_those_of_finite_differences(network):
    model = model_of(network=network, hidden=3, linear_rank=2, seasonal=(5,), known=2, effects=(1,),
                     past=1, static=2)
    window = WindowSpec(7, 5, 3, seasons=(5,))
    made, streams = ready(model, window)
    made.double()
    batch, _ = examples_at(streams, window, (AT[0][:2], AT[1][:2]), "cpu")
    doubled = Batch(*[one.double() if one.is_floating_point() else one for one in batch])

    def run(x, *_):
        return made(doubled._replace(x=x * doubled.mask))

    assert torch.autograd.gradcheck(run, (doubled.x.requires_grad_(), *made.parameters()))


@pytest.mark.parametrize("network", networks.NETWORKS.names())
@pytest.mark.parametrize("seasonal", [(), (5, 7)])
def test_a_value_that_was_not_observed_moves_nothing(network, seasonal):
    window = SEASONAL if seasonal else SPEC
    model = model_of(network=network, linear_rank=-1, seasonal=seasonal)
    made, streams = ready(model, window)
    before, _ = predict_streams([weights_of(made)], model, window, streams, AT)
    streams.z[~streams.observed] = 1e6
    after, _ = predict_streams([weights_of(made)], model, window, streams, AT)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("rank", [-1, 3])
@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_the_linear_path_adds_nothing_at_the_start(network, rank):
    torch.manual_seed(0)
    made = Network(model_of(network=network, linear_rank=rank), SPEC).eval()
    batch, _ = examples_at(random_streams(), SPEC, AT, "cpu")
    with_path = made(batch)
    made.linear = None
    torch.testing.assert_close(made(batch), with_path, rtol=0, atol=0)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_the_season_tables_add_nothing_at_the_start(network):
    torch.manual_seed(0)
    made = Network(model_of(network=network, seasonal=(5, 7)), SEASONAL).eval()
    batch, _ = examples_at(random_streams(), SEASONAL, AT, "cpu")
    with_tables = made(batch)
    made.seasons = None
    torch.testing.assert_close(made(batch), with_tables, rtol=0, atol=0)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_effects_that_tell_the_whole_series_forecast_it(network):
    """A series that is 3 times its covariate: with that effect taken off it never moves."""
    model = model_of(network=network, channels=1, known=2, effects=(1,))
    made = torch_network(model, SPEC)
    sources = [replace(one, z=3.0 * one.known[: len(one.z), 1:], observed=np.ones((len(one.z), 1), dtype=bool))
               for one in random_sources((40,), channels=1, covariates=(2, 0, 0))]
    streams, at = flatten(sources), (np.zeros(2, dtype=np.int64), np.array([20, 31]))
    with torch.no_grad():
        made.effects.straight[:] = 3.0
        made.effects.bent[:] = 0.0
        made.head.out.weight[:] = 0.0
        made.head.out.bias[:] = 0.0
    batch, (moves, seen) = examples_at(streams, SPEC, at, "cpu")
    found = made(batch)[:, :, 2].detach()
    torch.testing.assert_close(found * seen, moves, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_a_season_table_that_tells_the_whole_series_forecasts_it(network):
    """A series that is its table: nothing is left for the network but its interval around it."""
    window = WindowSpec(15, 10, 5, seasons=(5,))
    model = model_of(network=network, channels=1, seasonal=(5,), quantile_levels=(0.1, 0.5, 0.9))
    made = torch_network(model, window)
    table = np.array([3.0, -1.0, 4.0, 1.0, 5.0])
    weights = weights_of(made)
    weights["seasons.tables.0"] = table[None].astype(np.float32)
    weights["head.out.weight"][:] = 0.0
    weights["head.out.bias"][:] = 0.0  # the median adds nothing, each step is log 2
    streams = random_streams((38,), channels=1)
    streams.z[:] = table[(np.arange(38) + streams.origin[0]) % 5]
    found, _ = predict_streams([weights], model, window, streams, (np.array([0, 0]), np.array([23, 28])))
    np.testing.assert_allclose(found[0, :, 1], table[np.arange(23, 33) % 5], atol=1e-5)
    np.testing.assert_allclose(found[1, :, 1], table[np.arange(28, 38) % 5], atol=1e-5)


@pytest.mark.parametrize("cell", networks.CELLS.names())
def test_dropout_is_for_training_only(cell):
    made = torch_network(model_of(cell=cell, layers=2, dropout=0.5), SPEC)
    batch, _ = examples_at(random_streams(), SPEC, AT, "cpu")
    torch.testing.assert_close(made(batch), made(batch), rtol=0, atol=0)
    assert not torch.equal(made.train()(batch), made(batch))


# ---- many windows --------------------------------------------------------------------------------


def test_an_ensemble_is_the_mean_of_its_members():
    model = model_of()
    one, two = weights_of(torch_network(model, SPEC, seed=1)), weights_of(torch_network(model, SPEC, seed=2))
    windows = gather(random_streams(), SPEC, *AT)
    mean = (predict([one], model, SPEC, windows) + predict([two], model, SPEC, windows)) / 2
    np.testing.assert_allclose(predict([one, two], model, SPEC, windows), mean, rtol=1e-6)


def test_windows_in_chunks_are_the_windows_at_once(monkeypatch):
    model = model_of()
    made, streams = ready(model, SPEC)
    whole, level = predict_streams([weights_of(made)], model, SPEC, streams, AT)
    monkeypatch.setattr("grucast.inference.predict.CHUNK_BYTES", 1)
    assert chunk_size(model, SPEC) == 1
    single, same = predict_streams([weights_of(made)], model, SPEC, streams, AT)
    np.testing.assert_allclose(single, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(same, level)


def test_a_window_without_any_value_gives_no_number():
    model = model_of()
    made, streams = ready(model, SPEC)
    streams.observed[streams.start[1] : streams.start[1] + 14] = False
    found, _ = predict_streams([weights_of(made)], model, SPEC, streams, (np.array([1, 0]), np.array([14, 14])))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_no_windows_give_no_quantiles():
    model = model_of()
    made, streams = ready(model, SPEC)
    none = np.zeros(0, dtype=np.int64)
    found, level = predict_streams([weights_of(made)], model, SPEC, streams, (none, none))
    assert found.shape == (0, 9, 5)
    assert level.shape == (0,)


@pytest.mark.parametrize("network", networks.NETWORKS.names())
def test_a_fault_of_any_size_leaves_the_forecast_finite(network):
    model = model_of(network=network, linear_rank=-1)
    made, streams = ready(model, SPEC)
    streams.z[streams.start[0] + 38] = 1e300
    streams.observed[streams.start[0] + 38 : streams.start[0] + 40] = True
    found, _ = predict_streams([weights_of(made)], model, SPEC, streams, (np.array([0]), np.array([40])))
    assert np.isfinite(found).all()
