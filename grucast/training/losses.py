"""Losses over quantiles: what a network is asked to be good at. Only observed targets count."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pinball(out: Tensor, target: tuple[Tensor, Tensor], levels: Tensor) -> Tensor:
    """The mean pinball loss (a scalar) of quantiles (B, H, Q), for targets (values (B, H), mask (B, H)).

    Koenker & Bassett 1978: max(q e, (q - 1) e) = |e| / 2 + (q - 1/2) e with e = y - f; the second form costs
    a third of the first.
    """
    y, mask = target
    error = (y[:, :, None] - out) * mask[:, :, None]
    total = 0.5 * error.abs().sum() + (error.sum(dim=(0, 1)) * (levels - 0.5)).sum()
    return total / (len(levels) * mask.sum().clamp_min(1.0))


def central(name: str, error: Tensor) -> Tensor:
    """The loss of the central forecast, for errors in units of the series' scale."""
    if name == "mse":
        return error.square()
    if name == "huber":
        return functional.huber_loss(error, torch.zeros_like(error), reduction="none")
    return error.abs()


def loss_of(name: str, out: Tensor, target: tuple[Tensor, Tensor], levels: Tensor) -> Tensor:
    """The mean loss (a scalar) of quantiles `out` (B, H, Q) for targets (values (B, H), mask (B, H)).

    `quantile` is the mean pinball loss over all levels. The others act on the centre, and the distances of
    the other quantiles from it are trained with the pinball loss all the same, the centre held fixed.
    """
    if name == "quantile":
        return pinball(out, target, levels)
    y, mask = target
    middle = out.shape[2] // 2
    centre = out[:, :, middle]
    around = out - centre[:, :, None] + centre.detach()[:, :, None]
    missed = (central(name, y - centre) * mask).sum() / mask.sum().clamp_min(1.0)
    return missed + pinball(around, target, levels)


def rebuilding_loss(name: str, rebuilt: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    """The mean loss (a scalar) of rebuilt windows (B, L) for windows (values (B, L), mask (B, L))."""
    x, mask = target
    return (central(name, x - rebuilt) * mask).sum() / mask.sum().clamp_min(1.0)
