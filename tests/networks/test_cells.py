"""Each cell against its equations, written out in NumPy and float64."""

import numpy as np
import pytest
import torch

from grucast import inference
from grucast.core.config import Structure
from grucast.networks import ACTIVATIONS, CELLS

INPUTS, HIDDEN, BATCH = 3, 4, 2
DELAY = 2


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


BY_NAME = {
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "gelu": lambda x: 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1.0 + np.exp(-x)),
    "softsign": lambda x: x / (1.0 + abs(x)),
}


def gru(x, past, weights, act):
    """Cho et al. 2014 with the reset gate after the product; rows of w: reset, update, candidate."""
    state, (w, u, b, c) = past[-1], weights
    (wr, wz, wn), (ur, uz, un), (br, bz, bn), (cr, cz, cn) = (np.split(one, 3) for one in (w, u, b, c))
    reset = sigmoid(wr @ x + br + ur @ state + cr)
    update = sigmoid(wz @ x + bz + uz @ state + cz)
    candidate = act(wn @ x + bn + reset * (un @ state + cn))
    return update * state + (1.0 - update) * candidate


def gru_v1(x, past, weights, act):
    """The reset gate acts on the state, before the product; one bias for each gate."""
    state = past[-1]
    (wr, wz, wn), (ur, uz, un), (br, bz, bn) = (np.split(one, 3) for one in weights)
    reset = sigmoid(wr @ x + ur @ state + br)
    update = sigmoid(wz @ x + uz @ state + bz)
    return update * state + (1.0 - update) * act(wn @ x + un @ (reset * state) + bn)


def gru_simple(x, past, weights, act):
    """Memory, candidate and update gate."""
    memory = past[-1]
    (wn, wg), (un, ug), (bn, bg) = (np.split(one, 2) for one in weights)
    gate = sigmoid(wg @ x + ug @ memory + bg)
    return gate * act(wn @ x + un @ memory + bn) + (1.0 - gate) * memory


def lstm(x, past, weights, act):
    """Hochreiter & Schmidhuber 1997 with a forget gate; rows of w: input, forget, candidate, output."""
    (h, memory), (w, u, b, c) = np.split(past[-1], 2), weights
    enter, forget, candidate, leave = np.split(w @ x + b + u @ h + c, 4)
    memory = sigmoid(forget) * memory + sigmoid(enter) * act(candidate)
    return np.concatenate([sigmoid(leave) * act(memory), memory])


def rnn(x, past, weights, act):
    """Elman 1990."""
    w, u, b, c = weights
    return act(w @ x + b + u @ past[-1] + c)


def mingru(x, past, weights, act):
    """Feng et al. 2024: gate and candidate of the input alone."""
    (wz, wn), (bz, bn) = (np.split(one, 2) for one in weights)
    update = sigmoid(wz @ x + bz)
    return (1.0 - update) * past[-1] + update * act(wn @ x + bn)


def tau_gru(x, past, weights, act):
    """Erichson, Lim & Mahoney 2022; rows of w: u, g, a, z; the state DELAY steps before the present one in z."""
    state, late = past[-1], past[-1 - DELAY]
    (wu, wg, wa, wz), (uu, ug, ua, uz), (bu, bg, ba, bz) = (np.split(one, 4) for one in weights)
    moves, weight = sigmoid(wg @ x + ug @ state + bg), sigmoid(wa @ x + ua @ state + ba)
    new = act(wu @ x + uu @ state + bu) + weight * act(wz @ x + uz @ late + bz)
    return (1.0 - moves) * state + moves * new


BY_HAND = {"gru": gru, "gru-v1": gru_v1, "gru-simple": gru_simple, "lstm": lstm, "rnn": rnn, "mingru": mingru,
           "tau-gru": tau_gru}
WIDTH = {"lstm": 2 * HIDDEN}  # of what one step leaves behind


def made_of(name, activation=None):
    """A cell in double precision with every weight drawn at random, biases too."""
    torch.manual_seed(5)
    made = CELLS.load(name)(INPUTS, HIDDEN, Structure(delay=DELAY, activation=activation)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0.0, 0.7)
    return made


