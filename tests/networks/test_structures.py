"""What every structure around a cell promises, in torch and in NumPy, alone and in pairs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from grucast.core.config import QUANTILE_LEVELS, ModelConfig, Structure, WindowSpec
from grucast.inference.network import asked_of, outputs
from grucast.inference.predict import predict, predict_streams
from grucast.networks import ACTIVATIONS, CELLS, NETWORKS
from grucast.networks.batch import Batch
from grucast.networks.cells.gru import GRU
from grucast.networks.heads import LinearPath, QuantileHead
from grucast.networks.network import Network
from grucast.preprocessing.windows import gather
from grucast.training.fit import examples_at
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=26, horizon=17, segment=4)  # seven segments, the first not whole; five ahead
AT = np.array([0, 4, 2, 5, 1, 3]), np.array([40, 3, 21, 14, 33, 9])  # the context of some begins before the series
ALONE = {
    "bidirectional": {"bidirectional": True},
    "attention": {"attention": True},
    "skip": {"skip": 3},
    "dilations": {"dilations": (1, 3)},
    "conv": {"hybrid": "conv"},
    "es": {"hybrid": "es", "period": 5},
    "level": {"hybrid": "es"},
    "silu": {"activation": "silu"},
}
PAIRS = [(one, other) for one, other in combinations(ALONE, 2)
         if "hybrid" not in ALONE[one].keys() & ALONE[other].keys()]


def model_of(**more) -> ModelConfig:
    """A small network; `layers` follows the dilations."""
    structure = Structure(**{key: more.pop(key) for key in Structure.__dataclass_fields__ if key in more})
    if more.get("cell") == "tau-gru":
        structure = replace(structure, delay=2)
    given = {"hidden": 6, "channels": 3, "quantile_levels": (0.1, 0.3, 0.5, 0.7, 0.9), "narrow": 5}
    return ModelConfig(**(given | more | {"structure": structure, "layers": len(structure.dilations) or 1}))


def batch_of(streams, window=SPEC):
    return examples_at(streams, window, AT, "cpu")[0]


def assert_numpy_gives_what_torch_gives(model, window=SPEC):
    made = torch_network(model, window)
    streams = random_streams(covariates=(model.known, model.past, model.static))
    with torch.no_grad():
        forecast, rebuilt = made(batch_of(streams, window)).numpy(), made.rebuilt(batch_of(streams, window)).numpy()
    size = model.layers * model.hidden
    law = {"state.mean": np.zeros(size, np.float32), "state.whiten": np.eye(size, dtype=np.float32)}
    found = outputs(weights_of(made) | law, model, window, gather(streams, window, *AT))
    assert found.quantiles.dtype == found.rebuilt.dtype == np.float32
    assert np.abs(found.quantiles - forecast).max() <= 1e-5 * np.abs(forecast).max()
    assert np.abs(found.rebuilt - rebuilt).max() <= 1e-5 * np.abs(rebuilt).max()


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_numpy_gives_what_torch_gives_with_each_alone(network, cell, alone):
    assert_numpy_gives_what_torch_gives(model_of(network=network, cell=cell, linear_rank=-1, **ALONE[alone]))


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
@pytest.mark.parametrize("cell", ["gru", "lstm", "tau-gru"])
@pytest.mark.parametrize("network", NETWORKS.names())
def test_numpy_gives_what_torch_gives_with_two_of_them(network, cell, pair):
    more = {**ALONE[pair[0]], **ALONE[pair[1]]}
    assert_numpy_gives_what_torch_gives(model_of(network=network, cell=cell, known=2, past=3, static=5, **more))


@pytest.mark.parametrize("activation", ACTIVATIONS.names())
@pytest.mark.parametrize("cell", CELLS.names())
def test_numpy_gives_what_torch_gives_with_every_activation(cell, activation):
    assert_numpy_gives_what_torch_gives(model_of(cell=cell, activation=activation))


@pytest.mark.parametrize("hybrid", ["conv", "es"])
@pytest.mark.parametrize("network", NETWORKS.names())
def test_numpy_gives_what_torch_gives_with_all_of_them_at_once(network, hybrid):
    every = {"bidirectional": True, "attention": True, "skip": 2, "dilations": (2, 1, 5), "activation": "gelu"}
    model = model_of(network=network, cell="lstm", hybrid=hybrid, seasonal=(5,), known=1, **every)
    assert_numpy_gives_what_torch_gives(model, replace(SPEC, seasons=(5,)))


@pytest.mark.parametrize("alone", ["bidirectional", "attention", "conv", "level"])
@pytest.mark.parametrize("network", NETWORKS.names())
def test_a_context_of_one_row_agrees_too(network, alone):
    assert_numpy_gives_what_torch_gives(model_of(network=network, **ALONE[alone]), WindowSpec(1, 5, 3))


# ---- each does something, and nothing it should not ------------------------------------------------


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_each_changes_the_forecast(network, alone):
    """With the weights that both have in common alike."""
    plain = torch_network(model_of(network=network), SPEC)
    more = torch_network(model_of(network=network, **ALONE[alone]), SPEC, seed=1)
    shared = {name: value for name, value in plain.state_dict().items()
              if name in more.state_dict() and more.state_dict()[name].shape == value.shape}
    more.load_state_dict(shared, strict=False)
    batch = batch_of(random_streams())
    moved = (more(batch) - plain(batch)).abs().amax(dim=(1, 2)) / plain(batch).abs().amax()
    assert (moved > 1e-3).all()


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_every_weight_is_learned(network, alone):
    """A loss of forecast and rebuilt window reaches each of them."""
    made = torch_network(model_of(network=network, **ALONE[alone]), SPEC)
    batch = batch_of(random_streams())
    (made(batch).square().sum() + made.rebuilt(batch).square().sum()).backward()
    still = [name for name, one in made.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_no_later_row_moves_a_forecast(network, alone):
    model = model_of(network=network, **ALONE[alone])
    weights, streams, at = weights_of(torch_network(model, SPEC)), random_streams(), (np.array([0]), np.array([28]))
    before, _ = predict_streams([weights], model, SPEC, streams, at)
    streams.z[streams.start[0] + 28 : streams.start[1]] += 5.0
    after, _ = predict_streams([weights], model, SPEC, streams, at)
    np.testing.assert_array_equal(after, before)
    streams.z[streams.start[0] + 27] += 5.0
    moved, _ = predict_streams([weights], model, SPEC, streams, at)
    assert (moved != before).any()


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_a_value_that_was_not_observed_moves_nothing(network, alone):
    model = model_of(network=network, **ALONE[alone])
    weights, streams = weights_of(torch_network(model, SPEC)), random_streams()
    before, _ = predict_streams([weights], model, SPEC, streams, AT)
    streams.z[~streams.observed] = 1e6
    after, _ = predict_streams([weights], model, SPEC, streams, AT)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_quantiles_are_finite_and_do_not_cross_whatever_the_values(network, alone):
    model = model_of(network=network, **ALONE[alone])
    weights, streams = weights_of(torch_network(model, SPEC)), random_streams()
    streams.z[streams.start[0] + 38] = 1e300
    streams.observed[streams.start[0] + 38 : streams.start[0] + 40] = True
    streams.observed[streams.start[3] : streams.start[3] + 9] = False  # nothing known of a whole context
    found = predict([weights], model, SPEC, gather(streams, SPEC, *AT))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= 0).all()


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("network", NETWORKS.names())
def test_gradients_are_those_of_finite_differences(network, alone):
    more = ALONE[alone] | ({"period": 2} if alone == "es" else {})
    model = model_of(network=network, hidden=3, known=1, narrow=2, **more)
    window = WindowSpec(10, 5, 3)
    made = torch_network(model, window).double()
    streams = random_streams(covariates=(1, 0, 0))
    batch, _ = examples_at(streams, window, (AT[0][:2], AT[1][:2]), "cpu")
    doubled = Batch(*[one.double() if one.is_floating_point() else one for one in batch])

    def run(x, *_):
        given = doubled._replace(x=x * doubled.mask)
        return made(given), made.rebuilt(given)

    assert torch.autograd.gradcheck(run, (doubled.x.requires_grad_(), *made.parameters()), atol=1e-6, rtol=1e-6,
                                    fast_mode=True)


@pytest.mark.parametrize("far", [{"skip": 8}, {"dilations": (8,)}, {"cell": "tau-gru", "delay": 100_000}])
def test_a_state_from_before_the_context_is_refused_before_it_takes_memory(far):
    """As a file may ask for it, whose weights are those of a nearer one."""
    near = {key: {"skip": 1, "dilations": (1,), "delay": 1}.get(key, value) for key, value in far.items()}
    model, weights = model_of(**near), weights_of(torch_network(model_of(**near), SPEC))
    asked = {key: value for key, value in far.items() if key != "cell"}
    model = replace(model, structure=replace(model.structure, **asked))
    with pytest.raises(ValueError, match=r"a state \d+ steps back in a context of 7"):
        predict([weights], model, SPEC, gather(random_streams(), SPEC, *AT))


@pytest.mark.parametrize(("network", "shape", "step"), [("segment", (6, 5, 7), 4), ("recurrent", (6, 1, 26), 1)])
def test_what_attention_weighs_is_shared_among_the_steps_that_were_observed(network, shape, step):
    model, streams = model_of(network=network, attention=True), random_streams()
    weights, windows = weights_of(torch_network(model, SPEC)), gather(streams, SPEC, *AT)
    shares = asked_of(weights, model, SPEC, windows)
    assert shares.shape == shape
    np.testing.assert_allclose(shares.sum(axis=2), 1.0, rtol=1e-5)
    padded = np.pad(windows.mask, ((0, 0), (shape[2] * step - 26, 0)))
    seen = padded.reshape(6, shape[2], step).max(axis=2) > 0
    assert ((shares > 0) == seen[:, None]).all()
    assert asked_of(weights, model_of(network=network), SPEC, windows) is None


# ---- the default -----------------------------------------------------------------------------------


def test_the_default_network_draws_the_same_weights_as_ever():
    """Its parts in the order they were first made in: a new option must not draw on this path."""
    model = ModelConfig(hidden=6, channels=3, dropout=0.3, linear_rank=4, narrow=5, seasonal=(5,))
    torch.manual_seed(3)
    found = Network(model, SPEC).state_dict()
    after = torch.rand(1)
    torch.manual_seed(3)
    wanted = {}
    embed, gru = nn.Linear(4 * 2, 6), GRU(6, 6)
    wanted |= {f"core.embed.{name}": value for name, value in embed.state_dict().items()}
    wanted |= {f"core.cells.layers.0.{name}": value for name, value in gru.state_dict().items()}
    wanted["core.position"], wanted["core.channel"] = 0.02 * torch.randn(5, 6), 0.02 * torch.randn(3, 6)
    head, path = QuantileHead(6, 4, QUANTILE_LEVELS), LinearPath(SPEC, 4)
    wanted |= {f"head.{name}": value for name, value in head.state_dict().items()}
    wanted |= {f"linear.{name}": value for name, value in path.state_dict().items()}
    assert torch.equal(torch.rand(1), after)
    assert found.keys() - wanted.keys() == {"seasons.tables.0"} | {
        f"rebuild.{part}.{kind}" for part in ("down", "up") for kind in ("weight", "bias")}
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name
