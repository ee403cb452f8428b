"""Losses by hand."""

import numpy as np
import pytest
import torch

from grucast.training.losses import loss_of

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def target(y, mask=None):
    values = torch.tensor(y)
    return values, torch.ones_like(values) if mask is None else torch.tensor(mask)


def test_the_pinball_loss_of_a_known_case():
    out = torch.tensor([[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]]])  # two steps
    # y = 3: 0.1 * 2, 0.5 * 1, (0.9 - 1) * -1; y = -2: (0.1 - 1) * -2, (0.5 - 1) * -2, (0.9 - 1) * -2
    wanted = (0.2 + 0.5 + 0.1 + 1.8 + 1.0 + 0.2) / 6
    assert float(loss_of("quantile", out, target([[3.0, -2.0]]), LEVELS)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("name", "of_the_centre"),
    [("mse", (1.0 + 9.0) / 2), ("mae", (1.0 + 3.0) / 2), ("huber", (0.5 + 2.5) / 2)],
)
def test_other_losses_are_of_the_centre_and_leave_the_pinball_loss_to_the_rest(name, of_the_centre):
    out = torch.tensor([[[1.0, 2.0, 4.0], [0.0, 1.0, 1.5]]])
    wanted = target([[3.0, -2.0]])
    found = float(loss_of(name, out, wanted, LEVELS))
    assert found == pytest.approx(of_the_centre + float(loss_of("quantile", out, wanted, LEVELS)))


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_the_centre_follows_its_own_loss_and_the_distances_of_the_others_the_pinball_loss(name):
    """In a case where both pull on the centre: one target far above all quantiles."""
    centre = torch.tensor([[0.0]], requires_grad=True)
    below, above = (torch.tensor([[1.0]], requires_grad=True) for _ in range(2))
    out = torch.stack([centre - below, centre, centre + above], dim=2)
    loss_of(name, out, target([[5.0]]), LEVELS).backward()
    slope = {"mse": -10.0, "mae": -1.0, "huber": -1.0}[name]
    assert centre.grad.item() == pytest.approx(slope)  # nothing of the pinball loss
    assert below.grad.item() == pytest.approx(0.1 / 3)  # d/db of 0.1 (5 - (0 - b)) over three levels
    assert above.grad.item() == pytest.approx(-0.9 / 3)


@pytest.mark.parametrize("name", ["quantile", "mse", "mae", "huber"])
def test_only_observed_targets_count(name):
    rng = np.random.default_rng(0)
    out = torch.tensor(np.sort(rng.normal(size=(4, 5, 3)), axis=2))
    y, mask = rng.normal(size=(4, 5)), (rng.random((4, 5)) < 0.6).astype(float)
    changed = np.where(mask > 0, y, 1e6)
    first = loss_of(name, out, target(y, mask), LEVELS.double())
    torch.testing.assert_close(loss_of(name, out, target(changed, mask), LEVELS.double()), first)
    keep = mask.astype(bool)
    alone = torch.tensor(out.numpy()[keep][:, None])
    torch.testing.assert_close(loss_of(name, alone, target(y[keep][:, None]), LEVELS.double()), first)


@pytest.mark.parametrize("name", ["quantile", "mse", "mae", "huber"])
def test_without_a_target_the_loss_is_zero(name):
    found = loss_of(name, torch.ones(2, 3, 3), target(np.zeros((2, 3)).tolist(), np.zeros((2, 3)).tolist()), LEVELS)
    assert float(found) == 0.0
