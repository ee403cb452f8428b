"""What is ahead asks all states of the context (Bahdanau et al. 2015, arXiv 1409.0473).

With g_j (D,) the state of step j ahead and h_1 .. h_S (D,) those of the context, scores as in Vaswani et al. 2017
(arXiv 1706.03762):

    e_jk = (A g_j) . (K h_k) / sqrt(D)                          - infinity where nothing was observed
    a_jk = exp(e_jk) / sum over k of exp(e_jk)                  the weights that `explain` can draw
    g_j' = g_j + V sum over k of a_jk h_k
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

UNSEEN = -1e9  # of a score; where nothing at all was observed all are alike


class Attention(nn.Module):
    """Three maps without bias: asking, keys and values."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.ask = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden, bias=False)

    def forward(self, ahead: Tensor, path: Tensor, seen: Tensor) -> Tensor:
        """States ahead (B, C, D), each with what it found in `path` (B, S, D), where `seen` (B, S) is not zero."""
        scores = self.ask(ahead) @ self.key(path).transpose(1, 2) / math.sqrt(path.shape[2])
        shares = torch.softmax(scores.masked_fill(seen[:, None] == 0, UNSEEN), dim=2)
        found: Tensor = self.value(shares @ path)
        return ahead + found
