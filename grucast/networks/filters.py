"""A convolution over the rows of the context, before they are cut into segments (as in LSTNet, arXiv 1703.07015).

    f_t = relu(sum over i = -3 .. 3 of F_i row_{t+i} + f)       8 numbers beside each row

Rows outside the context are zeros. All rows are of the past, so that the filters may look both ways.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FILTERS, REACH = 8, 3  # what is learned of each row, and rows to each side


class Filters(nn.Module):
    """Rows with what filters find around them."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, FILTERS, 2 * REACH + 1, padding=REACH)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L, I + 8) from rows (B, L, I)."""
        found = torch.relu(self.conv(rows.transpose(1, 2))).transpose(1, 2)
        return torch.cat([rows, found], dim=2)


def width_of(inputs: int, hybrid: str | None) -> int:
    """Numbers of a row that the core is given, of `inputs` that the window has."""
    return inputs + FILTERS if hybrid == "conv" else inputs
