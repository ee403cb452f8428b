"""Our optimizers take the steps of torch's own, without the compiler that those import."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from grucast.core.config import OPTIMIZERS
from grucast.training.optimizers import Group, Optimizer

THEIRS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}
RATES = [0.01 * (1 + k % 5) for k in range(40)]


def small():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


def slope(network, k):
    """Leave the gradients of the k-th batch."""
    x = torch.sin(torch.arange(20.0).reshape(5, 4) * (k + 1))
    (network(x) - torch.cos(x[:, :2])).square().mean().backward()


def ours(network, kind):
    matrices, others = ([one for one in network.parameters() if (one.ndim > 1) == many] for many in (True, False))
    return Optimizer(kind, (Group(matrices, share=0.5, decay=0.2), Group(others)))


def weights(network):
    return torch.cat([one.detach().reshape(-1) for one in network.parameters()])


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_forty_steps_are_those_of_torch(kind):
    mine, theirs = small(), small()
    own = ours(mine, kind)
    groups = [{"params": list(group.params)} for group in ours(theirs, kind).groups]
    if kind == "adamw":
        groups[0]["weight_decay"], groups[1]["weight_decay"] = 0.2, 0.0
    other = THEIRS[kind](groups, lr=1.0)
    for k, rate in enumerate(RATES):
        slope(mine, k)
        slope(theirs, k)
        other.param_groups[0]["lr"], other.param_groups[1]["lr"] = 0.5 * rate, rate
        own.step(rate)
        other.step()
        own.clear()
        other.zero_grad()
    torch.testing.assert_close(weights(mine), weights(theirs), rtol=1e-6, atol=1e-7)
    assert not torch.allclose(weights(mine), weights(small()), atol=0.01)


def test_the_first_step_of_adam_by_hand():
    one = nn.Parameter(torch.tensor([2.0, -3.0]))
    one.grad = torch.tensor([0.5, -4.0])
    Optimizer("adam", (Group([one]),)).step(0.1)  # m / (1 - b1) = g and v / (1 - b2) = g²: a step is the rate, signed
    torch.testing.assert_close(one.detach(), torch.tensor([1.9, -2.9]))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_parameter_without_a_gradient_stays(kind):
    moved, still = (nn.Parameter(torch.tensor([float(k)])) for k in (1, 2))
    moved.grad = torch.tensor([1.0])
    Optimizer(kind, (Group([still], decay=0.5), Group([moved]))).step(0.1)
    assert still.item() == 2.0
    assert moved.item() < 1.0


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_goes_on_from_a_state_takes_the_same_steps(kind):
    whole, parts = small(), small()
    own, first = ours(whole, kind), ours(parts, kind)
    for k in range(6):
        slope(whole, k)
        own.step(RATES[k])
        own.clear()
    for k in range(6):
        if k == 3:
            kept = first.state()
            first = ours(parts, kind)
            first.restore(kept)
        slope(parts, k)
        first.step(RATES[k])
        first.clear()
    assert torch.equal(weights(whole), weights(parts))


def test_a_training_never_imports_the_compiler_of_torch():
    code = """
import sys
from small_fit import job_of, trained
from grucast.training.setup import configure
configure("cpu", 1)
trained(job_of(epochs=1))
assert "torch._dynamo" not in sys.modules and "torch._inductor" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
