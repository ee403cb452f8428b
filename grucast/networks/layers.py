"""Ways to run one recurrent cell over the context: with a state some steps back, and in both directions."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from grucast.core.config import Structure
from grucast.networks import CELLS


class Cell(Protocol):
    """What every entry of CELLS is: one recurrent layer."""

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of all steps (B, S, D) and the last state, from x (B, S, I)."""
        ...

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state after one more input x (B, I)."""
        ...

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        ...


class BothWays(nn.Module):
    """A cell forwards and one backwards over the context, their outputs side by side and mapped back to D.

    Schuster & Paliwal 1997. With f_k and b_k the states of the two at step k, M (D, 2 D) and m (D,):

        y_k   = M [f_k, b_k] + m                                passed on
        state = M [f_S, b_1] + m                                after the context: both have read it all

    A state of several parts (that of an LSTM) is joined part by part. What follows the context is one more step of
    the forward cell, which nothing later than the context has reached.
    """

    def __init__(self, cell: str, inputs: int, hidden: int, structure: Structure) -> None:
        super().__init__()
        self.hidden = hidden
        self.forth = CELLS.load(cell)(inputs, hidden, structure)
        self.back = CELLS.load(cell)(inputs, hidden, structure)
        self.join = nn.Linear(2 * hidden, hidden)
        with torch.no_grad():  # begins as the mean of both
            self.join.weight.copy_(0.5 * torch.eye(hidden).repeat(1, 2))
            self.join.bias.zero_()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of all steps (B, S, D) and the state of both, from x (B, S, I)."""
        first, ahead = self.forth(x)
        second, behind = self.back(x.flip(1))
        parts = [one.reshape(x.shape[0], -1, self.hidden) for one in (ahead, behind)]
        return self.join(torch.cat([first, second.flip(1)], dim=2)), self.join(torch.cat(parts, dim=2)).flatten(1)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The state after one more input x (B, I), of the forward cell."""
        after: Tensor = self.forth.step(x, state)
        return after

    def output(self, state: Tensor) -> Tensor:
        """The part of the state that is passed on, (B, D)."""
        passed: Tensor = self.forth.output(state)
        return passed


def over_phases(cell: Cell, x: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Outputs (B, S, D) and last states (B, stride, W) of a cell whose state is that of `stride` steps before.

    Chang et al. 2017 (arXiv 1710.02224). Each phase of the stride is a sequence of its own, and all of them run side
    by side, so that a kernel for a whole sequence can be used. The i-th state given is the one that the i-th step after
    the context follows on; the last one is the newest.
    """
    if stride == 1:
        outputs, last = cell(x)
        return outputs, last[:, None]
    size, steps, width = x.shape
    whole, more = divmod(steps, stride)  # the first `more` phases have a step more
    even = x[:, : whole * stride].reshape(size, whole, stride, width)
    longer = torch.cat([even[:, :, :more], x[:, None, whole * stride :]], dim=1)
    runs = [_side_by_side(cell, part) for part in (longer, even[:, :, more:]) if part.shape[2]]
    in_turn = torch.cat([outputs[:, :whole] for outputs, _ in runs], dim=2).flatten(1, 2)
    rest = runs[0][0][:, whole] if more else in_turn[:, :0]
    states = torch.cat([last for _, last in runs], dim=1)
    return torch.cat([in_turn, rest], dim=1), states.roll(-more, dims=1)


def _side_by_side(cell: Cell, x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (B, n, P, D) and last states (B, P, W) of P sequences x (B, n, P, I)."""
    size, steps, phases, width = x.shape
    outputs, last = cell(x.transpose(1, 2).reshape(size * phases, steps, width))
    return outputs.reshape(size, phases, steps, -1).transpose(1, 2), last.reshape(size, phases, -1)


def follow(cell: Cell, x: Tensor, states: Tensor) -> Tensor:
    """Outputs (B, C, D) of one step for each of C inputs x (B, C, I), the i-th after the i-th of `states`, in turn."""
    size, count = x.shape[:2]
    if states.shape[1] == 1:
        wide = states.expand(-1, count, -1)
    else:
        wide = states.repeat(1, -(-count // states.shape[1]), 1)[:, :count]
    after = cell.step(x.reshape(size * count, -1), wide.reshape(size * count, -1))
    return cell.output(after).reshape(size, count, -1)
