"""Each cell against its equations, written out in NumPy and float64."""

import numpy as np
import pytest
import torch

from grucast.networks import CELLS

INPUTS, HIDDEN, BATCH = 3, 4, 2


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def gru(x, state, w, u, b, c):
    """Cho et al. 2014 with the reset gate after the product; rows of w: reset, update, candidate."""
    wr, wz, wn = np.split(w, 3)
    ur, uz, un = np.split(u, 3)
    br, bz, bn = np.split(b, 3)
    cr, cz, cn = np.split(c, 3)
    reset = sigmoid(wr @ x + br + ur @ state + cr)
    update = sigmoid(wz @ x + bz + uz @ state + cz)
    candidate = np.tanh(wn @ x + bn + reset * (un @ state + cn))
    return update * state + (1.0 - update) * candidate


def lstm(x, state, w, u, b, c):
    """Hochreiter & Schmidhuber 1997 with a forget gate; rows of w: input, forget, candidate, output."""
    h, memory = np.split(state, 2)
    total = w @ x + b + u @ h + c
    enter, forget, candidate, leave = np.split(total, 4)
    memory = sigmoid(forget) * memory + sigmoid(enter) * np.tanh(candidate)
    return np.concatenate([sigmoid(leave) * np.tanh(memory), memory])


def rnn(x, state, w, u, b, c):
    """Elman 1990."""
    return np.tanh(w @ x + b + u @ state + c)


BY_HAND = {"gru": gru, "lstm": lstm, "rnn": rnn}


@pytest.fixture(params=CELLS.names())
def name(request):
    return request.param


@pytest.fixture
def cell(name):
    """A cell in double precision with every weight drawn at random, biases too."""
    torch.manual_seed(5)
    made = CELLS.load(name)(INPUTS, HIDDEN).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0.0, 0.7)
    return made


def inputs(steps):
    return torch.from_numpy(np.random.default_rng(3).normal(size=(BATCH, steps, INPUTS)))


def zero_state(cell):
    return torch.zeros_like(cell(inputs(1))[1])


def test_two_steps_are_those_of_the_equations(name, cell):
    x = inputs(2)
    outputs, last = cell(x)
    w, u, b, c = (one.detach().numpy() for one in cell.core.all_weights[0])
    for row in range(BATCH):
        state = np.zeros(last.shape[1])
        for step in range(2):
            state = BY_HAND[name](x[row, step].numpy(), state, w, u, b, c)
            np.testing.assert_allclose(outputs[row, step].detach().numpy(), state[:HIDDEN], rtol=0, atol=1e-10)
        np.testing.assert_allclose(last[row].detach().numpy(), state, rtol=0, atol=1e-10)


def test_a_path_over_time_and_single_steps_agree(cell):
    x = inputs(5)
    outputs, last = cell(x)
    state = zero_state(cell)
    for step in range(5):
        state = cell.step(x[:, step], state)
        torch.testing.assert_close(cell.output(state), outputs[:, step], rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


def test_gradients_are_those_of_finite_differences(cell):
    x = inputs(3).requires_grad_()
    weights = tuple(cell.parameters())

    def run(values, *_):
        outputs, last = cell(values)
        return outputs, cell.step(values[:, 0], last)

    assert torch.autograd.gradcheck(run, (x, *weights))


def test_a_cell_begins_with_recurrent_blocks_that_keep_lengths(name):
    torch.manual_seed(1)
    for block in CELLS.load(name)(INPUTS, HIDDEN).core.all_weights[0][1].detach().split(HIDDEN):
        torch.testing.assert_close(block @ block.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("gated", "block"), [("gru", 1), ("lstm", 1)])
def test_a_gated_cell_begins_with_its_memory_open(gated, block):
    made = CELLS.load(gated)(INPUTS, HIDDEN)
    _, _, b, c = (one.detach() for one in made.core.all_weights[0])
    wanted = torch.zeros_like(b)
    wanted[block * HIDDEN : (block + 1) * HIDDEN] = 1.0
    torch.testing.assert_close(b + c, wanted)
