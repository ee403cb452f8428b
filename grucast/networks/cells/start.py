"""How recurrent weights begin: orthogonal, so that early gradients neither vanish nor burst."""

from __future__ import annotations

import torch
from torch import nn


def start_recurrent(core: nn.RNNBase, hidden: int, open_gate: slice | None = None) -> None:
    """Set orthogonal recurrent blocks, Glorot input blocks, zero biases, and +1 on the gate that keeps memory.

    Saxe et al. 2014 (arXiv 1312.6120) for the orthogonal start, Jozefowicz et al. 2015 for the bias.
    """
    with torch.no_grad():
        for block in core.weight_hh_l0.split(hidden):
            nn.init.orthogonal_(block)
        for block in core.weight_ih_l0.split(hidden):
            nn.init.xavier_uniform_(block)
        core.bias_ih_l0.zero_()
        core.bias_hh_l0.zero_()
        if open_gate is not None:
            core.bias_ih_l0[open_gate] = 1.0
