"""Derivatives without torch: each rule by finite differences, whole networks against torch's own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import ModelConfig, Structure, WindowSpec
from grucast.inference.network import forward
from grucast.inference.tape import _FUNCTIONS, _UFUNCS, Tape, Traced
from grucast.networks import CELLS, NETWORKS
from grucast.preprocessing.windows import gather
from grucast.training.fit import examples_at
from tests.making import random_streams, torch_network, weights_of

X = np.random.default_rng(4).normal(size=(2, 3, 4))
W = np.random.default_rng(5).normal(size=(4, 5))
PLACES = np.array([[[2], [0], [1]], [[3], [3], [0]]])


def replaced(x):
    """The first rows of x, then a part of it written over by another: what stood there must be forgotten."""
    x[:, 1] = 2.0 * x[:, 0]
    return x


def gathered(x):
    """An array made bit by bit, as a network fills the places of its phases."""
    made = np.zeros_like(x, shape=(2, 6, 4))
    made[:, ::2] = x
    made[:, 1::2] = np.tanh(x)
    return made


MAPS = {
    "add": lambda x: x + X[0] + 1.0, "subtract": lambda x: X - x - 3.0 * x, "multiply": lambda x: x * x[:, :1] * X,
    "divide": lambda x: x / (2.0 + x * x) + 1.0 / (4.0 + x), "maximum": lambda x: np.maximum(x, 0.3 * X),
    "matmul": lambda x: x @ W, "matmul of two": lambda x: x @ x.transpose(0, 2, 1), "negative": lambda x: -x,
    "absolute": lambda x: np.abs(x), "tanh": np.tanh, "exp": np.exp, "log1p": lambda x: np.log1p(x * x),
    "sinh": np.sinh, "concatenate": lambda x: np.concatenate([x, X, 2.0 * x], axis=1),
    "stack": lambda x: np.stack([x, X, x * x], axis=1), "where": lambda x: np.where(X > 0, x, 2.0 * x),
    "cumsum": lambda x: np.cumsum(x, axis=2) * X, "pad": lambda x: np.pad(x, ((0, 0), (2, 1), (0, 0))) * 3.0,
    "roll": lambda x: np.roll(x, 2, axis=1) * X, "take_along_axis": lambda x: np.take_along_axis(x, PLACES, axis=2),
    "zeros_like": gathered, "empty_like": gathered, "slices": lambda x: x[:, 1:, None, ::-1] * 2.0,
    "rows twice": lambda x: x[:, [0, 2, 0, 0]] * 1.5, "replaced": lambda x: replaced(x * 1.0),
    "reshape": lambda x: x.reshape(6, -1) @ W, "sum": lambda x: x.sum(axis=1) * X[:, 0],
    "sum kept": lambda x: x.sum(axis=2, keepdims=True) * X, "max": lambda x: x.max(axis=2) * X[:, :, 0],
    "max kept": lambda x: x - x.max(axis=1, keepdims=True) * X,
}


def slope_of(function, x):
    """The gradient of the weighted sum of a function by finite differences."""
    weights = np.random.default_rng(6).normal(size=np.shape(function(x.copy())))
    found = np.empty_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        found[place] = ((function(up) - function(down)) * weights).sum() / 2e-6
    return found, weights


@pytest.mark.parametrize("name", MAPS)
def test_each_rule_is_what_finite_differences_say(name):
    wanted, weights = slope_of(MAPS[name], X)
    tape = Tape()
    leaf = tape.leaf(X)
    result = MAPS[name](leaf)
    np.testing.assert_array_equal(result.value, MAPS[name](X.copy()))
    np.testing.assert_allclose(tape.gradients(result * weights, [leaf])[0], wanted, rtol=1e-6, atol=1e-6)


def test_every_rule_is_tried():
    assert set(MAPS) >= {*_UFUNCS, *_FUNCTIONS}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["tanh", "absolute", "cumsum", "roll", "sinh", "replaced"]), min_size=1, max_size=4))
def test_rules_follow_each_other_by_the_chain_rule(names):
    def chain(x):
        for name in names:
            x = MAPS[name](x) * 0.5
        return x

    wanted, weights = slope_of(chain, X)
    tape = Tape()
    leaf = tape.leaf(X)
    found = tape.gradients(chain(leaf) * weights, [leaf])[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_leaf_that_nothing_was_made_from_has_no_gradient():
    tape = Tape()
    leaf, other = tape.leaf(X), tape.leaf(W)
    assert not tape.gradients(np.tanh(leaf), [leaf, other])[1].any()


@pytest.mark.parametrize("careless", [np.asarray, np.arctan, np.median, np.add.reduce])
def test_what_has_no_rule_is_an_error_and_not_a_derivative_of_zero(careless):
    with pytest.raises(TypeError):
        careless(Tape().leaf(X))


def test_writing_a_traced_array_into_an_ordinary_one_is_an_error():
    plain = np.zeros((2, 3, 4))
    with pytest.raises(TypeError, match="would forget"):
        plain[:] = Tape().leaf(X)


# ---- whole networks ------------------------------------------------------------------------------

SPEC = WindowSpec(context_length=26, horizon=17, segment=4, seasons=(5,))
AT = np.array([0, 4, 2]), np.array([40, 3, 21])
ALONE = {"plain": {}, "bidirectional": {"bidirectional": True}, "attention": {"attention": True}, "skip": {"skip": 3},
         "dilations": {"dilations": (1, 3)}, "conv": {"hybrid": "conv"}, "es": {"hybrid": "es", "period": 5},
         "level": {"hybrid": "es"}, "silu": {"activation": "silu"}}
WITH = {"plain": {}, "effects": {"effects": (1,)}}


def model_of(network, cell, alone):
    structure = Structure(**ALONE.get(alone, {}))
    return ModelConfig(network=network, cell=cell, layers=len(structure.dilations) or 1, hidden=6, channels=3, known=2,
                       past=3, static=5, linear_rank=2, seasonal=(5,), quantile_levels=(0.1, 0.5, 0.9),
                       **WITH.get(alone, {}),
                       structure=replace(structure, delay=2 if cell == "tau-gru" else 0))


@pytest.mark.parametrize("alone", ALONE | WITH)
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_the_gradient_of_each_network_is_that_of_torch(network, cell, alone):
    model = model_of(network, cell, alone)
    made, streams = torch_network(model, SPEC), random_streams(covariates=(2, 3, 5))
    names = ("x", "known", "past", "static")
    batch = examples_at(streams, SPEC, AT, "cpu")[0]
    inputs = {name: getattr(batch, name).double().requires_grad_() for name in names}
    batch = batch._replace(mask=batch.mask.double(), **inputs)
    weights = {name: one.astype(np.float64) for name, one in weights_of(made).items()}
    made.double()(batch)[:, :, 1].sum().backward()
    windows, tape = gather(streams, SPEC, *AT), Tape()
    leaves = [tape.leaf(getattr(windows, name)) for name in names]
    said = forward(weights, model, SPEC, replace(windows, **dict(zip(names, leaves, strict=True))))
    assert isinstance(said, Traced)
    for one, name, found in zip(leaves, names, tape.gradients(said[:, :, 1], leaves), strict=True):
        wanted = inputs[name].grad
        wanted = np.zeros(one.shape) if wanted is None else wanted.numpy()
        if name == "x":  # a masked row is zero whatever happens
            found, wanted = found * windows.mask, wanted * windows.mask
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_the_forecast_that_is_traced_is_the_forecast():
    model = model_of("segment", "gru", "attention")
    weights, streams = weights_of(torch_network(model, SPEC)), random_streams(covariates=(2, 3, 5))
    windows, tape = gather(streams, SPEC, *AT), Tape()
    traced = forward(weights, model, SPEC, replace(windows, x=tape.leaf(windows.x)))
    np.testing.assert_allclose(traced.value, forward(weights, model, SPEC, windows), rtol=1e-5, atol=1e-5)

