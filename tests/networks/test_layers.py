"""Ways to run a cell, scans, filters, attention and smoothing against their equations, written out as loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import ModelConfig, Structure
from grucast.networks import CELLS
from grucast.networks.attention import Attention
from grucast.networks.filters import Filters
from grucast.networks.layers import BothWays, follow, over_phases
from grucast.networks.scan import scan
from grucast.networks.smoothing import Smoothing
from grucast.networks.stack import Stack

BATCH, INPUTS, HIDDEN = 2, 3, 4
CELL_NAMES = CELLS.names()


def drawn(module):
    """The module in double precision with every weight drawn at random."""
    torch.manual_seed(7)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.0, 0.6)
    return module.eval()


def cell_of(name):
    return drawn(CELLS.load(name)(INPUTS, HIDDEN, Structure(delay=1)))


def inputs(steps, width=INPUTS):
    return torch.from_numpy(np.random.default_rng(4).normal(size=(BATCH, steps, width)))


def walk(cell, x, stride):
    """The states of all steps, each following on the one `stride` before it; zeros before the first."""
    states = [torch.zeros_like(cell(x[:, :1])[1])] * stride
    for step in range(x.shape[1]):
        states.append(cell.step(x[:, step], states[-stride]))
    return states[stride:], states[-stride:]


def assert_close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


# ---- states some steps back ----------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize(("steps", "stride"), [(5, 1), (6, 2), (7, 3), (8, 3), (5, 5)])
def test_each_state_follows_on_the_one_a_stride_before(name, steps, stride):
    cell, x = cell_of(name), inputs(steps)
    outputs, last = over_phases(cell, x, stride)
    states, newest = walk(cell, x, stride)
    assert_close(outputs, torch.stack([cell.output(one) for one in states], dim=1))
    assert_close(last, torch.stack(newest, dim=1))


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("stride", [1, 3])
def test_each_step_ahead_follows_on_the_newest_state_of_its_phase(name, stride):
    cell, x, ahead = cell_of(name), inputs(7), inputs(5)
    _, last = over_phases(cell, x, stride)
    found = follow(cell, ahead, last)
    _, newest = walk(cell, x, stride)
    for step in range(5):
        assert_close(found[:, step], cell.output(cell.step(ahead[:, step], newest[step % stride])))


@pytest.mark.parametrize("together", [False, True])
def test_a_cell_that_looks_back_is_added_to_the_layers(together):
    model = ModelConfig(cell="gru", hidden=8, layers=2, structure=Structure(skip=3))
    stack, x, ahead = drawn(Stack(model, INPUTS, together=together)), inputs(7), inputs(5)
    known = stack.encode(x)
    _, back = walk(stack.back, x, 3)
    main = drawn(Stack(ModelConfig(cell="gru", hidden=8, layers=2), INPUTS))
    main.load_state_dict({name: value for name, value in stack.state_dict().items() if name.startswith("layers")})
    plain = main.encode(x)
    seen = torch.cat(back, dim=1) if together else back[-1]
    assert_close(stack.output(known), main.output(plain) + seen @ stack.join.weight.T)
    if not together:
        wanted = main.ahead(ahead, plain)
        for step in range(5):
            wanted[:, step] += stack.back.step(ahead[:, step], back[step % 3]) @ stack.join.weight.T
        assert_close(stack.ahead(ahead, known), wanted)


def test_dilations_are_one_layer_each():
    stack = drawn(Stack(ModelConfig(cell="lstm", hidden=4, layers=2, structure=Structure(dilations=(1, 3))), INPUTS))
    x = inputs(8)
    first, _ = over_phases(stack.layers[0], x, 1)
    second, last = over_phases(stack.layers[1], first, 3)
    known = stack.encode(x)
    assert_close(known.path, second)
    assert_close(known.states[1], last)
    assert_close(stack.outputs(known), torch.cat([first[:, -1], second[:, -1]], dim=1))


# ---- both ways -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
def test_both_ways_are_two_cells_side_by_side_and_joined(name):
    layer, x = drawn(BothWays(name, INPUTS, HIDDEN, Structure(delay=1))), inputs(5)
    outputs, state = layer(x)
    forth, (ahead,) = walk(layer.forth, x, 1)
    back, (behind,) = walk(layer.back, x.flip(1), 1)
    w, b = layer.join.weight, layer.join.bias
    for step in range(5):
        pair = torch.cat([layer.forth.output(forth[step]), layer.back.output(back[4 - step])], dim=1)
        assert_close(outputs[:, step], pair @ w.T + b)
    for part in range(ahead.shape[1] // HIDDEN):
        span = slice(part * HIDDEN, (part + 1) * HIDDEN)
        assert_close(state[:, span], torch.cat([ahead[:, span], behind[:, span]], dim=1) @ w.T + b)
    assert_close(layer.step(x[:, 0], state), layer.forth.step(x[:, 0], state))


# ---- linear recurrences --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 3), st.integers(0, 2**16))
def test_a_scan_is_the_loop(steps, width, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, steps, width)), rng.normal(size=(2, steps, width))
    state, wanted = np.zeros((2, width)), []
    for step in range(steps):
        state = a[:, step] * state + b[:, step]
        wanted.append(state)
    found = scan(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 7, 9])
def test_gradients_of_a_scan_are_those_of_finite_differences(steps):
    a = torch.sigmoid(inputs(steps)).requires_grad_()
    b = inputs(steps, INPUTS).mul(0.5).requires_grad_()
    assert torch.autograd.gradcheck(scan, (a, b), atol=1e-6, rtol=1e-6)


# ---- attention -----------------------------------------------------------------------------------


def test_attention_weighs_the_states_by_how_they_answer():
    layer, path, ahead = drawn(Attention(HIDDEN)), inputs(5, HIDDEN).numpy(), inputs(3, HIDDEN).numpy()[:, ::-1].copy()
    seen = np.array([[1, 1, 0, 1, 1], [0, 0, 0, 1, 0]])
    found = layer(*map(torch.from_numpy, (ahead, path, seen))).detach().numpy()
    ask, key, value = (one.weight.detach().numpy() for one in (layer.ask, layer.key, layer.value))
    for row in range(BATCH):
        for step in range(3):
            raised = np.array([np.exp((ask @ ahead[row, step]) @ (key @ path[row, k]) / 2.0) for k in range(5)])
            share = raised * seen[row] / (raised * seen[row]).sum()
            wanted = ahead[row, step] + value @ (share @ path[row])
            np.testing.assert_allclose(found[row, step], wanted, rtol=0, atol=1e-10)


def test_where_nothing_was_observed_all_states_count_alike():
    layer, path, ahead = drawn(Attention(HIDDEN)), inputs(5, HIDDEN), inputs(2, HIDDEN)
    found = layer(ahead, path, torch.zeros(BATCH, 5))
    assert_close(found, ahead + (path.mean(1) @ layer.value.weight.T)[:, None])


# ---- filters -------------------------------------------------------------------------------------


def test_filters_see_three_rows_to_each_side_and_zeros_beyond():
    layer, rows = drawn(Filters(INPUTS)), inputs(5).numpy()
    found = layer(torch.from_numpy(rows)).detach().numpy()
    kernel, bias = layer.conv.weight.detach().numpy(), layer.conv.bias.detach().numpy()
    np.testing.assert_array_equal(found[:, :, :INPUTS], rows)
    for t in range(5):
        total = np.tile(bias, (BATCH, 1))
        for i in range(-3, 4):
            if 0 <= t + i < 5:
                total += rows[:, t + i] @ kernel[:, :, i + 3].T
        np.testing.assert_allclose(found[:, t, INPUTS:], np.maximum(total, 0.0), rtol=0, atol=1e-12)


# ---- smoothing -----------------------------------------------------------------------------------

LENGTH, AHEAD = 11, 7


def smoothed_by_hand(x, mask, rates, period):
    """Last level and season of each row and of the rows ahead, of one window, row by row."""
    a, c = 1.0 / (1.0 + np.exp(-rates))
    if period:
        level = sum(x[:period] * mask[:period]) / max(sum(mask[:period]), 1.0)
        season = {t: (x[t] - level) * mask[t] for t in range(period)}
    else:
        observed = [x[t] for t in range(len(x)) if mask[t]]
        level, season = observed[0] if observed else 0.0, {}
    for t in range(len(x)):
        now = season.get(t, 0.0)
        level += a * mask[t] * (x[t] - now - level)
        if period:
            season[t + period] = now + c * mask[t] * (x[t] - level - now)
    behind = [level + season.get(t, 0.0) for t in range(len(x))]
    phases = [len(x) + i % period if period else -1 for i in range(AHEAD)]
    return behind, [level + season.get(t, 0.0) for t in phases]


@pytest.mark.parametrize("period", [0, 2, 3, 5])
def test_smoothing_is_level_and_season_row_by_row(period):
    rng = np.random.default_rng(1)
    x, mask = rng.normal(size=(4, LENGTH)), (rng.random((4, LENGTH)) < 0.7).astype(float)
    mask[2], mask[3] = 1.0, 0.0  # all observed, nothing observed
    x, channel = x * mask, torch.tensor([1, 0, 1, 0])
    layer = drawn(Smoothing(2, period))
    found = layer(torch.from_numpy(x), torch.from_numpy(mask), channel, AHEAD)
    rates = layer.rates.detach().numpy()
    for row in range(4):
        behind, ahead = smoothed_by_hand(x[row], mask[row], rates[channel[row]], period)
        np.testing.assert_allclose(found.behind[row].detach().numpy(), behind, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.ahead[row].detach().numpy(), ahead, rtol=0, atol=1e-12)


def test_a_pure_season_is_forecast_by_smoothing_alone():
    table = np.array([2.0, -1.0, 5.0])
    x = torch.from_numpy(np.tile(table, 5)[None])
    found = Smoothing(1, 3).double()(x, torch.ones_like(x), torch.zeros(1, dtype=torch.int64), 8)
    np.testing.assert_allclose(found.behind[0].detach(), x[0], atol=1e-12)
    np.testing.assert_allclose(found.ahead[0].detach(), np.tile(table, 3)[:8], atol=1e-12)