@pytest.fixture(params=CELLS.names())
def name(request):
    return request.param


@pytest.fixture
def cell(name):
    return made_of(name)


def inputs(steps):
    return torch.from_numpy(np.random.default_rng(3).normal(size=(BATCH, steps, INPUTS)))


def weights_in_order(cell):
    """What the equations need: the input weights, the recurrent ones, the biases, in NumPy."""
    return [one.detach().numpy() for one in cell.parameters()]


def by_hand(name, cell, x, activation):
    """The states after each step of x (S, I), the first DELAY + 1 before the first step."""
    act = BY_NAME.get(activation or ("none" if name == "mingru" else "tanh"), lambda one: one)
    past = [np.zeros(WIDTH.get(name, HIDDEN))] * (DELAY + 1)
    for row in x:
        past.append(BY_HAND[name](row, past, weights_in_order(cell), act))
    return past


def zero_state(cell):
    return torch.zeros_like(cell(inputs(1))[1])


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS.names()])
@pytest.mark.parametrize("steps", [2, 5])
def test_steps_are_those_of_the_equations(name, activation, steps):
    x, cell = inputs(steps), made_of(name, activation)
    outputs, last = cell(x)
    for row in range(BATCH):
        past = by_hand(name, cell, x[row].numpy(), activation)
        wanted = np.stack(past[DELAY + 1 :])
        np.testing.assert_allclose(outputs[row].detach().numpy(), wanted[:, :HIDDEN], rtol=0, atol=1e-10)
        kept = past[-1] if name != "tau-gru" else np.concatenate(past[: -DELAY - 2 : -1])
        np.testing.assert_allclose(last[row].detach().numpy(), kept, rtol=0, atol=1e-10)


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS.names()])
def test_a_path_over_time_and_single_steps_agree(name, activation):
    x, cell = inputs(5), made_of(name, activation)
    outputs, last = cell(x)
    state = zero_state(cell)
    for step in range(5):
        state = cell.step(x[:, step], state)
        torch.testing.assert_close(cell.output(state), outputs[:, step], rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", [None, "silu"])
def test_gradients_are_those_of_finite_differences(name, activation):
    x, cell = inputs(4).requires_grad_(), made_of(name, activation)

    def run(values, *_):
        outputs, last = cell(values)
        return outputs, cell.step(values[:, 0], last)

    assert torch.autograd.gradcheck(run, (x, *cell.parameters()), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in CELLS.names() if name != "mingru"])
def test_a_cell_begins_with_recurrent_blocks_that_keep_lengths(name):
    torch.manual_seed(1)
    _, recurrent, *_ = CELLS.load(name)(INPUTS, HIDDEN).parameters()
    for block in recurrent.detach().split(HIDDEN):
        torch.testing.assert_close(block @ block.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("gated", "block", "bias"), [
    ("gru", 1, 1.0), ("gru-v1", 1, 1.0), ("lstm", 1, 1.0), ("gru-simple", 1, -1.0), ("tau-gru", 1, -1.0),
    ("mingru", 0, -1.0)])
def test_a_gated_cell_begins_with_its_memory_open(gated, block, bias):
    biases = [one.detach() for one in CELLS.load(gated)(INPUTS, HIDDEN).parameters() if one.ndim == 1]
    wanted = torch.zeros_like(biases[0])
    wanted[block * HIDDEN : (block + 1) * HIDDEN] = bias
    torch.testing.assert_close(sum(biases), wanted)


def test_without_its_reset_gate_a_gru_is_the_simple_one():
    """An open reset gate (bias far up) leaves the update gate; the simple cell's gate moves where the other keeps."""
    full, simple = made_of("gru-v1"), made_of("gru-simple")
    with torch.no_grad():
        for both, one in zip(full.parameters(), simple.parameters(), strict=True):
            update, candidate = both[HIDDEN : 2 * HIDDEN], both[2 * HIDDEN :]
            one.copy_(torch.cat([candidate, -update]))
        full.b[:HIDDEN], full.w[:HIDDEN], full.u[:HIDDEN] = 1e3, 0.0, 0.0
    x = inputs(6)
    torch.testing.assert_close(simple(x)[0], full(x)[0], rtol=0, atol=1e-12)


