"""A rule that goes on learning is a stream: it gives the threshold of a row before it sees the score."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from grucast.core.arrays import Array


class Stream(Protocol):
    """State from row to row; the same answers row by row and over a whole file."""

    def push(self, score: float) -> float:
        """The threshold of the next row, whose score it then takes in; NaN is a row without one."""
        ...


class Fixed:
    """One threshold for ever."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def push(self, score: float) -> float:  # noqa: ARG002 - what fixed means
        """The threshold."""
        return self.threshold


def follow(stream: Stream, score: Array) -> Array:
    """The thresholds (T,) that `stream` gives to the rows of `score` (T,), one after the other."""
    return np.array([stream.push(value) for value in score.tolist()], dtype=float)
