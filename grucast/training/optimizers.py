"""The optimizers: Adam, AdamW and RMSprop, as small as a fit needs them.

    adam     m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g²
             w <- w - r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + e)
    adamw    the same, after w <- (1 - r d) w
    rmsprop  v <- a v + (1 - a) g²         w <- w - r g / (sqrt(v) + e)

Kingma & Ba 2015 (arXiv 1412.6980, algorithm 1), Loshchilov & Hutter 2019 (arXiv 1711.05101, algorithm 2) and the
lectures of Hinton (Coursera 2012, 6e). They are those of `torch.optim` with its defaults, which a test holds them to.
Those import the compiler of torch when they are made: 1.5 s of the processor, as much as a fifth of the training of a
short series, for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # b1, b2, e
SMOOTHING = 0.99  # a


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Parameters that learn alike: at `share` of the rate, and drawn to zero by `decay` of it in every step."""

    params: Sequence[Tensor]
    share: float = 1.0
    decay: float = 0.0


class Optimizer:
    """Moves the parameters of its groups down their gradients; `kind` is adam, adamw or rmsprop."""

    def __init__(self, kind: str, groups: Sequence[Group]):
        self.kind, self.groups = kind, groups
        self.params = [one for group in groups for one in group.params]
        self.count = 0  # steps done
        self.squares = [torch.zeros_like(one) for one in self.params]
        self.means = [] if kind == "rmsprop" else [torch.zeros_like(one) for one in self.params]

    def clear(self) -> None:
        """Forget the gradients."""
        for one in self.params:
            one.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step at `rate`. A parameter without a gradient stays."""
        self.count += 1
        first = 0
        for group in self.groups:
            places = [first + k for k, one in enumerate(group.params) if one.grad is not None]
            first += len(group.params)
            if places:
                self._move(places, rate * group.share, group.decay)

    def state(self) -> dict[str, Tensor]:
        """All that a later process needs to go on bit for bit, by name."""
        named = {f"square.{k}": value.clone() for k, value in enumerate(self.squares)}
        named |= {f"mean.{k}": value.clone() for k, value in enumerate(self.means)}
        return named | {"count": torch.tensor(self.count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.count = int(state["count"])
        for name, values in (("square", self.squares), ("mean", self.means)):
            for k, value in enumerate(values):
                value.copy_(state[f"{name}.{k}"])

    def _move(self, places: Sequence[int], rate: float, decay: float) -> None:
        params, squares = [self.params[k] for k in places], [self.squares[k] for k in places]
        slopes = [one.grad for one in params if one.grad is not None]
        if self.kind == "rmsprop":
            torch._foreach_mul_(squares, SMOOTHING)
            torch._foreach_addcmul_(squares, slopes, slopes, 1.0 - SMOOTHING)
            below = torch._foreach_sqrt(squares)
            torch._foreach_add_(below, SMALL)
            torch._foreach_addcdiv_(params, slopes, below, -rate)
            return
        if self.kind == "adamw" and decay:
            torch._foreach_mul_(params, 1.0 - rate * decay)
        means = [self.means[k] for k in places]
        torch._foreach_lerp_(means, slopes, 1.0 - FIRST)
        torch._foreach_mul_(squares, SECOND)
        torch._foreach_addcmul_(squares, slopes, slopes, 1.0 - SECOND)
        below = torch._foreach_sqrt(squares)
        torch._foreach_div_(below, (1.0 - SECOND**self.count) ** 0.5)
        torch._foreach_add_(below, SMALL)
        torch._foreach_addcdiv_(params, means, below, -rate / (1.0 - FIRST**self.count))
