"""Losses over quantiles: what a network is asked to be good at. Only observed targets count."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pinball(out: Tensor, y: Tensor, levels: Tensor) -> Tensor:
    """The pinball loss of each quantile (B, H, Q), from quantiles (B, H, Q) and targets (B, H).

    Koenker & Bassett 1978: max(q (y - f), (q - 1)(y - f)).
    """
    error = y[:, :, None] - out
    return torch.maximum(levels * error, (levels - 1.0) * error)


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
    y, mask = target
    if name == "quantile":
        each = pinball(out, y, levels).mean(dim=2)
    else:
        middle = out.shape[2] // 2
        centre = out[:, :, middle]
        around = out - centre[:, :, None] + centre.detach()[:, :, None]
        each = central(name, y - centre) + pinball(around, y, levels).mean(dim=2)
    return (each * mask).sum() / mask.sum().clamp_min(1.0)
