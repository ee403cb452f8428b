"""Where torch computes: threads and device, the one door to them for the floors above."""

from __future__ import annotations

import os

import torch

from grucast.core.errors import UsageError

MOST_THREADS = 4  # more do not help networks this small
WIDE = 256  # of the state; below, two threads took 61 s where one took 48


def configure(device: str, threads: int | None, hidden: int = 0) -> str:
    """Set the threads and give the device to use: "cpu" or "cuda".

    Where no number is asked for: one for a network less than `WIDE` wide, else all cores, at most four.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or (min(cores, MOST_THREADS) if hidden >= WIDE else 1))
    # else threads add up gradients of tables in any order; the function of the longer name imports the compiler first
    torch.set_deterministic_debug_mode("warn")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("--device cuda: there is no CUDA device here; leave it out or say cpu")
    return "cuda" if available and device != "cpu" else "cpu"


def torch_version() -> str:
    """The version of torch, without the build."""
    return str(torch.__version__).partition("+")[0]
