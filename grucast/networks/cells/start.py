"""How recurrent weights begin: orthogonal, so that early gradients neither vanish nor burst."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def start_recurrent(core: nn.RNNBase, hidden: int, open_gate: slice | None = None) -> None:
    """Set orthogonal recurrent blocks, Glorot input blocks, zero biases, and +1 on the gate that keeps memory.

    Saxe et al. 2014 (arXiv 1312.6120) for the orthogonal start, Jozefowicz et al. 2015 for the bias.
    """
    w, u, b, c = core.all_weights[0]
    start_blocks(w, u, hidden)
    with torch.no_grad():
        b.zero_()
        c.zero_()
        if open_gate is not None:
            b[open_gate] = 1.0


def start_blocks(w: Tensor, u: Tensor | None, hidden: int) -> None:
    """Set blocks of `hidden` rows: of `u`, where there is one, orthogonal, then of `w` as Glorot & Bengio 2010 do."""
    with torch.no_grad():
        for block in torch.split(u, hidden) if u is not None else ():
            nn.init.orthogonal_(block)
        for block in torch.split(w, hidden):
            nn.init.xavier_uniform_(block)