def test_with_an_open_reset_gate_both_grus_are_one():
    after, before = made_of("gru"), made_of("gru-v1")
    w, u, b, c = after.core.all_weights[0]
    with torch.no_grad():
        c.zero_()
        b[:HIDDEN], w[:HIDDEN], u[:HIDDEN] = 1e3, 0.0, 0.0
        for one, other in zip(before.parameters(), (w, u, b), strict=True):
            one.copy_(other)
    x = inputs(6)
    torch.testing.assert_close(before(x)[0], after(x)[0], rtol=0, atol=1e-12)


def test_a_delay_longer_than_the_window_brings_nothing_back():
    far, farther = (CELLS.load("tau-gru")(INPUTS, HIDDEN, Structure(delay=delay)).double() for delay in (7, 9))
    farther.load_state_dict(far.state_dict())
    torch.testing.assert_close(far(inputs(6))[0], farther(inputs(6))[0], rtol=0, atol=0)
    near = CELLS.load("tau-gru")(INPUTS, HIDDEN, Structure(delay=3)).double()
    near.load_state_dict(far.state_dict())
    same, moved = slice(None, 4), slice(4, None)
    torch.testing.assert_close(near(inputs(6))[0][:, same], far(inputs(6))[0][:, same], rtol=0, atol=0)
    assert not torch.equal(near(inputs(6))[0][:, moved], far(inputs(6))[0][:, moved])


@pytest.mark.parametrize("activation", [None, "gelu"])
def test_a_scan_of_mingru_in_training_is_its_steps_in_service(activation):
    """Two thousand steps in float32 by the scan of torch, and one by one in NumPy."""
    torch.manual_seed(2)
    structure = Structure(activation=activation)
    cell = CELLS.load("mingru")(INPUTS, 16, structure)
    x = torch.randn(3, 2048, INPUTS)
    with torch.no_grad():
        scanned = cell(x)[0].numpy()
    service = inference.CELLS.load("mingru")({key: one.numpy() for key, one in cell.state_dict().items()}, structure)
    state, projected = service.start(3), service.project(x.numpy().reshape(-1, INPUTS)).reshape(3, 2048, -1)
    for step in range(2048):
        state = service.step(projected[:, step], state)
        assert np.abs(service.output(state) - scanned[:, step]).max() <= 1e-4


def test_windows_that_are_worked_on_in_turn_are_those_of_all_at_once(monkeypatch):
    cell, x = made_of("mingru"), torch.randn(5, 9, INPUTS, dtype=torch.float64)
    whole = cell(x)
    monkeypatch.setattr("grucast.networks.cells.mingru.TOGETHER", 2 * 9 * 2 * HIDDEN)
    for one, other in zip(cell(x), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_a_fused_cell_is_its_own_loop(name):
    """Where torch has a kernel, the loop that stands in for it under another activation is the same cell with tanh."""
    cell, loop = made_of(name), made_of(name, "tanh")
    if name == "mingru":
        pytest.skip("no tanh in it")
    if hasattr(loop, "fused"):
        loop.fused = False
    for one, other in zip(cell(inputs(5)), loop(inputs(5)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_the_activations_are_known_to_the_equations():
    assert set(BY_NAME) == set(ACTIVATIONS.names()) == set(inference.ACTIVATIONS.names())


@pytest.mark.parametrize("activation", ACTIVATIONS.names())
def test_activations_in_numpy_are_those_by_hand(activation):
    x = np.linspace(-6, 6, 97).astype(np.float32)
    found = inference.ACTIVATIONS.load(activation)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BY_NAME[activation](x.astype(np.float64)), rtol=0, atol=2e-6)


